#include "node/thread_crew.h"

#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace supervisorring {

struct ThreadCrew::Shared {
  std::mutex mutex;
  std::condition_variable one_ended;
  std::list<std::thread> running;
  std::vector<std::thread> ended;  // have nothing to do any more but to end
};

ThreadCrew::ThreadCrew() : shared_(std::make_shared<Shared>()) {}

ThreadCrew::~ThreadCrew() {
  join(std::chrono::milliseconds(0));
  std::lock_guard lock(shared_->mutex);
  for (std::thread& thread : shared_->running) thread.detach();
  for (std::thread& thread : shared_->ended) thread.detach();
}

void ThreadCrew::start(std::function<void()> what) {
  std::vector<std::thread> ended;
  {
    std::lock_guard lock(shared_->mutex);
    ended.swap(shared_->ended);
    const auto self = shared_->running.emplace(shared_->running.end());
    *self = std::thread([shared = shared_, self, what = std::move(what)]() mutable {
      what();
      what = nullptr;
      std::lock_guard end(shared->mutex);
      if (!self->joinable()) return;  // left behind: the crew has gone
      shared->ended.push_back(std::move(*self));
      shared->running.erase(self);
      shared->one_ended.notify_all();
    });
  }
  for (std::thread& thread : ended) thread.join();
}

unsigned ThreadCrew::running() const {
  std::lock_guard lock(shared_->mutex);
  return static_cast<unsigned>(shared_->running.size());
}

bool ThreadCrew::join(std::chrono::milliseconds grace) {
  std::unique_lock lock(shared_->mutex);
  const bool all = shared_->one_ended.wait_for(lock, grace, [this] { return shared_->running.empty(); });
  std::vector<std::thread> ended = std::exchange(shared_->ended, {});
  lock.unlock();
  for (std::thread& thread : ended) thread.join();
  return all;
}

}  // namespace supervisorring
