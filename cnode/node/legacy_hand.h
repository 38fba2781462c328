// hand_to_legacy: gives a child that runs here to another member as the original's child manager gives it. To a legacy member always; to and from a
// BEAM that one of our programs lives beside, because a process there cannot be frozen and asked for its state.
//
// 'Elixir.Supervisor':start_child(Sup, Spec) there (to one of ours the call that it makes: it need not have Elixir); then, while the old copy still answers, Module:migrate({Id, Type, Modules}, Old, New)
// of the supervisor's callback module. The original runs migrate/3 on the old owner, and so does a BEAM's program; a node without a BEAM has the new owner run it.
// A native child of a node without a BEAM handles meanwhile only what comes from migrate/3, which is given a pid of its own for that; everything else waits for the new copy.
// Does not stop the old copy: the child manager does, when it hears that the new one runs.
//
// From a BEAM the calls that are open there are waited for, and others held back, while migrate/3 runs; a target that has a gate is told before the new copy
// starts that calls go to the old one until then; a node without a BEAM tells it, too, and has a gate of its own for those who are sent (native_gate.h) (erl/supervisorring_gate.erl; these steps are functions of supervisorring_move.erl). What was begun there is ended with gate_over().
//
// A child that ran there already, at a member of ours, ran twice: Module:conflict/3 of the same arguments is called where there is one, else migrate/3. One that runs there because this
// very move was interrupted is not meant: the gate knows.
//
// A migrate that fails: to a legacy member the child goes without its state, as with the original, since that member would start one of its own; of a member of ours the new
// copy is ended, and the old one goes on. A module without migrate/3 has no state to move.
#pragma once

#include <functional>
#include <memory>

#include "node/process.h"
#include "node/sup_shared.h"

namespace supervisorring {

inline constexpr Duration kHandLimit = std::chrono::seconds(60);   // for a native child that is being given away, beside the time for migrate/3; then it goes on
inline constexpr Duration kGateTimeout = std::chrono::seconds(6);  // an answer of this BEAM's gate, which may ask the target's

struct HandTo {
  Term node;
  bool ours;       // a member of ours
  bool has_gate;
  bool from_beam;  // the old owner is a BEAM
  Duration migrate_timeout;
  NativeRuntime* native = nullptr;  // of a node without a BEAM
};
// `then`: what start_child returned there; Error: it was not called, or the new copy has been ended again. `waits`: the pid of the old copy, a native child for which messages wait since
// migrate/3 began (hand_native()): they are to be forwarded, or it is to go on; [] for none.
using HandedToLegacy = std::function<void(ProcessContext&, const Result<Term>& started, const Term& waits)>;
void hand_to_legacy(ProcessContext&, std::shared_ptr<SupervisorState>, const ChildSpec&, const HandTo&, HandedToLegacy then);

// Drop-in: the new copy has the state, what is held goes there. Then, or when the child stays: the move is over.
void gate_moved(ProcessContext&, const Term& supervisor, const Term& id, const Term& new_pid);
void gate_over(ProcessContext&, const Term& supervisor, const Term& id);

// The new child's pid in what start_child returned; [] for one that does not run.
Term pid_of_started(const Term& result);

}  // namespace supervisorring
