// hand_to_legacy: gives a child that runs here to another member as the original's child manager gives it. To a legacy member always; to and from a
// BEAM that one of our programs lives beside, because a process there cannot be frozen and asked for its state.
//
// 'Elixir.Supervisor':start_child(Sup, Spec) there (to one of ours the call that it makes: it need not have Elixir); then, while the old copy still answers, Module:migrate({Id, Type, Modules}, Old, New)
// of the supervisor's callback module. The original runs migrate/3 on the old owner, and so does a BEAM's program; a node without a BEAM has the new owner run it.
// Does not stop the old copy: the child manager does, when it hears that the new one runs.
#pragma once

#include <functional>
#include <memory>

#include "node/process.h"
#include "node/sup_shared.h"

namespace supervisorring {

struct HandTo {
  Term node;
  bool ours;       // a member of ours
  bool from_beam;  // the old owner is a BEAM
  Duration migrate_timeout;
};
// `then`: what start_child returned there, or why it was not called. A migrate that fails is a line in the log: the child runs there.
using HandedToLegacy = std::function<void(ProcessContext&, const Result<Term>& started)>;
void hand_to_legacy(ProcessContext&, std::shared_ptr<SupervisorState>, const ChildSpec&, const HandTo&, HandedToLegacy then);

// The new child's pid in what start_child returned; [] for one that does not run.
Term pid_of_started(const Term& result);

}  // namespace supervisorring
