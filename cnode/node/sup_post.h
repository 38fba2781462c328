// PostBox: work that one process of this node hands to another.
//
// A closure put into a process's box runs in that process, in its context, in the order of puts; one that is put while the
// process is gone never runs. On the node's thread only. The wake-up is an ordinary local message, so it keeps its place among the
// messages of the same sender.
#pragma once

#include <deque>
#include <functional>

#include "node/process.h"

namespace supervisorring {

class PostBox {
 public:
  using Work = std::function<void(ProcessContext&)>;

  // For the owner, in started() and ended().
  void open(const Term& pid) { pid_ = pid, work_.clear(); }
  void close() { pid_ = Term(), work_.clear(); }
  // For the owner: true when `message` was a wake-up and the work is done.
  bool handle(ProcessContext& context, const Term& message) {
    if (!message.is_atom("$supervisorring_post")) return false;
    std::deque<Work> work;
    work.swap(work_);
    for (Work& each : work) each(context);
    return true;
  }

  bool is_open() const { return pid_.is_pid(); }
  const Term& pid() const { return pid_; }
  void put(ProcessContext& from, Work work) {
    if (!is_open()) return;
    work_.push_back(std::move(work));
    if (work_.size() == 1) from.send(pid_, atom("$supervisorring_post"));
  }

 private:
  Term pid_;
  std::deque<Work> work_;
};

}  // namespace supervisorring
