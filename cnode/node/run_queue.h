// Run queue: the signals on their way to local processes, one queue for all of them.
//
// First in, first out: so signals between one pair of processes arrive in order, a process is never entered while it runs,
// and two runs with the same inputs are the same.
#pragma once

#include <deque>

#include "node/identity.h"
#include "node/process.h"

namespace supervisorring {

enum class SignalKind : std::uint8_t {
  start,      // Process::started
  message,    // body
  link_exit,  // the process `from`, linked, ended for `body`
  exit,       // exit(Pid, Reason): from, body
  work,       // take_work()
  down,       // the monitor `key` ended: from = the object of the 'DOWN', body = the reason
};

struct Signal {
  SignalKind kind;
  PidNumber to;
  RefKey key = 0;
  Term from = {};
  Term body = {};
};

class RunQueue {
 public:
  void push(Signal signal) { signals_.push_back(std::move(signal)); }
  void message(PidNumber to, Term body) { signals_.push_back({SignalKind::message, to, 0, Term(), std::move(body)}); }
  void work(PidNumber to, ProcessWork work) {
    works_.push_back(std::move(work));
    signals_.push_back({SignalKind::work, to});
  }
  // Of the first `work` popped whose work has not been taken: each is taken, in their order.
  ProcessWork take_work() {
    ProcessWork first = std::move(works_.front());
    works_.pop_front();
    return first;
  }
  bool empty() const { return signals_.empty(); }
  std::size_t size() const { return signals_.size(); }
  Signal pop() {
    Signal first = std::move(signals_.front());
    signals_.pop_front();
    return first;
  }

 private:
  std::deque<Signal> signals_;
  std::deque<ProcessWork> works_;  // invariant: one for each `work` of signals_
};

}  // namespace supervisorring
