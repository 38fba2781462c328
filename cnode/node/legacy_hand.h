// hand_to_legacy: gives a child that runs here to a legacy member, as the original's child manager gives it.
//
// 'Elixir.Supervisor':start_child(Sup, Spec) there; then, while the old copy still answers, Module:migrate({Id, Type, Modules}, Old, New)
// of the supervisor's callback module. The original runs migrate/3 on the old owner; a node without a BEAM has the new owner run it.
// Does not stop the old copy: the child manager does, when it hears that the new one runs.
#pragma once

#include <functional>
#include <memory>

#include "node/process.h"
#include "node/sup_shared.h"

namespace supervisorring {

inline constexpr Duration kMigrateTimeout = std::chrono::seconds(10);  // part of kMoveStepTimeout, which both steps have

// `then`: what start_child returned there, or why it was not called. A migrate that fails is a line in the log: the child runs there.
using HandedToLegacy = std::function<void(ProcessContext&, const Result<Term>& started)>;
void hand_to_legacy(ProcessContext&, std::shared_ptr<SupervisorState>, const ChildSpec&, const Term& node, HandedToLegacy then);

// The new child's pid in what start_child returned; [] for one that does not run.
Term pid_of_started(const Term& result);

}  // namespace supervisorring
