// StrandPool: a worker pool that runs strands, and the list of children with results for the node's thread.
//
// A strand is scheduled when it has something to do; the pool gives it a turn (a bounded batch of work) and another one, behind the others, as
// long as it wants more. A strand never runs on two threads at once: it schedules itself only when it is idle.
//
// Implementations: thread_worker_pool.h (threads), inline_worker_pool.h (runs when asked; for tests and the simulator).
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "node/worker_pool.h"

namespace supervisorring {

class Strand {
 public:
  virtual ~Strand() = default;
  enum class Next { idle, again };
  // One turn, on a thread of the pool. No exception leaves it.
  virtual Next run_turn() = 0;
  virtual bool wants_own_thread() const { return false; }

  // How its turns went lately, kept by who runs them. A strand is quick when the last ones were short.
  bool is_quick() const { return short_turns_.load(std::memory_order_relaxed) >= kQuickFrom; }
  void note_turn(std::chrono::nanoseconds took) {
    const auto before = short_turns_.load(std::memory_order_relaxed);
    if (took > kLongTurn) short_turns_.store(took > 10 * kLongTurn ? 0 : before / 2, std::memory_order_relaxed);
    else if (before < 2 * kQuickFrom) short_turns_.store(static_cast<std::uint8_t>(before + 1), std::memory_order_relaxed);
  }

 private:
  static constexpr std::uint8_t kQuickFrom = 8;
  static constexpr std::chrono::microseconds kLongTurn{100};
  std::atomic<std::uint8_t> short_turns_{0};
};

class StrandPool : public WorkerPool {
 public:
  // `wake` is called, from any thread, when the ready list becomes non-empty, and not again until take_ready().
  explicit StrandPool(std::function<void()> wake) : wake_(std::move(wake)) {}

  // The node's thread. REQUIRES: the strand is neither scheduled nor running.
  virtual void schedule(std::shared_ptr<Strand> strand) = 0;

  // Any thread: the process `pid` has results to perform.
  void add_ready(const Term& pid) {
    bool first;
    {
      std::lock_guard lock(ready_mutex_);
      first = ready_.empty();
      ready_.push_back(pid);
    }
    if (first) wake_();
  }
  std::vector<Term> take_ready() override {
    std::lock_guard lock(ready_mutex_);
    return std::exchange(ready_, {});
  }

 private:
  std::function<void()> wake_;
  std::mutex ready_mutex_;
  std::vector<Term> ready_;  // each pid once: a child adds itself only when its outbox was empty
};

}  // namespace supervisorring
