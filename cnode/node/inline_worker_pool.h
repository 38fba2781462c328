// InlineWorkerPool: a StrandPool without threads, for tests and the simulator.
//
// Strands run in the order in which they were scheduled, when run() is called, on the caller's thread: one seed, one run.
#pragma once

#include <deque>

#include "node/strand_pool.h"

namespace supervisorring {

class InlineWorkerPool : public StrandPool {
 public:
  explicit InlineWorkerPool(std::function<void()> wake = [] {}) : StrandPool(std::move(wake)) {}

  void schedule(std::shared_ptr<Strand> strand) override { queue_.push_back(std::move(strand)); }

  // One turn of the strand that has waited longest. False: nothing to do.
  bool run_one() {
    if (queue_.empty()) return false;
    auto strand = std::move(queue_.front());
    queue_.pop_front();
    if (strand->run_turn() == Strand::Next::again) queue_.push_back(std::move(strand));
    return true;
  }
  // Turns until nothing is left to do. False: there was nothing.
  bool run() {
    bool any = false;
    while (run_one()) any = true;
    return any;
  }
  bool idle() const { return queue_.empty(); }

 private:
  std::deque<std::shared_ptr<Strand>> queue_;
};

}  // namespace supervisorring
