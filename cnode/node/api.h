// The functions that other nodes call over erpc: the modules `supervisorring` and 'Elixir.Supervisor'.
//
// supervisorring: find/2, start_child/2, terminate_child/2, delete_child/2, restart_child/2, which_children/1, count_children/1 with the return
// values of the original; exec/3,4,5 (api_exec.h); ours: whereis/2, and explain/2 and plan/1 (api_explain.h). status/0 is defined by the program (node/composition.h).
// A change goes to the owner of the id by a call to its local supervisor, once: the owner carries it out and never passes it on, so
// members that disagree about the ring cannot send it round. find/2 and the changes exit with noproc for a supervisor that is not defined here.
//
// 'Elixir.Supervisor': start_child/2, terminate_child/2, delete_child/2, restart_child/2, which_children/1, count_children/1 of this node's own
// local supervisor; [] and zeros for one that does not run here.
#pragma once

#include <memory>

#include "node/node.h"
#include "node/sup_shared.h"

namespace supervisorring {

inline constexpr Duration kChangeTimeout = std::chrono::seconds(10);  // then {error, child_server_timeout}, as the original
inline constexpr Duration kListTimeout = std::chrono::seconds(5);     // members that have not answered are left out

void define_api(Node&, std::shared_ptr<SupervisionState>);

// As the functions, for native children and the embedding program. `then` is called once, in the caller's process.
using ApiAnswer = std::function<void(ProcessContext&, std::variant<Term, RpcError>)>;
void api_find(ProcessContext&, SupervisionState&, const Term& sup, const Term& id, ApiAnswer then);
// Asks the local supervisors of all up members at once, this one's too; the lists of those that answer in time. `then` is called once.
void ask_everybody(ProcessContext&, std::shared_ptr<SupervisionState> state, const Term& sup, const Term& request,
                   std::function<void(ProcessContext&, std::vector<Term>)> then);
void api_start_child(ProcessContext&, std::shared_ptr<SupervisionState>, const Term& sup, const Term& spec, ApiAnswer then);

}  // namespace supervisorring
