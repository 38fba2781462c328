#include "node/kernel.h"

#include <algorithm>

#include "node/exit_status.h"
#include "node/port_link.h"
#include "node/services.h"

namespace supervisorring {

Kernel::Kernel(NodeConfig config_in, WorkerPool* workers_in)
    : config(std::move(config_in)), workers(workers_in),
      identity(check_node_name(config.name) ? atom(config.name) : atom("nonode@nohost"), config.creation),
      processes(identity), signals(*this), calls(*this), connections(*this), epmd(*this), files(*this),
      port(config.port ? std::make_unique<PortLink>(*this, *config.port) : nullptr), random_state_(config.seed) {
  define_builtin_functions(*this);
}

Kernel::~Kernel() = default;

// splitmix64
std::uint64_t Kernel::random() {
  random_state_ += 0x9E3779B97F4A7C15ull;
  std::uint64_t z = random_state_;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

void Kernel::log(LogLevel level, std::string text) {
  if (port) return port->log(level, text);
  effects.emplace_back(LogLine{level, std::move(text)});
}

void Kernel::halt(int status, const std::string& why) {
  if (halted_) return;
  halted_ = true;
  halt_ = HaltNode{status, why};
}

// ---- life -------------------------------------------------------------------------------------------------

void Kernel::start(Time now) {
  time = now;
  started_ = true;
  const auto name = check_node_name(config.name);
  if (!name) return halt(to_int(ExitStatus::usage), name.error());
  if (port) return go_live();
  epmd.start();
}

ProcessEntry* Kernel::add_service(std::unique_ptr<Process> process, const char* name) {
  ProcessEntry* const entry = processes.add(std::move(process), name == nullptr ? Term() : atom(name));
  entry->of_the_node = true;
  entry->trap_exit = true;
  return entry;
}

void Kernel::go_live() {
  live_ = true;
  own_ = add_service(std::make_unique<OwnProcess>(), nullptr);
  if (!port) {  // a BEAM has its own
    add_service(std::make_unique<NetKernel>(), "net_kernel");
    add_service(std::make_unique<Rex>(*this), "rex");
  }
  const auto waiting = std::move(at_start_);
  at_start_.clear();
  for (const auto& what : waiting) run(what);
}

void Kernel::run(std::function<void(ProcessContext&)> what) {
  if (halted_) return;
  if (!live_) return at_start_.push_back(std::move(what));
  Context context(*this, *own_);
  what(context);
  own_->exit_reason.reset();  // the node's own process goes on whatever the program's code says
}

std::optional<Term> Kernel::spawn(std::unique_ptr<Process> process, const SpawnOptions& options) {
  ProcessEntry* const entry = processes.add(std::move(process), options.name, options.proxy);
  if (entry == nullptr) return std::nullopt;
  entry->trap_exit = options.trap_exit == TrapExit::yes;
  queue.push({SignalKind::start, entry->number});
  if (options.link_to.is_pid()) signals.link(*entry, options.link_to);
  if (port && entry->bound != ProcessEntry::Bound::no) port->bound(*entry);
  return entry->pid;
}

void Kernel::end_by_own_exit(ProcessEntry& self) {
  if (self.of_the_node) {
    self.exit_reason.reset();
    return;
  }
  const Term reason = *self.exit_reason;
  signals.end(self, reason);
}

// ---- messages ------------------------------------------------------------------------------------------------

void Kernel::send(const Term& from, const Term& to, const Term& message, Connect connect) {
  const Term& own_node = identity.node();
  if (to.is_pid()) {
    if (const auto number = processes.number_of(to)) return queue.message(*number, message);
    if (port) return port->send(to, message, connect);
    if (to.node() == own_node) return;  // of an earlier life of this node
    if (Bytes* const out = connections.output_for(to.node(), connect)) append_send(*out, to, message);
  } else if (to.is_reference()) {
    if (to.node() == own_node) {
      if (const auto owner = calls.alias_owner(to)) queue.message(*owner, message);
      else if (port && !identity.key_of(to)) port->send(to, message, connect);
    } else if (port) {
      port->send(to, message, connect);
    } else if (Bytes* const out = connections.output_for(to.node(), connect)) {
      append_alias_send(*out, from, to, message);
    }
  } else if (to.is_atom()) {
    if (ProcessEntry* const entry = processes.find_name(to)) queue.message(entry->number, message);
    else if (port) port->send(to, message, connect);
  } else if (to.is_tuple(2) && to[0].is_atom() && to[1].is_atom()) {
    if (to[1] == own_node) return send(from, to[0], message, connect);
    if (port) return port->send(to, message, connect);
    if (Bytes* const out = connections.output_for(to[1], connect)) append_reg_send(*out, from, to[0], message);
  }
}

// ---- steps ---------------------------------------------------------------------------------------------------

void Kernel::perform(Signal& signal) {
  ProcessEntry* const self = processes.find(signal.to);
  const ProcessWork work = signal.kind == SignalKind::work ? queue.take_work() : ProcessWork();
  if (self == nullptr || self->ending) return;
  switch (signal.kind) {
    case SignalKind::start:
      return enter(*self, [&](ProcessContext& context) { self->process->started(context); });
    case SignalKind::message:
      if (!calls.take_reply(*self, signal.body)) deliver(*self, std::move(signal.body));
      return;
    case SignalKind::work: return enter(*self, work);
    case SignalKind::link_exit: return signals.perform_exit(*self, signal.from, signal.body, true);
    case SignalKind::exit: return signals.perform_exit(*self, signal.from, signal.body, false);
    case SignalKind::down: return signals.perform_down(*self, signal.key, signal.from, signal.body);
  }
}

void Kernel::step() {
  if (connections.has_lost()) connections.settle();
  for (std::size_t done = 0; done < kMaxSignalsPerStep && !queue.empty() && !halted_; ++done) {
    Signal signal = queue.pop();
    perform(signal);
    if (connections.has_lost()) connections.settle();
  }
  limit_reading();
}

void Kernel::limit_reading() {
  if (queue.size() > kRunQueueHighWater) reading_limited_ = true;
  if (queue.size() < kRunQueueLowWater) reading_limited_ = false;
  connections.limit_reading(reading_limited_);
  if (port) port->limit_reading(reading_limited_);
}

void Kernel::fire_timers() {
  while (const auto timer = timers.take_due(time.now)) {
    if (timer->kind == TimerKind::call_timeout) {
      calls.handle_timeout(timer->owner, timer->call);
    } else {
      send(identity.pid(timer->owner), timer->to, timer->message, Connect::yes);
    }
  }
}

Effects Kernel::take_effects() {
  connections.flush();
  if (port) port->flush(halt_);
  if (halt_) effects.emplace_back(*halt_);
  halt_.reset();
  return std::exchange(effects, {});
}

std::optional<Instant> Kernel::next_timeout() const {
  if (halted_) return std::nullopt;
  if (!queue.empty() || connections.has_lost()) return time.now;
  std::optional<Instant> next = timers.next();
  for (const auto& other : {connections.next_timeout(), epmd.next_timeout(), files.next_timeout(), port ? port->next_timeout() : std::nullopt}) {
    if (other && (!next || *other < *next)) next = other;
  }
  return next;
}

}  // namespace supervisorring
