#include "supervisorring/cnode.h"

#include <cstdlib>
#include <iostream>
#include <random>
#include <thread>

#include "node/composition.h"
#include "io/cookie.h"
#include "io/driver.h"
#include "io/epmd_port.h"
#include "io/listen_address.h"
#include "io/log.h"
#include "io/ring_files.h"
#include "io/shared_object.h"
#include "node/exit_status.h"
#include "node/thread_worker_pool.h"

namespace supervisorring {
namespace {

constexpr std::chrono::seconds kMinTickTime{1};     // a tick goes out four times in it
constexpr std::chrono::seconds kMaxTickTime{3600};  // a peer that is lost for an hour is lost

// Why a node cannot start.
struct Refusal {
  ExitStatus status;
  std::string why;
};

// What the options come to, checked.
struct Settings {
  NodeName name;
  LogLevel log_level = LogLevel::info;
  ListenAddress listen;
  NodeConfig node;
  std::optional<Term> join;
};

std::variant<Settings, Refusal> check(const cnode_options& options) {
  const auto usage = [](const std::string& why) { return Refusal{ExitStatus::usage, why}; };
  Settings settings;
  const auto name = parse_node_name(options.name);
  if (!name) return usage(name.error());
  settings.name = *name;
  const auto level = parse_log_level(options.log_level);
  if (!level) return usage("log level '" + options.log_level + "': expected debug, info, notice, warning or error");
  settings.log_level = *level;
  if (options.otp != 0 && options.otp != 25 && options.otp != 26) return usage("placement format " + std::to_string(options.otp) + ": expected 25 or 26");
  if (options.top_restarts >= 0 && options.top_period < std::chrono::seconds(1)) return usage("top intensity: expected a period of at least 1 s");
  if (options.tick_time < kMinTickTime || options.tick_time > kMaxTickTime)
    return usage("tick time " + std::to_string(options.tick_time.count()) + " s: expected " + std::to_string(kMinTickTime.count()) + " to " + std::to_string(kMaxTickTime.count()));
  if (options.listen.empty()) {
    settings.listen = default_listen_address(*name);
  } else {
    const auto listen = parse_listen_address(options.listen);
    if (!listen) return usage(listen.error());
    settings.listen = *listen;
  }
  const auto port = epmd_port(options.epmd_port);
  if (!port) return usage(port.error());
  for (const std::string& member : options.join)
    if (const auto one = parse_node_name(member); !one) return usage("join: " + one.error());
  const auto cookie = find_cookie(cookie_sources(options.cookie_file));
  if (!cookie) return usage(cookie.error());
  settings.node.name = name->whole();
  settings.node.cookie = *cookie;
  settings.node.epmd_port = *port;
  settings.node.published = options.published;
  settings.node.tick_time = options.tick_time;
  std::random_device random;
  settings.node.seed = static_cast<std::uint64_t>(random()) << 32 | random();
  settings.node.creation = 4 + random() % 0xfffffff0u;  // below 4 are those of old nodes
  return settings;
}

ring_change to_text_change(const RingChange& change) {
  const auto names = [](const std::vector<Term>& members) {
    std::vector<std::string> texts;
    for (const Term& member : members) texts.emplace_back(member.atom_name());
    return texts;
  };
  return {names(change.old_up), names(change.new_up), names(change.new_nodes), change.settled};
}

}  // namespace

struct cnode::Impl {
  explicit Impl(cnode_options given) : options(std::move(given)), driver(DriverOptions{.log = write_log}) {}

  int refuse(const Refusal& refusal) const {
    std::cerr << (options.name.empty() ? "cnode" : options.name) << ": " << refusal.why << '\n';
    return to_int(refusal.status);
  }
  int run(const Settings&);
  void leave(bool forget);

