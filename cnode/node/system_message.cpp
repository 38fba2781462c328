#include "node/system_message.h"

namespace supervisorring {

Term system_status(const Term& pid, const Term& module, const Term& parent, Term data) {
  const Term misc = list({tuple(atom("header"), Term::string("Status of a process in C++")), tuple(atom("data"), std::move(data))});
  return tuple(atom("status"), pid, tuple(atom("module"), module), list({Term(), atom("running"), parent, Term(), misc}));
}

void answer_system_message(ProcessContext& context, const Process& process, const Term& message) {
  const Term& from = message[1];
  const Term& request = message[2];
  if (!from.is_tuple(2) || !from[0].is_pid()) return;
  if (request.is_atom("get_state")) return context.reply(from, process.state_for_sys());
  if (request.is_atom("get_status")) {
    const Term data = list({tuple(Term::string("State"), process.state_for_sys())});
    return context.reply(from, system_status(context.self(), atom("supervisorring"), Term(), data));
  }
  context.reply(from, tuple(atom("error"), tuple(atom("unknown_system_msg"), request)));
}

}  // namespace supervisorring
