// ThreadWorkerPool: a StrandPool on threads.
//
// `threads` threads take turns of all strands, first come first served; a strand that wants its own thread gets one, which
// ends with the strand. An idle thread looks for work a little while before it sleeps, so that a stream of calls does not pay
// a wake-up each.
//
// When all threads are held by code that does not return and strands wait (kPatience), another thread stands in, so that one child never
// keeps all the others waiting. As many threads as stood in end when that code has returned; more than kMaxStandIns are not started.
//
// When the driver asks for it, a strand whose turns have been short is not handed to a thread: the node's own thread runs it between two steps
// (take_quick(), run_quick()). The driver sees to it that one that turns slow holds nothing up (io/baton.h).
//
// shut_down() does not wait for code that does not return: such a thread is left behind, and the program has to end by std::_Exit.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "node/strand_pool.h"
#include "node/thread_crew.h"

namespace supervisorring {

inline constexpr std::chrono::milliseconds kPatience{100};
inline constexpr std::size_t kHandedOver = 32;   // strands at once, at most: the threads begin while the node still schedules others
inline constexpr unsigned kMaxStandIns = 256;  // each has a stack, and is held by a child that is stuck

class ThreadWorkerPool : public StrandPool {
 public:
  // REQUIRES: threads >= 1
  ThreadWorkerPool(unsigned threads, std::function<void()> wake);
  ~ThreadWorkerPool() override;  // shut_down(1 s)

  void schedule(std::shared_ptr<Strand> strand) override;

  // ---- quick strands, on the node's thread ----------------------------------------------------------
  // The driver also calls hand_over() whenever the node has done a step.
  void keep_quick() { keeps_quick_ = true; }
  // Strands that were scheduled go to the threads, together.
  void hand_over();
  // The one that has waited longest; null: none waits.
  std::shared_ptr<Strand> take_quick();
  // One turn. Touches nothing that belongs to the node's thread, since the caller may not be that any more when the turn ends. Returns when it ended.
  std::chrono::steady_clock::time_point run_quick(std::shared_ptr<Strand> strand, std::chrono::steady_clock::time_point now);
  // The rest to the threads.
  void give_up_quick();

  // No strand gets another turn; waits for the running ones. False: after `grace` some still run. Later calls do nothing and return
  // what the first did. REQUIRES: not called from a strand.
  bool shut_down(std::chrono::milliseconds grace);
  unsigned running_threads() const;

 private:
  struct Queue;
  struct Shared;
  static void work(const std::shared_ptr<Shared>& shared, const std::shared_ptr<Queue>& queue);
  void start_thread(const std::shared_ptr<Queue>& queue);
  void look_out();

  std::shared_ptr<Shared> shared_;
  std::shared_ptr<Queue> common_;
  ThreadCrew crew_;
  std::thread lookout_;  // starts those that stand in
  bool keeps_quick_ = false;
  std::deque<std::shared_ptr<Strand>> quick_;  // this and the next: the node's thread only
  std::vector<std::shared_ptr<Strand>> scheduled_;
};

}  // namespace supervisorring
