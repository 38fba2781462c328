// JoinCheck: may this node own its share of what another member's supervisors run?
//
// Every up member owns a share of every supervisor, so a node that cannot start some of a supervisor's children would lose them
// (the old owner gives them up after a failed start). The rule: every supervisor that another member runs must be defined here, and
// every child of it must have a factory here. One whose `members` leave this node out asks for neither.
//
// Pure: who runs what has been asked before (the node's join guard). `--force` is not its business.
#pragma once

#include <functional>
#include <vector>

#include "sup/child_spec.h"
#include "supervisorring/result.h"

namespace supervisorring {

struct RemoteSupervisor {
  Term member;                      // who runs it
  Term name;
  std::vector<ChildSpec> children;  // static ones and those of its handlers, as far as they could be read
  bool owned_here = true;           // false: by its `members` this node owns none of them
  std::string refused = {};         // why this node may not run it beside that member at all; empty: it may
};

// ok(true), or one line that names what this node cannot run.
Result<bool> check_join(const std::vector<RemoteSupervisor>& supervisors, const std::function<bool(const Term& name)>& defined_here,
                        const std::function<bool(const ChildSpec&)>& can_start);

// The specs in a legacy child manager's state (sys:get_state of <Sup>.ChildManager): sup_ref and child_specs.
struct LegacyManagerState {
  Term name;
  std::vector<ChildSpec> children;
  std::vector<Term> handlers;
};
Result<LegacyManagerState> read_manager_state(const Term& state);
// Specs of a list of terms; those that are malformed are left out (they cannot run there either).
std::vector<ChildSpec> read_specs(const Term& specs);

}  // namespace supervisorring
