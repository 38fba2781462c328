// supervisorring:exec/3,4,5 of a node without a BEAM, for those that ask it over erpc.
//
// exec(Sup, Id, Fun [, Timeout = 30000 [, Retries = 3]]) asks as the original does: {onnode, Id, {Self, Ref}, Fun} to the child manager here, which
// passes it to the owner's. The owner runs Fun; this node never does ({error, {no_beam, Node}} for a child of its own). Each try has a Ref of its own
// and waits for Timeout, milliseconds or `infinity`; when none of Retries was answered the caller gets the exit ring_unable_to_exec_fun.
//
// Exits with {noproc, {supervisorring, exec, Args}} where the supervisor is not defined; badarg for a time or a number that is none.
#pragma once

#include <memory>

#include "node/node.h"
#include "node/sup_shared.h"

namespace supervisorring {

inline constexpr std::int64_t kExecTimeoutMs = 30'000;
inline constexpr std::int64_t kExecRetries = 3;
inline constexpr std::int64_t kMaxExecTimeoutMs = 4'294'967'295;  // as in OTP's receive

void define_exec(Node&, std::shared_ptr<SupervisionState>);

}  // namespace supervisorring