  cnode_options options;
  worker_registry registry;
  CompositionConfig composition_config;
  std::vector<SupervisorDefinition> supervisors;
  std::optional<std::string> malformed;  // a definition that cannot be used
  Driver driver;
  // While run() runs; on the node's thread only.
  Node* node = nullptr;
  Composition* composition = nullptr;
  bool leaving = false;
};

int cnode::Impl::run(const Settings& settings) {
  const std::string path = options.data_dir.empty() ? "data/" + settings.name.whole() : options.data_dir;
  auto files = DataDirectory::open(path);
  if (!files) return refuse({ExitStatus::data_dir, files.error()});
  auto kept = read_ring_files(*files);
  if (!kept) return refuse({ExitStatus::data_dir, kept.error()});
  const auto port = driver.listen(settings.listen.address, settings.listen.port);
  if (!port) return refuse({ExitStatus::listen_failed, port.error()});

  start_log(settings.log_level);
  for (const std::string& warning : kept->warnings) write_log(LogLevel::warning, warning);
  write_log(LogLevel::info, settings.name.whole() + " listens on " + settings.listen.address + ":" + std::to_string(*port) + ", keeps its files in " + path);
  NodeConfig node_config = settings.node;
  node_config.listen_port = *port;
  MembershipConfig& ring = composition_config.ring;
  ring.self = Term::atom(settings.name.whole());
  ring.ring_file = std::move(kept->ring);
  ring.facts = kept->facts;
  if (options.otp != 0) ring.format = hash_format_of_otp(options.otp);
  ring.join_timeout = options.join_timeout;
  if (options.forget_names_after.count() > 0) ring.forget_after = options.forget_names_after;
  if (options.quorum) ring.partitions = PartitionPolicy::quorum;
  ring.seed = node_config.seed + 1;
  for (const std::string& member : options.join) ring.join.push_back(Term::atom(member));
  composition_config.force = options.force;
  composition_config.published = options.published;
  composition_config.migrate_timeout = options.migrate_timeout;
  composition_config.leave_timeout = options.leave_timeout;
  composition_config.max_concurrent_starts = options.max_concurrent_starts;
  if (options.top_restarts >= 0) composition_config.top_intensity = TopIntensity{options.top_restarts, options.top_period.count()};

  const unsigned processors = std::max(1u, std::thread::hardware_concurrency());
  ThreadWorkerPool pool(options.threads == 0 ? std::max(1u, processors - 1) : options.threads, [this] { driver.wake_workers(); });
  int status = 0;
  bool all_returned = true;
  {
    NativeRuntime runtime(pool);
    auto the_node = std::make_unique<Node>(node_config, &pool);
    Composition the_composition(*the_node, registry, runtime, std::move(composition_config));
    for (SupervisorDefinition& supervisor : supervisors)
      if (const auto defined = the_composition.define(std::move(supervisor)); !defined) return refuse({ExitStatus::usage, defined.error()});
    node = the_node.get();
    composition = &the_composition;
    if (options.handle_signals) driver.on_signal([this](int signal) {
      if (leaving) return driver.stop(128 + signal, "a second signal");
      write_log(LogLevel::notice, "signal " + std::to_string(signal) + ": leaving; a second one ends at once");
      leave(false);
    });
    status = driver.run(*the_node, &*files, &pool);
    node = nullptr;
    composition = nullptr;
    all_returned = pool.shut_down(std::chrono::milliseconds(1000));  // before what the strands use goes
    all_returned = driver.wait_for_children(std::chrono::milliseconds(all_returned ? 1000 : 0)) && all_returned;
    the_node.reset();                                                // its processes refer to the composition
  }
  if (!all_returned) write_log(LogLevel::warning, "ending although the code of a child has not returned");
  stop_log();
  if (!all_returned) std::_Exit(status);  // its thread still uses what a normal end would destroy
  return status;
}

void cnode::Impl::leave(bool forget) {
  if (node == nullptr) return;
  leaving = true;
  node->run([this, forget](ProcessContext& context) { composition->leave(context, forget); }, Driver::now());
}

cnode::cnode(cnode_options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
cnode::~cnode() = default;

worker_registry& cnode::workers() { return impl_->registry; }
Result<std::string> cnode::load_workers(const std::string& path) { return load_shared_object(path, impl_->registry); }

void cnode::define_supervisor(const Term& name, const Term& flags, std::vector<Term> specs) {
  auto checked = check_init(name, tuple(atom("ok"), tuple(flags, Term::list(std::move(specs)))));
  if (const Term* reason = std::get_if<Term>(&checked)) {
    impl_->malformed = "supervisor " + to_text(name, 200) + ": " + to_text(*reason, 1000);
    return;
  }
  auto& init = std::get<SupervisorInit>(checked);
  impl_->supervisors.push_back({name, LocalDefinition{init.flags, std::move(init.children), nullptr}});
}

void cnode::supervisor_from(const Term& name, const Term& module, const Term& node, const Term& argument) {
  impl_->supervisors.push_back({name, RemoteDefinition{module, node, argument}});
}

void cnode::on_ring_change(std::function<void(const ring_change&)> hook) {
  impl_->composition_config.on_ring_change.push_back([hook = std::move(hook)](const RingChange& change) { hook(to_text_change(change)); });
}
void cnode::on_removed(std::function<void()> hook) { impl_->composition_config.on_removed = std::move(hook); }
void cnode::on_started(std::function<void()> hook) { impl_->composition_config.on_started = std::move(hook); }

int cnode::run() {
  const auto settings = check(impl_->options);
  if (const auto* refusal = std::get_if<Refusal>(&settings)) return impl_->refuse(*refusal);
  if (impl_->malformed) return impl_->refuse({ExitStatus::usage, *impl_->malformed});
  return impl_->run(std::get<Settings>(settings));
}

void cnode::leave(bool forget) {
  impl_->driver.post([impl = impl_.get(), forget] { impl->leave(forget); });
}
void cnode::stop() { impl_->driver.stop(0, "stopped by the program"); }
void cnode::post(std::function<void()> work) { impl_->driver.post(std::move(work)); }

void cnode::send(const Term& to, const Term& message) {
  impl_->driver.post([impl = impl_.get(), to, message] {
    impl->node->run([&](ProcessContext& context) { context.send(to, message); }, Driver::now());
  });
}

void cnode::cast(const Term& to, const Term& request) { send(to, tuple(atom("$gen_cast"), request)); }

void cnode::call(const Term& to, const Term& request, std::chrono::milliseconds timeout, std::function<void(bool ok, const Term& value)> then) {
  impl_->driver.post([impl = impl_.get(), to, request, timeout, then = std::move(then)] {
    impl->node->run(
        [&](ProcessContext& context) {
          context.call(to, request, {.timeout = timeout}, [then](ProcessContext&, CallResult result) { then(result.ok, result.value); });
        },
        Driver::now());
  });
}

}  // namespace supervisorring
