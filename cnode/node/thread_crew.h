// ThreadCrew: threads that are joined when they have ended, and left behind when code that does not return holds them.
//
// A thread that is merely detached may still run the ends of its thread-local data while the process runs its own; join() waits for those too.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

namespace supervisorring {

// Any thread may call any function.
class ThreadCrew {
 public:
  ThreadCrew();
  ~ThreadCrew();  // what has not ended is left behind
  ThreadCrew(const ThreadCrew&) = delete;

  // Runs `what` on a thread of its own. What it refers to has to outlive that thread: it should hold it.
  void start(std::function<void()> what);
  unsigned running() const;
  // Waits until all have ended. False: after `grace`, some have not.
  bool join(std::chrono::milliseconds grace);

 private:
  struct Shared;  // kept alive by the threads
  std::shared_ptr<Shared> shared_;
};

}  // namespace supervisorring
