// PortRequests: in drop-in, the requests of the application's own API: {request, Id, Function, Arguments}, answered by {answer, Id, Result}.
//
// Functions of the table (api.h, composition.h), and the changes: start_child, terminate_child, delete_child, restart_child, which the owner's local
// supervisor carries out, once. No handler is told of them: the application does that in the caller's process, as the original does.
//
// The BEAM keeps a request until it is answered and makes it again to a successor of this program. A change that belongs here carries its id, by which the
// successor's local supervisor knows what it began; its answer is in the frame of the change. One for another member is noted before it is sent, and what
// that member then says of a change made before is the answer of the change.
#pragma once

#include <functional>
#include <memory>

#include "node/api.h"
#include "node/port_beam.h"
#include "node/supervision.h"

namespace supervisorring {

class PortRequests {
 public:
  using Leave = std::function<void(ProcessContext&, bool forget)>;
  PortRequests(Node& node, Beam& beam, std::shared_ptr<SupervisionState> state, Leave leave)
      : node_(node), beam_(beam), state_(std::move(state)), leave_(std::move(leave)) {}

  void handle(ProcessContext&, const Term& id, const Term& function, const Term& arguments);

 private:
  struct Change { Term id, function, sup, child, request; };  // `id`: of the request; `child`: the child's

  void handle_change(ProcessContext&, const Term& id, const Term& function, const Term& arguments);
  void change_here(ProcessContext&, const Change&);
  void change_there(ProcessContext&, const Change&, const Term& owner);
  void there_answered(ProcessContext&, const Change&, const Term& owner, bool again, const CallResult&);
  void answer_with_pid(ProcessContext&, const Change&, const Term& owner);
  void call_function(ProcessContext&, const Term& id, const Term& function, const Term& arguments);
  void answer(const Term& id, Term result);

  Node& node_;
  Beam& beam_;
  const std::shared_ptr<SupervisionState> state_;
  const Leave leave_;
};

}  // namespace supervisorring
