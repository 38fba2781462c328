#include "io/baton.h"

#include <condition_variable>
#include <mutex>

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
  std::condition_variable loop_ended;
  bool done = false;
};

Baton::Baton() : turns_(std::make_shared<Turns>()), crew_(std::make_shared<Crew>(turns_)), threads_(std::make_shared<ThreadCrew>()) {}
Baton::~Baton() = default;

void Baton::run(std::function<Loop()> loop) {
  std::unique_lock lock(crew_->mutex);
  crew_->loop = std::move(loop);
  threads_->start([crew = crew_] { hold(crew); });
  threads_->start([crew = crew_, threads = threads_] { relieve(crew, threads); });
  crew_->loop_ended.wait(lock, [this] { return crew_->done; });
}

bool Baton::wait_for_lost(std::chrono::milliseconds grace) {
  return threads_->join(grace);
}

void Baton::hold(const std::shared_ptr<Crew>& crew) {
  const Loop how = crew->loop();
  std::lock_guard lock(crew->mutex);
  if (how == Loop::done) crew->done = true;
  crew->relief_wanted.notify_all();
  crew->loop_ended.notify_all();
}

void Baton::relieve(const std::shared_ptr<Crew>& crew, const std::shared_ptr<ThreadCrew>& threads) {
  Turns& turns = *crew->turns;
  std::uint64_t seen = 0;
  int quiet_looks = 0;
  std::unique_lock lock(crew->mutex);
  while (!crew->done) {
    std::uint64_t count = turns.count.load(std::memory_order_acquire);
    const bool unchanged = count == seen;
    const bool lent = count % 2 == 1;
    if (unchanged && lent && turns.count.compare_exchange_strong(count, count + 1, std::memory_order_acq_rel)) {
      lock.unlock();
      threads->start([crew, threads] { relieve(crew, threads); });
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
}

void Baton::wake_relief() {
  std::lock_guard lock(crew_->mutex);
  turns_->relief_sleeps.store(false, std::memory_order_seq_cst);
  crew_->relief_wanted.notify_all();
}

}  // namespace supervisorring
