// ThreadWorkerPool: a StrandPool on threads.
//
// `threads` threads take turns of all strands, first come first served; a strand that wants its own thread gets one, which
// ends with the strand. An idle thread looks for work a little while before it sleeps, so that a stream of calls does not pay
// a wake-up each.
//
// When all threads are held by code that does not return and strands wait (kPatience), another thread stands in, so that one child never
// keeps all the others waiting. As many threads as stood in end when that code has returned; more than kMaxStandIns are not started.
//
// shut_down() does not wait for code that does not return: such a thread is left behind, and the program has to end by std::_Exit.
#pragma once

#include <chrono>
#include <memory>
#include <thread>

#include "node/strand_pool.h"

namespace supervisorring {

inline constexpr std::chrono::milliseconds kPatience{100};
inline constexpr unsigned kMaxStandIns = 256;  // each has a stack, and is held by a child that is stuck

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
  void look_out();

  std::shared_ptr<Shared> shared_;
  std::shared_ptr<Queue> common_;
  std::thread lookout_;  // starts those that stand in
};

}  // namespace supervisorring
