// ThreadWorkerPool: a StrandPool on threads.
//
// `threads` threads take turns of all strands, first come first served; a strand that wants its own thread gets one, which
// ends with the strand. An idle thread looks for work a little while before it sleeps, so that a stream of calls does not pay
// a wake-up each.
//
// shut_down() does not wait for code that does not return: such a thread is left behind, and the program has to end by std::_Exit.
#pragma once

#include <chrono>
#include <memory>

#include "node/strand_pool.h"

namespace supervisorring {

class ThreadWorkerPool : public StrandPool {
 public:
  // REQUIRES: threads >= 1
  ThreadWorkerPool(unsigned threads, std::function<void()> wake);
  ~ThreadWorkerPool() override;  // shut_down(1 s)

  void schedule(std::shared_ptr<Strand> strand) override;

  // No strand gets another turn; waits for the running ones. False: after `grace` some still run. Later calls do nothing and return
  // what the first did. REQUIRES: not called from a strand.
  bool shut_down(std::chrono::milliseconds grace);
  unsigned running_threads() const;

 private:
  struct Queue;
  struct Shared;
  static void work(std::shared_ptr<Shared> shared, std::shared_ptr<Queue> queue);
  void start_thread(const std::shared_ptr<Queue>& queue);

  std::shared_ptr<Shared> shared_;
  std::shared_ptr<Queue> common_;
};

}  // namespace supervisorring
