// Rpc: functions of the table run for other nodes, each in a process of its own.
//
// The process runs the function and ends with what erpc:execute_call/4 ends with, or answers as rex does; so monitors and links that came
// with a SPAWN_REQUEST tell the caller by themselves. A function that is not in the table is `undef` as on a BEAM:
// {undef, [{M, F, Args, []}]}.
#pragma once

#include "dist/control.h"
#include "node/node.h"
#include "node/process.h"

namespace supervisorring {

class Kernel;

enum class RpcMode {
  erpc_call,  // mark: the reference that the exit reason {Mark, return, Value} begins with
  spawned,    // spawn(Node, M, F, A), erpc casts, rex casts: nobody is answered
  rex_call,   // mark: the From of a '$gen_call' to rex
  rex_plain,  // mark: the pid that gets {rex, Value}: what ei_rpc waits for
};

class RpcProcess final : public Process {
 public:
  // `arguments`: should be a proper list; anything else is a `badarg` of the call.
  RpcProcess(Kernel& kernel, RpcMode mode, Term module, Term function, Term arguments, Term mark);

  void started(ProcessContext& context) override;
  void handle_message(ProcessContext& context, const Term& message) override;  // the function is done

 private:
  enum class Outcome { value, error, exit, thrown };
  void finish(ProcessContext& context, Outcome outcome, const Term& value, const Term& stack);
  void finish_erpc(ProcessContext& context, Outcome outcome, const Term& value, const Term& stack);
  void finish_spawned(ProcessContext& context, Outcome outcome, const Term& value, const Term& stack);
  Term rex_value(Outcome outcome, const Term& value, const Term& stack) const;

  Kernel& kernel_;
  RpcMode mode_;
  Term module_, function_, arguments_, mark_;
  Term token_;  // what the message from a function that is done begins with
};

// A SPAWN_REQUEST from `node`: spawns and answers with SPAWN_REPLY.
void handle_spawn_request(Kernel& kernel, const Term& node, const SpawnRequest& request);

}  // namespace supervisorring
