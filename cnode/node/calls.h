// Calls: gen_server calls and erpc calls that processes of this node make.
//
// A call is a monitor and an alias under one reference, as OTP's gen:call makes it: {'$gen_call', {Self, [alias|Ref]}, Request}.
// To a peer that is not known to offer DFLAG_ALIAS the tag is the plain reference, which every OTP answers. The reply, the 'DOWN' and the
// time-out each end the call; what comes later is dropped, since references of calls are recognised (identity.h).
//
// An erpc is a SPAWN_REQUEST of erpc:execute_call/4 with the request's reference as monitor and as the mark of the result, in
// the own node a process of the same kind (rpc.h).
#pragma once

#include <unordered_map>

#include "dist/control.h"
#include "node/process_table.h"

namespace supervisorring {

class Kernel;

class Calls {
 public:
  explicit Calls(Kernel& kernel) : kernel_(kernel) {}

  void call(ProcessEntry& self, const Term& to, const Term& request, CallOptions options, CallContinuation then);
  void erpc(ProcessEntry& self, const Term& node, const Term& module, const Term& function, std::vector<Term> arguments,
            Duration timeout, CallContinuation then);

  // True: `message` was the answer to a call, or came too late for one, and is done with.
  bool take_reply(ProcessEntry& self, const Term& message);
  // The monitor of the call or erpc `key` ended.
  void perform_down(ProcessEntry& self, RefKey key, const Term& reason);
  void handle_timeout(PidNumber owner, RefKey key);
  // Drop-in: what the BEAM says of a call that it made for this node.
  void handle_answer(RefKey key, CallResult result);
  void handle_spawn_reply(const SpawnReply& message);
  // The caller has ended.
  void abandon(ProcessEntry& self, RefKey key);
  // Who reads what is sent to an alias of this node.
  std::optional<PidNumber> alias_owner(const Term& alias) const;

 private:
  void begin(ProcessEntry& self, RefKey key, Duration timeout);
  void finish(ProcessEntry& self, RefKey key, CallResult result);

  Kernel& kernel_;
  std::unordered_map<RefKey, PidNumber> aliases_;  // of the calls under way
};

}  // namespace supervisorring
