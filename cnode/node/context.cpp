#include "node/context.h"

#include <algorithm>

#include "node/kernel.h"
#include "node/port_link.h"

namespace supervisorring {

void ProcessContext::cast(const Term& to, const Term& request) { send(to, tuple(atom("$gen_cast"), request)); }

void ProcessContext::reply(const Term& from, const Term& value) {
  if (!from.is_tuple(2) || !from[0].is_pid()) return;
  const Term& tag = from[1];
  const bool by_alias = tag.type() == TermType::list && tag[0].is_atom("alias") && tag.tail().is_reference();
  send(by_alias ? tag.tail() : from[0], tuple(tag, value));
}

const Term& Context::node_name() const { return kernel_.identity.node(); }
Time Context::time() const { return kernel_.time; }
std::uint64_t Context::random() { return kernel_.random(); }

void Context::send(const Term& to, const Term& message) { kernel_.send(self_.pid, to, message, Connect::yes); }
void Context::send_noconnect(const Term& to, const Term& message) { kernel_.send(self_.pid, to, message, Connect::no); }

void Context::call(const Term& to, const Term& request, CallOptions options, CallContinuation then) {
  kernel_.calls.call(self_, to, request, options, std::move(then));
}

void Context::erpc(const Term& node, const Term& module, const Term& function, std::vector<Term> arguments, Duration timeout,
                   CallContinuation then) {
  kernel_.calls.erpc(self_, node, module, function, std::move(arguments), timeout, std::move(then));
}

void Context::run_in(const Term& pid, ProcessWork work) {
  if (const auto number = kernel_.processes.number_of(pid)) kernel_.queue.work(*number, std::move(work));
}

Term Context::send_after(Duration delay, const Term& to, const Term& message) {
  const Term ref = make_ref();
  const Instant at = kernel_.time.now + std::clamp(delay, Duration::zero(), kLongestDelay);
  kernel_.timers.set(*kernel_.identity.key_of(ref), at, {TimerKind::message, self_.number, 0, to, message});
  return ref;
}

bool Context::cancel_timer(const Term& timer) {
  const auto key = kernel_.identity.key_of(timer);
  return key && !kernel_.identity.is_call_ref(timer) && kernel_.timers.cancel(*key);
}

void Context::link(const Term& pid) { kernel_.signals.link(self_, pid); }
void Context::unlink(const Term& pid) { kernel_.signals.unlink(self_, pid); }

Term Context::monitor(const Term& target) {
  const Term ref = make_ref();
  if (!self_.ending) kernel_.signals.monitor(self_, *kernel_.identity.key_of(ref), ref, target, Watch{});
  return ref;
}

void Context::demonitor(const Term& reference) {
  const auto key = kernel_.identity.key_of(reference);
  if (key && !kernel_.identity.is_call_ref(reference)) kernel_.signals.demonitor(self_, *key, reference);
}

void Context::exit_signal(const Term& to, const Term& reason) { kernel_.signals.exit_signal(self_.pid, to, reason); }
bool Context::register_name(const Term& name) { return !self_.ending && kernel_.processes.register_name(self_, name); }

std::optional<Term> Context::whereis(const Term& name) const {
  const ProcessEntry* const entry = kernel_.processes.find_name(name);
  return entry == nullptr ? std::nullopt : std::optional(entry->pid);
}

bool Context::is_alive(const Term& local_pid) const {
  if (!local_pid.is_pid()) return false;
  const ProcessEntry* const entry = kernel_.processes.find_pid(local_pid);
  return entry != nullptr && !entry->ending;
}

bool Context::is_connected(const Term& node) const {
  return kernel_.port ? kernel_.port->is_connected(node) : kernel_.connections.is_connected(node);
}
Term Context::make_ref() { return kernel_.identity.make_ref(RefKind::plain); }

std::optional<Term> Context::spawn(std::unique_ptr<Process> process, SpawnOptions options) {
  if (self_.ending) return std::nullopt;
  return kernel_.spawn(std::move(process), options);
}

void Context::exit(const Term& reason) {
  if (!self_.exit_reason) self_.exit_reason = reason;
}

void Context::log(LogLevel level, std::string text) { kernel_.log(level, std::move(text)); }
void Context::persist(const std::string& name, Bytes content) { kernel_.files.write(name, std::move(content)); }
void Context::remove_file(const std::string& name) { kernel_.files.remove(name); }
void Context::halt(int status, const std::string& why) { kernel_.halt(status, why); }
void Context::connect(const Term& node) {
  if (kernel_.port) return kernel_.port->connect(self_, node);
  kernel_.connections.connect(self_, node);
}

// A BEAM that this program comes to has been connected for a while.
void Context::monitor_nodes() {
  self_.monitors_nodes = true;
  if (kernel_.port) kernel_.port->tell_connected(self_);
}

}  // namespace supervisorring
