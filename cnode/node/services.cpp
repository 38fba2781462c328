#include "node/services.h"

#include "node/kernel.h"
#include "node/rpc.h"

namespace supervisorring {
namespace {

// The From of a '$gen_call' that can be answered.
bool is_from(const Term& from) { return from.is_tuple(2) && from[0].is_pid(); }

}  // namespace

void NetKernel::handle_message(ProcessContext& context, const Term& message) {
  if (message.is_tagged("$gen_call", 3) && is_from(message[1]) && message[2].is_tagged("is_auth", 2)) {
    context.reply(message[1], atom("yes"));
  }
}

void Rex::handle_message(ProcessContext& context, const Term& message) {
  if (message.is_tagged("$gen_call", 3) && is_from(message[1])) return handle_gen_call(context, message[1], message[2]);
  if (message.is_tagged("$gen_cast", 2)) return handle_gen_cast(context, message[1]);
  if (message.is_tuple(2) && message[0].is_pid()) return handle_plain(context, message[0], message[1]);
}

void Rex::handle_gen_call(ProcessContext& context, const Term& from, const Term& request) {
  if (!request.is_tagged("call", 5) && !request.is_tagged("block_call", 5)) return;
  auto process = std::make_unique<RpcProcess>(kernel_, RpcMode::rex_call, request[1], request[2], request[3], from);
  if (kernel_.spawn(std::move(process), {})) return;
  context.reply(from, tuple(atom("badrpc"), tuple(atom("EXIT"), atom("system_limit"))));
}

void Rex::handle_gen_cast(ProcessContext&, const Term& request) {
  if (!request.is_tagged("cast", 5)) return;
  kernel_.spawn(std::make_unique<RpcProcess>(kernel_, RpcMode::spawned, request[1], request[2], request[3], Term()), {});
}

void Rex::handle_plain(ProcessContext& context, const Term& from, const Term& request) {
  if (request.is_atom("features_request")) {
    context.send(from, tuple(atom("features_reply"), context.node_name(), list({atom("erpc")})));
  } else if (request.is_tagged("sbcast", 3) && request[1].is_atom()) {
    const bool known = context.whereis(request[1]).has_value();
    if (known) context.send(request[1], request[2]);
    const Term& node = context.node_name();
    context.send(from, tuple(atom("rex"), node, known ? node : tuple(atom("nonexisting_name"), request[1])));
  } else if (request.is_tagged("call", 5)) {
    kernel_.spawn(std::make_unique<RpcProcess>(kernel_, RpcMode::rex_plain, request[1], request[2], request[3], from), {});
  }
}

}  // namespace supervisorring
