#include "node/node.h"

#include "node/kernel.h"
#include "node/port_link.h"
#include "node/worker_pool.h"

namespace supervisorring {

struct Node::Impl : Kernel {
  using Kernel::Kernel;

  // Whether an input is to be looked at; takes its time.
  bool begin(Time now) {
    time = now;
    return started() && !halted();
  }
};

Node::Node(NodeConfig config, WorkerPool* workers) : impl_(std::make_unique<Impl>(std::move(config), workers)) {}
Node::~Node() = default;

void Node::define_function(std::string module, std::string function, std::size_t arity, RpcFunction body) {
  impl_->functions.define(atom(module), atom(function), arity, std::move(body));
}

void Node::at_start(std::function<void(ProcessContext&)> what) { impl_->add_at_start(std::move(what)); }

void Node::start(Time now) {
  impl_->start(now);
  impl_->step();
}

void Node::connection_accepted(ConnectionId id, const std::string& peer_address, Time now) {
  if (!impl_->begin(now)) return void(impl_->effects.emplace_back(CloseConnection{id}));
  impl_->connections.handle_accepted(id, peer_address);
  impl_->step();
}

void Node::connection_opened(ConnectionId id, Time now) {
  if (!impl_->begin(now)) return;
  if (impl_->epmd.owns(id)) impl_->epmd.handle_opened(); else impl_->connections.handle_opened(id);
  impl_->step();
}

void Node::connection_failed(ConnectionId id, const Error& error, Time now) {
  if (!impl_->begin(now)) return;
  if (impl_->epmd.owns(id)) impl_->epmd.handle_failed(error.text); else impl_->connections.handle_failed(id, error.text);
  impl_->step();
}

void Node::bytes_received(ConnectionId id, BytesView bytes, Time now) {
  if (!impl_->begin(now)) return;
  if (impl_->epmd.owns(id)) impl_->epmd.handle_bytes(bytes); else impl_->connections.handle_bytes(id, bytes);
  impl_->step();
}

void Node::bytes_written(ConnectionId id, std::size_t count, Time now) {
  if (impl_->begin(now)) impl_->connections.handle_written(id, count);
}

void Node::connection_closed(ConnectionId id, const std::string& why, Time now) {
  if (!impl_->begin(now)) return;
  if (impl_->epmd.owns(id)) impl_->epmd.handle_closed(why); else impl_->connections.handle_closed(id, why);
  impl_->step();
}

void Node::file_written(const std::string& name, Time now) {
  if (impl_->begin(now)) impl_->files.handle_written(name);
}

void Node::file_failed(const std::string& name, const Error& error, Time now) {
  if (impl_->begin(now)) impl_->files.handle_failed(name, error.text);
}

void Node::data_directory_changed(Time now) {
  if (impl_->begin(now)) impl_->files.handle_directory_changed();
}

void Node::workers_ready(Time now) {
  if (!impl_->begin(now) || impl_->workers == nullptr) return;
  for (const Term& pid : impl_->workers->take_ready()) {
    ProcessEntry* const entry = impl_->processes.find_pid(pid);
    if (entry == nullptr || entry->ending) continue;
    impl_->enter(*entry, [&](ProcessContext& context) { entry->process->worker_ready(context); });
  }
  impl_->step();
}

void Node::timeout(Time now) {
  if (!impl_->begin(now)) return;
  impl_->fire_timers();
  impl_->connections.handle_timeout();
  impl_->epmd.handle_timeout();
  impl_->files.handle_timeout();
  if (impl_->port) impl_->port->handle_timeout();
  impl_->step();
}

void Node::port_received(BytesView bytes, Time now) {
  if (!impl_->begin(now)) return;
  impl_->port->handle_bytes(bytes);
  impl_->step();
}

void Node::on_port_input(std::function<void(ProcessContext&, const Term&)> handler) { impl_->port->on_input(std::move(handler)); }
const RpcFunction* Node::function(const Term& module, const Term& name, std::size_t arity) const { return impl_->functions.find(module, name, arity); }
void Node::log(LogLevel level, const std::string& text) { impl_->log(level, text); }
void Node::order(const Term& order) { impl_->port->order(order); }
void Node::stand_in(const Term& name, const Term& pid) { impl_->processes.stand_in(name, pid); }

void Node::run(std::function<void(ProcessContext&)> what, Time now) {
  if (impl_->begin(now)) {
    impl_->run(std::move(what));
    impl_->step();
  } else {
    impl_->add_at_start(std::move(what));
  }
}

Effects Node::take_effects() { return impl_->take_effects(); }
std::optional<Instant> Node::next_timeout() const { return impl_->next_timeout(); }
const Term& Node::name() const { return impl_->identity.node(); }
bool Node::registered_with_epmd() const { return impl_->epmd.registered(); }
std::vector<Term> Node::connected_nodes() const {
  return impl_->port ? impl_->port->connected() : impl_->connections.connected();
}
std::vector<UnwrittenFile> Node::unwritten_files() const { return impl_->files.unwritten(); }
std::size_t Node::process_count() const { return impl_->processes.size(); }

}  // namespace supervisorring
