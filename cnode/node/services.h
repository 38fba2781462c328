// Services: the registered processes that every node has for others to call.
//
// net_kernel answers {is_auth, Node} with yes (net_adm:ping/1). rex runs {call, M, F, A, GroupLeader} and block_call of a
// '$gen_call', {cast, M, F, A, GroupLeader} of a '$gen_cast', and the plain {Pid, {call, M, F, A, user}} of ei_rpc and {Pid, {sbcast, Name, Message}} of
// rpc:sbcast/3, which waits for every node. Like OTP's, both ignore what they do not know.
#pragma once

#include "node/process.h"

namespace supervisorring {

class Kernel;

class NetKernel final : public Process {
 public:
  void handle_message(ProcessContext& context, const Term& message) override;
};

class Rex final : public Process {
 public:
  explicit Rex(Kernel& kernel) : kernel_(kernel) {}
  void handle_message(ProcessContext& context, const Term& message) override;

 private:
  void handle_gen_call(ProcessContext& context, const Term& from, const Term& request);
  void handle_gen_cast(ProcessContext& context, const Term& request);
  void handle_plain(ProcessContext& context, const Term& from, const Term& request);

  Kernel& kernel_;
};

// What the embedding program's code runs as (Node::run, Node::at_start). Does nothing by itself.
class OwnProcess final : public Process {
 public:
  void handle_message(ProcessContext&, const Term&) override {}
};

}  // namespace supervisorring
