#include "node/native_gate.h"

namespace supervisorring {

Term NativeGate::child(const Term& key) const {
  const SupervisorState* const sup = key.is_tuple(2) ? all_->find(key[0]) : nullptr;
  const auto view = sup && sup->local ? sup->local->find(key[1]) : std::nullopt;
  return view && view->state == Supervisor::ChildState::running ? view->pid : Term();
}

// Anything else, such as the answers of other gates and {leave, _, _}, is of no interest.
void NativeGate::handle_message(ProcessContext& context, const Term& message) {
  if (!message.is_tagged("$gen_call", 3)) return;
  const Term& request = message[2];
  const bool enter = request.is_tagged("enter", 3), cast = request.is_tagged("cast", 4);
  if (!enter && !cast) return context.reply(message[1], tuple(atom("error"), tuple(atom("unknown_call"), request)));
  const Term pid = child(request[1]);
  if (!pid.is_pid()) return context.reply(message[1], atom("again"));
  if (enter) return context.reply(message[1], tuple(atom("pid"), pid));
  context.cast(pid, request[2]);
  context.reply(message[1], atom("ok"));
}

}  // namespace supervisorring
