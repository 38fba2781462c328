// What sys and observers ask of any process: {system, From, Request}.
//
// A process of OTP's behaviours answers these; sys:get_state/1 and sys:get_status/1 of one of ours have an answer at once, too, rather than a
// time-out. Anything else, sys:suspend/1 for example, is refused with {error, {unknown_system_msg, Request}}. A native child has more to
// say and answers by itself (native_child.h).
#pragma once

#include "node/process.h"

namespace supervisorring {

inline bool is_system_message(const Term& message) {
  static const Term system = atom("system");
  return message.is_tuple(3) && message[0] == system;
}

// The status of sys:get_status/1, as sys:format_status makes it.
Term system_status(const Term& pid, const Term& module, const Term& parent, Term data);

// REQUIRES: is_system_message(message)
void answer_system_message(ProcessContext&, const Process&, const Term& message);

}  // namespace supervisorring
