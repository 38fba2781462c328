// What `supervisorring:status/0` and `ringnode status` say of this node.
#pragma once

#include <string>

#include "node/sup_shared.h"

namespace supervisorring {

inline constexpr std::size_t kMaxPendingInStatus = 100;  // of one supervisor; the counts are complete

// #{node, up, members, settled, leaving, drained => [Node], drain => #{self => boolean(), rate => N | none, note => binary()}, otp, supervisors => [#{name, state, why, children, active, known, ...counts, members => all | native | beam | [Node], members_note => binary(), progress => binary(), pending => [{Id, Text}]}],
//   stuck => [#{pid, name, module, reason, seconds}], peers => #{Node => cnode | legacy | unknown}}
Term status_term(ProcessContext&, const SupervisionState&);

}  // namespace supervisorring
