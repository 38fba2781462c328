#include "node/calls.h"

#include "node/kernel.h"
#include "node/port_link.h"
#include "node/rpc.h"

namespace supervisorring {
namespace {

// As erpc's result/4 reads the exit reason of the process that ran the call.
CallResult erpc_result(const Term& mark, const Term& reason) {
  if (reason.is_tuple() && reason.size() >= 3 && reason[0] == mark) {
    if (reason.size() == 3 && reason[1].is_atom("return")) return {true, reason[2]};
    if (reason.size() == 3 && reason[1].is_atom("throw")) return {false, tuple(atom("throw"), reason[2])};
    if (reason.size() == 3 && reason[1].is_atom("exit")) return {false, tuple(atom("exit"), reason[2])};
    if (reason.size() == 4 && reason[1].is_atom("error")) return {false, tuple(atom("exception"), reason[2], reason[3])};
    if (reason.size() == 3 && reason[1].is_atom("error")) return {false, reason[2]};
  }
  if (reason.is_atom("noconnection")) return {false, tuple(atom("erpc"), reason)};
  return {false, tuple(atom("exit"), tuple(atom("signal"), reason))};
}

}  // namespace

void Calls::begin(ProcessEntry& self, RefKey key, Duration timeout) {
  aliases_.emplace(key, self.number);
  if (timeout > Duration::max() / 2) return;  // for ever
  kernel_.timers.set(key, kernel_.time.now + timeout, {TimerKind::call_timeout, self.number, key, Term(), Term()});
}

void Calls::call(ProcessEntry& self, const Term& to, const Term& request, CallOptions options, CallContinuation then) {
  if (self.ending) return;
  const Term ref = kernel_.identity.make_ref(RefKind::call);
  const RefKey key = *kernel_.identity.key_of(ref);
  Watch watch;
  watch.kind = WatchKind::call;
  watch.then = std::move(then);
  begin(self, key, options.timeout);
  if (kernel_.signals.outside(to)) {
    self.watching.emplace(key, std::move(watch));
    return kernel_.port->call(key, to, request, options.timeout);
  }
  kernel_.signals.monitor(self, key, ref, to, std::move(watch));
  const bool remote_pid = to.is_pid() && !(to.node() == kernel_.identity.node());
  const bool remote_name = to.is_tuple(2) && !(to[1] == kernel_.identity.node());
  const bool remote = remote_pid || remote_name;
  const bool by_alias = !remote || kernel_.connections.offers(remote_pid ? to.node() : to[1], DFLAG_ALIAS);
  const Term tag = by_alias ? Term::list({atom("alias")}, ref) : ref;
  kernel_.send(self.pid, to, tuple(atom("$gen_call"), tuple(self.pid, tag), request), Connect::yes);
}

void Calls::erpc(ProcessEntry& self, const Term& node, const Term& module, const Term& function, std::vector<Term> arguments,
                 Duration timeout, CallContinuation then) {
  if (self.ending) return;
  const Term ref = kernel_.identity.make_ref(RefKind::call);
  const RefKey key = *kernel_.identity.key_of(ref);
  Watch watch;
  watch.kind = WatchKind::erpc;
  watch.then = std::move(then);
  begin(self, key, timeout);
  if (kernel_.port) {
    self.watching.emplace(key, std::move(watch));
    return kernel_.port->erpc(key, node, module, function, std::move(arguments), timeout);
  }
  if (node == kernel_.identity.node()) {
    const auto worker = kernel_.spawn(
        std::make_unique<RpcProcess>(kernel_, RpcMode::erpc_call, module, function, Term::list(std::move(arguments)), ref), {});
    kernel_.signals.monitor(self, key, ref, worker.value_or(Term()), std::move(watch));
    return;
  }
  watch.target = node;
  watch.order = kernel_.signals.next_order();
  self.watching.emplace(key, std::move(watch));
  if (kernel_.connections.is_connected(node) && !kernel_.connections.offers(node, DFLAG_SPAWN)) {
    self.watching.at(key).spawn_failed = true;
    kernel_.queue.push({SignalKind::down, self.number, key, Term(), atom("notsup")});
    return;
  }
  Bytes* const out = kernel_.connections.output_for(node, Connect::yes);
  if (out == nullptr) return;  // node_down follows
  encode_control(SpawnRequest{ref, self.pid, self.pid, atom("erpc"), atom("execute_call"), list({atom("monitor")}),
                              list({ref, module, function, Term::list(std::move(arguments))})},
                 *out);
}

bool Calls::take_reply(ProcessEntry& self, const Term& message) {
  // A 'DOWN' sent to the alias ends the call as gen:call's receive takes it: a native child refuses a call so (fail_call()).
  if (message.is_tagged("DOWN", 5) && message[1].is_reference() && kernel_.identity.is_call_ref(message[1])) {
    const RefKey refused = *kernel_.identity.key_of(message[1]);
    const auto watch = self.watching.find(refused);
    if (watch != self.watching.end() && watch->second.kind == WatchKind::call) finish(self, refused, {false, message[4]});
    return true;
  }
  if (!message.is_tuple(2)) return false;
  const Term* tag = &message[0];
  if (tag->type() == TermType::list) {
    if (tag->size() != 1 || !(*tag)[0].is_atom("alias")) return false;
    tag = &tag->tail();
  }
  if (!tag->is_reference() || !kernel_.identity.is_call_ref(*tag)) return false;
  const RefKey key = *kernel_.identity.key_of(*tag);
  const auto watch = self.watching.find(key);
  if (watch != self.watching.end() && watch->second.kind == WatchKind::call) finish(self, key, {true, message[1]});
  return true;
}

void Calls::perform_down(ProcessEntry& self, RefKey key, const Term& reason) {
  const Watch& watch = self.watching.at(key);
  if (watch.kind == WatchKind::call) return finish(self, key, {false, reason});
  if (watch.spawn_failed) return finish(self, key, {false, tuple(atom("erpc"), reason)});
  finish(self, key, erpc_result(kernel_.identity.ref_of(key, RefKind::call), reason));
}

void Calls::handle_timeout(PidNumber owner, RefKey key) {
  ProcessEntry* const self = kernel_.processes.find(owner);
  if (self == nullptr) return;
  const auto watch = self->watching.find(key);
  if (watch == self->watching.end()) return;
  const Term timeout = atom("timeout");
  finish(*self, key, {false, watch->second.kind == WatchKind::call ? timeout : tuple(atom("erpc"), timeout)});
}

void Calls::handle_answer(RefKey key, CallResult result) {
  const auto owner = aliases_.find(key);
  ProcessEntry* const self = owner == aliases_.end() ? nullptr : kernel_.processes.find(owner->second);
  if (self != nullptr && self->watching.contains(key)) finish(*self, key, std::move(result));
}

void Calls::handle_spawn_reply(const SpawnReply& message) {
  const auto key = kernel_.identity.key_of(message.request_id);
  ProcessEntry* const self = kernel_.processes.find_pid(message.to);
  if (!key || self == nullptr) return;
  const auto watch = self->watching.find(*key);
  if (watch == self->watching.end() || watch->second.kind != WatchKind::erpc) return;
  if (message.result.is_pid()) {
    watch->second.target = message.result;
    return;
  }
  watch->second.spawn_failed = true;
  kernel_.queue.push({SignalKind::down, self->number, *key, Term(), message.result});
}

void Calls::abandon(ProcessEntry& self, RefKey key) {
  aliases_.erase(key);
  kernel_.timers.cancel(key);
  if (kernel_.port) kernel_.port->cancel(key);
  kernel_.signals.demonitor(self, key, kernel_.identity.ref_of(key, RefKind::call));
}

std::optional<PidNumber> Calls::alias_owner(const Term& alias) const {
  const auto key = kernel_.identity.key_of(alias);
  if (!key) return std::nullopt;
  const auto owner = aliases_.find(*key);
  return owner == aliases_.end() ? std::nullopt : std::optional(owner->second);
}

void Calls::finish(ProcessEntry& self, RefKey key, CallResult result) {
  CallContinuation then = std::move(self.watching.at(key).then);
  abandon(self, key);
  kernel_.enter(self, [&](ProcessContext& context) { then(context, std::move(result)); });
}

}  // namespace supervisorring
