// WorkerPool: where the C++ code of native children runs, as a Node sees it.
//
// The pool runs callbacks of native children off the node's thread, one strand a child. When a child has something to be done on the
// node's thread, its pid goes into the ready list and the pool wakes the driver, which calls Node::workers_ready; the node
// then calls Process::worker_ready of each pid.
#pragma once

#include <vector>

#include "supervisorring/term.h"

namespace supervisorring {

class WorkerPool {
 public:
  virtual ~WorkerPool() = default;
  // Takes the pids whose worker half has results since the last call, each once. Called on the node's thread.
  virtual std::vector<Term> take_ready() = 0;
};

}  // namespace supervisorring
