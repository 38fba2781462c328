#include "node/rpc.h"

#include "node/kernel.h"

namespace supervisorring {
namespace {

Term stack_of(const Term& module, const Term& function, const Term& arguments) {
  return list({tuple(module, function, arguments, Term())});
}

struct SpawnRequestOptions {
  bool link = false;
  bool monitor = false;
  Term name;
};

// What else OTP may send (priority, heap sizes, the reply option) means nothing here.
SpawnRequestOptions read_options(const Term& options) {
  SpawnRequestOptions read;
  for (const Term& option : options.elements()) {
    if (option.is_atom("link")) read.link = true;
    if (option.is_atom("monitor") || option.is_tagged("monitor", 2)) read.monitor = true;
    if (option.is_tagged("name", 2) && option[1].is_atom()) read.name = option[1];
  }
  return read;
}

std::unique_ptr<Process> process_for(Kernel& kernel, const SpawnRequest& request) {
  const Term& arguments = request.arguments;
  const bool erpc = request.module.is_atom("erpc");
  if (erpc && request.function.is_atom("execute_call") && arguments.size() == 4) {
    return std::make_unique<RpcProcess>(kernel, RpcMode::erpc_call, arguments[1], arguments[2], arguments[3], arguments[0]);
  }
  if (erpc && request.function.is_atom("execute_cast") && arguments.size() == 3) {
    return std::make_unique<RpcProcess>(kernel, RpcMode::spawned, arguments[0], arguments[1], arguments[2], Term());
  }
  return std::make_unique<RpcProcess>(kernel, RpcMode::spawned, request.module, request.function, arguments, Term());
}

}  // namespace

RpcProcess::RpcProcess(Kernel& kernel, RpcMode mode, Term module, Term function, Term arguments, Term mark)
    : kernel_(kernel), mode_(mode), module_(std::move(module)), function_(std::move(function)),
      arguments_(std::move(arguments)), mark_(std::move(mark)) {}

void RpcProcess::started(ProcessContext& context) {
  if (!module_.is_atom() || !function_.is_atom() || !arguments_.is_proper_list()) {
    const Term apply = stack_of(atom("erlang"), atom("apply"), list({module_, function_, arguments_}));
    return finish(context, Outcome::error, atom("badarg"), apply);
  }
  const RpcFunction* const body = kernel_.functions.find(module_, function_, arguments_.size());
  if (body == nullptr) return finish(context, Outcome::error, atom("undef"), stack_of(module_, function_, arguments_));
  token_ = context.make_ref();
  const auto arguments = arguments_.elements();
  (*body)(context, {arguments.begin(), arguments.end()},
          [&kernel = kernel_, to = context.self(), token = token_](std::variant<Term, RpcError> result) {
            const auto number = kernel.identity.number_of(to);
            if (const RpcError* const error = std::get_if<RpcError>(&result)) {
              kernel.queue.message(*number, tuple(token, error->kind, error->reason));
            } else {
              kernel.queue.message(*number, tuple(token, atom("return"), std::get<Term>(result)));
            }
          });
}

void RpcProcess::handle_message(ProcessContext& context, const Term& message) {
  if (!message.is_tuple(3) || !(message[0] == token_) || token_.is_nil()) return;
  const Term& kind = message[1];
  const Outcome outcome = kind.is_atom("return")  ? Outcome::value
                          : kind.is_atom("exit")  ? Outcome::exit
                          : kind.is_atom("throw") ? Outcome::thrown
                                                  : Outcome::error;
  finish(context, outcome, message[2], stack_of(module_, function_, integer(static_cast<std::int64_t>(arguments_.size()))));
}

void RpcProcess::finish(ProcessContext& context, Outcome outcome, const Term& value, const Term& stack) {
  switch (mode_) {
    case RpcMode::erpc_call: return finish_erpc(context, outcome, value, stack);
    case RpcMode::spawned: return finish_spawned(context, outcome, value, stack);
    case RpcMode::rex_call: context.reply(mark_, rex_value(outcome, value, stack)); break;
    case RpcMode::rex_plain: context.send(mark_, tuple(atom("rex"), rex_value(outcome, value, stack))); break;
  }
  context.exit(atom("normal"));
}

// As erpc:execute_call/4.
void RpcProcess::finish_erpc(ProcessContext& context, Outcome outcome, const Term& value, const Term& stack) {
  switch (outcome) {
    case Outcome::value: return context.exit(tuple(mark_, atom("return"), value));
    case Outcome::thrown: return context.exit(tuple(mark_, atom("throw"), value));
    case Outcome::exit: return context.exit(tuple(mark_, atom("exit"), value));
    case Outcome::error: return context.exit(tuple(mark_, atom("error"), value, stack));
  }
}

// As a process ends whose initial call fails.
void RpcProcess::finish_spawned(ProcessContext& context, Outcome outcome, const Term& value, const Term& stack) {
  switch (outcome) {
    case Outcome::value: return context.exit(atom("normal"));
    case Outcome::exit: return context.exit(value);
    case Outcome::thrown: return context.exit(tuple(tuple(atom("nocatch"), value), stack));
    case Outcome::error: break;
  }
  context.log(LogLevel::warning, "a spawned " + to_text(module_, 100) + ":" + to_text(function_, 100) + "/" +
                                     std::to_string(arguments_.is_list() ? arguments_.size() : 0) + " failed: " + to_text(value, 200));
  context.exit(tuple(value, stack));
}

// As rpc:execute_call/3: a thrown value is a value.
Term RpcProcess::rex_value(Outcome outcome, const Term& value, const Term& stack) const {
  if (outcome == Outcome::value || outcome == Outcome::thrown) return value;
  const Term reason = outcome == Outcome::exit ? value : tuple(value, stack);
  return tuple(atom("badrpc"), tuple(atom("EXIT"), reason));
}

void handle_spawn_request(Kernel& kernel, const Term& node, const SpawnRequest& request) {
  if (!(request.from.node() == node)) {
    kernel.log(LogLevel::warning, "a SPAWN_REQUEST from " + to_text(node, 300) + " for a process of another node, " +
                                      to_text(request.from, 300) + ", was left out");
    return;
  }
  const SpawnRequestOptions options = read_options(request.options);
  SpawnOptions spawn_options;
  spawn_options.name = options.name;
  const auto pid = kernel.spawn(process_for(kernel, request), spawn_options);
  Bytes* const out = kernel.connections.output_for(node, Connect::no);
  if (!pid) {
    const bool taken = options.name.is_atom() && kernel.processes.find_name(options.name) != nullptr;
    if (out != nullptr) append_spawn_reply(*out, request.request_id, request.from, 0, atom(taken ? "badarg" : "system_limit"));
    return;
  }
  ProcessEntry& entry = *kernel.processes.find_pid(*pid);
  std::uint32_t flags = 0;
  if (options.link) {
    entry.links.try_emplace(request.from, LinkState{kernel.signals.next_order()});
    flags |= kSpawnReplyLink;
  }
  if (options.monitor) {
    entry.watchers.emplace(request.request_id, Watcher{kernel.signals.next_order(), request.from, *pid});
    flags |= kSpawnReplyMonitor;
  }
  if (out != nullptr) append_spawn_reply(*out, request.request_id, request.from, flags, *pid);
}

}  // namespace supervisorring
