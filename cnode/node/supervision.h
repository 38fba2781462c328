// Supervision: everything of the cluster's supervisors that runs on one node, as its program sees it.
//
// Spawns SuperSup, the peer process and the top supervisor, which starts those that are defined, when the node starts, and makes the functions of api.h callable.
// What connects it to membership, in the context of the membership's process:
//   - ring_changed() after every update of the RingView;
//   - may_join() before joining, at each change of the up-set and every so often;
//   - prepare_leave() when the RingView says `leaving`: answers when all children have been handed over, or the time for that has passed (SupervisionState::leave_timeout).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "node/node.h"
#include "node/sup_shared.h"
#include "node/top_sup.h"

namespace supervisorring {

class Supervision {
 public:
  // All four outlive it, and the node's processes.
  // The parent of the supervisors (top_sup.h). Not in drop-in.
  struct Top { std::optional<TopIntensity> intensity; TopSup::GiveUp give_up; };
  Supervision(Node&, RingView&, const worker_registry&, NativeRuntime&, Top = {});

  // Before the node starts, or later from a process of the node. Error: the name is defined already.
  Result<bool> define(SupervisorDefinition);
  Result<bool> define(ProcessContext&, SupervisorDefinition);

  void ring_changed(ProcessContext&);
  void may_join(ProcessContext&, std::vector<Term> members, std::function<void(ProcessContext&, Result<bool>)> then);
  void prepare_leave(ProcessContext&, std::function<void(ProcessContext&)> then);

  // True while any child runs here (the placement format must not change then).
  bool any_child_runs() const;
  Term status(ProcessContext&) const;               // api_status.h
  const std::shared_ptr<SupervisionState>& state() const { return state_; }

 private:
  std::shared_ptr<SupervisionState> state_;
};

}  // namespace supervisorring
