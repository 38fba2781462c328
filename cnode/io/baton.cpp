#include "io/baton.h"

#include <condition_variable>
#include <mutex>
#include <thread>

namespace supervisorring {
namespace {

constexpr int kQuietLooks = 20;  // without a turn between them: then the relief sleeps until the next turn

}  // namespace

struct Baton::Crew {
  explicit Crew(std::shared_ptr<Turns> the_turns) : turns(std::move(the_turns)) {}

  const std::shared_ptr<Turns> turns;
  std::function<Loop()> loop;
  std::mutex mutex;  // guards the rest
  std::condition_variable relief_wanted;
  std::condition_variable thread_ended;
  bool done = false;
  unsigned threads = 0;
};

Baton::Baton() : turns_(std::make_shared<Turns>()), crew_(std::make_shared<Crew>(turns_)) {}
Baton::~Baton() = default;

void Baton::run(std::function<Loop()> loop) {
  std::unique_lock lock(crew_->mutex);
  crew_->loop = std::move(loop);
  crew_->threads = 2;
  std::thread([crew = crew_] { hold(crew); }).detach();
  std::thread(&Baton::relieve, crew_).detach();
  crew_->thread_ended.wait(lock, [this] { return crew_->done; });
}

bool Baton::wait_for_lost(std::chrono::milliseconds grace) {
  std::unique_lock lock(crew_->mutex);
  return crew_->thread_ended.wait_for(lock, grace, [this] { return crew_->threads == 0; });
}

void Baton::hold(const std::shared_ptr<Crew>& crew) {
  const Loop how = crew->loop();
  std::lock_guard lock(crew->mutex);
  if (how == Loop::done) crew->done = true;
  --crew->threads;
  crew->relief_wanted.notify_all();
  crew->thread_ended.notify_all();
}

void Baton::relieve(std::shared_ptr<Crew> crew) {
  Turns& turns = *crew->turns;
  std::uint64_t seen = 0;
  int quiet_looks = 0;
  std::unique_lock lock(crew->mutex);
  while (!crew->done) {
    std::uint64_t count = turns.count.load(std::memory_order_acquire);
    const bool unchanged = count == seen;
    const bool lent = count % 2 == 1;
    if (unchanged && lent && turns.count.compare_exchange_strong(count, count + 1, std::memory_order_acq_rel)) {
      ++crew->threads;
      std::thread(&Baton::relieve, crew).detach();
      lock.unlock();
      return hold(crew);
    }
    seen = count;
    quiet_looks = unchanged ? quiet_looks + 1 : 0;
    if (quiet_looks < kQuietLooks) {
      crew->relief_wanted.wait_for(lock, kPatience);
      continue;
    }
    turns.relief_sleeps.store(true, std::memory_order_seq_cst);
    if (turns.count.load(std::memory_order_seq_cst) == seen) crew->relief_wanted.wait(lock);
    turns.relief_sleeps.store(false, std::memory_order_seq_cst);
    quiet_looks = 0;
  }
  --crew->threads;
  crew->thread_ended.notify_all();
}

void Baton::wake_relief() {
  std::lock_guard lock(crew_->mutex);
  turns_->relief_sleeps.store(false, std::memory_order_seq_cst);
  crew_->relief_wanted.notify_all();
}

}  // namespace supervisorring
