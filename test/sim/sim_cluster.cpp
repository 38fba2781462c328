#include "sim_cluster.h"

#include <algorithm>

#include "ring/ring_message.h"
#include "sim_legacy.h"

namespace supervisorring::sim {
namespace {

constexpr Duration kTurn = std::chrono::microseconds(200);  // how long the worker threads take for what they have to do
constexpr const char* kSupervisor = "counters";
constexpr const char* kSource = "dev@h";

using Copies = std::shared_ptr<std::multiset<std::string>>;

// Knows its id from its argument, and is one of its member's copies from init to its end.
class Counter : public gen_server {
 public:
  explicit Counter(Copies copies) : copies_(std::move(copies)) {}
  ~Counter() override {
    if (!id_.empty()) copies_->erase(copies_->find(id_));
  }

 private:
  InitResult init(const Term& argument) override {
    id_ = std::string(argument.atom_name());
    copies_->insert(id_);
    return ok();
  }
  CallReaction handle_call(const Term& request, const From&) override {
    if (request.is_atom("crash")) return stop(atom("crash"));
    if (request.is_atom("increment")) ++count_;
    if (request.is_tagged("set", 2)) count_ = request[1].to_int64();
    return reply(integer(count_));
  }
  Reaction handle_cast(const Term& request) override {
    if (request.is_atom("crash")) throw Exit{atom("crashed")};
    return noreply();
  }
  std::optional<Term> migrate() override { return integer(count_); }
  void migrate(const Term& state) override { count_ = state.to_int64(); }
  Copies copies_;
  std::string id_;
  std::int64_t count_ = 0;
};

std::string spec_text(const std::string& id) {
  return "{" + id + ", {gen_server, start_link, [{local, " + id + "}, counter, " + id + ", []]}, permanent, 2000, worker, [counter]}";
}

// Names what all members' handlers name.
class Handler : public ChildHandler {
 public:
  explicit Handler(std::shared_ptr<const std::set<std::string>> named) : named_(std::move(named)) {}
  std::vector<ChildSpec> get_all() override {
    std::vector<ChildSpec> specs;
    for (const std::string& id : *named_) specs.push_back(std::get<ChildSpec>(check_child_spec(parse_term(spec_text(id)).value(), std::nullopt)));
    return specs;
  }
  Term add(const ChildSpec&) override { return atom("ok"); }
  Term del(const Term&) override { return atom("ok"); }

 private:
  std::shared_ptr<const std::set<std::string>> named_;
};

// Hears what a function that was sent round has come to.
class Asker : public Process {
 public:
  explicit Asker(std::shared_ptr<std::optional<Term>> answer) : answer_(std::move(answer)) {}
  void handle_message(ProcessContext&, const Term& message) override {
    if (message.is_tuple(3)) *answer_ = message[2];
  }

 private:
  std::shared_ptr<std::optional<Term>> answer_;
};

}  // namespace

SimCluster::SimCluster(SimClusterOptions options) : options_(options), net_(options.seed) {}

SimCluster::~SimCluster() {
  for (const std::string& name : running()) crash(name);
}

std::vector<std::string> SimCluster::running() const {
  std::vector<std::string> names;
  for (const auto& [name, member] : members_) names.push_back(name);
  return names;
}

std::vector<std::string> SimCluster::ids() const {
  std::vector<std::string> names;
  for (int i = 1; i <= options_.children; ++i) names.push_back("c" + std::to_string(i));
  return names;
}

// What the supervisor's Module:init(Arg) answers.
Term SimCluster::specs() const {
  std::string specs;
  for (const std::string& id : ids())
    specs += (specs.empty() ? "" : ", ") + spec_text(id);
  return parse_term("{ok, {{" + options_.strategy + ", 10, 5}, [" + specs + "]}}").value();
}

SupervisorDefinition SimCluster::definition() const {
  if (options_.definition_after) return {atom(kSupervisor), RemoteDefinition{atom("my_sup"), atom(kSource), Term()}};
  LocalDefinition local;
  auto init = check_init(atom(kSupervisor), specs());
  auto& checked = std::get<SupervisorInit>(init);
  local.flags = checked.flags;
  local.children = std::move(checked.children);
  local.handler = std::make_shared<Handler>(named_);
  return {atom(kSupervisor), std::move(local)};
}

void SimCluster::start_source() {
  NodeConfig config;
  config.name = kSource;
  config.cookie = "secret";
  config.epmd_host = host_of(kSource);
  Node& source = net_.add_node(std::move(config));
  source.define_function("my_sup", "init", 1, [this](ProcessContext&, std::vector<Term>, RpcDone done) {
    unanswered_.push_back({net_.time().now + options_.definition_after(), std::move(done)});
  });
  if (const auto format = options_.definition_format) {
    source.define_function("erlang", "term_to_binary", 1, [format = *format](ProcessContext&, std::vector<Term> arguments, RpcDone done) {
      done(Term::binary(external_form(arguments[0], format)));
    });
  }
  net_.start(kSource);
}

void SimCluster::answer_definitions() {
  for (auto it = unanswered_.begin(); it != unanswered_.end();) {
    if (it->at > net_.time().now) {
      ++it;
      continue;
    }
    net_.run(kSource, [&](ProcessContext&) { it->done(specs()); });
    it = unanswered_.erase(it);
  }
}

void SimCluster::start(const std::string& name, const std::string& join, const Starting& how) {
  start(name, join.empty() ? std::vector<std::string>() : std::vector<std::string>{join}, how);
}

// As io/ring_files.h does.
void SimCluster::read_files(const std::string& name, MembershipConfig& config) {
  auto& files = net_.files(name);
  const auto read = [&](const char* file, auto parse, auto& into) {
    const auto found = files.find(file);
    if (found == files.end()) return;
    auto parsed = parse(found->second);
    if (parsed) return void(into = std::move(*parsed));
    files[std::string(file) + ".damaged"] = std::move(found->second);
    files.erase(file);
  };
  read(kRingFileName, [](const Bytes& content) { return read_ring_file(content); }, config.ring_file);
  read(kRingFactsFileName, [](const Bytes& content) { return read_ring_facts(content); }, config.facts);
}

void SimCluster::start(const std::string& name, const std::vector<std::string>& join, const Starting& how) {
  if (options_.definition_after && !net_.exists(kSource)) start_source();
  auto& member = members_[name];
  const auto busy = [this, name] { busy_.insert(name); };
  member = std::make_unique<Member>(busy, [busy, &slot = member] {
    slot->results = true;
    busy();
  });
  member->registry.add("counter", [copies = member->copies] { return std::make_unique<Counter>(copies); });
  NodeConfig config;
  config.name = name;
  config.cookie = "secret";
  config.epmd_host = host_of(name);
  Node& node = net_.add_node(std::move(config), &member->pool);

  CompositionConfig composition;
  composition.ring.self = atom(name);
  composition.ring.partitions = options_.partitions;
  composition.force = how.force;
  composition.ring.format = how.format;
  composition.ring.resume = how.resume;
  composition.ring.seed = net_.random();
  composition.rings = rings_;
  for (const std::string& member_to_ask : join) composition.ring.join.push_back(atom(member_to_ask));
  read_files(name, composition.ring);
  composition.on_ring_change.push_back([view = &member->view](const RingChange& change) { *view = change; });
  member->composition = std::make_unique<Composition>(node, member->registry, member->runtime, std::move(composition));
  if (how.supervises) member->composition->define(definition()).value();
  net_.start(name);
}

void SimCluster::start_legacy(const std::string& name) {
  auto& member = members_[name];
  member = std::make_unique<Member>([] {}, [] {});
  LegacyConfig legacy{kSupervisor, specs()[1][1], std::nullopt, member->copies, &member->view};
  const auto file = net_.files(name).find(kRingFileName);
  if (file != net_.files(name).end()) {
    auto parsed = read_ring_file(file->second);
    if (parsed) legacy.ring_file = std::move(parsed->nodes);
  }
  make_legacy(net_.add_node(name), std::move(legacy));
  net_.start(name);
}

void SimCluster::add_to_ring(const std::string& name, const std::string& by) {
  net_.run(by, [name](ProcessContext& context) { context.send(atom(kNanoRingName), add_node_message(atom(name))); });
}

void SimCluster::crash(const std::string& name) {
  // In the order in which cnode.cpp's own end: the composition, the node, the pool.
  members_.at(name)->composition.reset();
  if (net_.exists(name)) net_.crash(name);
  members_.erase(name);
  busy_.erase(name);
}

// A node that is not live yet keeps this for later.
void SimCluster::leave(const std::string& name, bool forget) {
  net_.run(name, [composition = members_.at(name)->composition.get(), forget](ProcessContext& context) { composition->leave(context, forget); });
}

void SimCluster::order(const std::string& name, const std::string& function, std::vector<Term> arguments, Answered then) {
  net_.run(name, [function, arguments = std::move(arguments), then = std::move(then)](ProcessContext& context) {
    context.erpc(context.node_name(), atom("supervisorring"), atom(function), arguments, std::chrono::seconds(5), [then](ProcessContext& later, CallResult answer) {
      then(later, answer.value);
    });
  });
}

void SimCluster::ask_own(ProcessContext& context, std::function<void(std::set<std::string> ids)> then) const {
  struct Asked { std::set<std::string> own; std::size_t open; };
  const auto asked = std::make_shared<Asked>(std::set<std::string>(), ids().size());
  for (const std::string& id : ids()) {
    context.call(atom(std::string(kSupervisor) + ".ChildManager"), tuple(atom("get_node"), atom(id)), {}, [asked, id, then](ProcessContext& later, CallResult owner) {
      if (owner.ok && owner.value == later.node_name()) asked->own.insert(id);
      if (--asked->open == 0) then(asked->own);
    });
  }
}

void SimCluster::run_workers() {
  bury_halted();
  for (auto it = busy_.begin(); it != busy_.end();) {
    const std::string& name = *it;
    Member& member = *members_.at(name);
    if (!may_work(name, member)) {
      ++it;
      continue;
    }
    member.pool.run();
    if (std::exchange(member.results, false)) net_.workers_ready(name);
    it = member.pool.idle() && !member.results ? busy_.erase(it) : std::next(it);
  }
  bury_halted();
}

bool SimCluster::may_work(const std::string& name, const Member& member) const {
  return member.slow_until <= net_.time().now && !net_.stalled(name);
}

// Nothing happens by itself before, but what tests do between two calls.
Duration SimCluster::until_next_turn(Instant end) const {
  const Instant now = net_.time().now;
  Instant next = net_.next_event().value_or(end);
  for (const std::string& name : busy_) {
    const Member& member = *members_.at(name);
    if (!member.pool.idle() && !net_.stalled(name)) next = std::min(next, member.slow_until);
  }
  for (const Unanswered& definition : unanswered_) next = std::min(next, definition.at);
  const std::int64_t turns = next <= now ? 1 : (next - now + kTurn - Duration(1)) / kTurn;
  return std::min<Duration>(std::max<std::int64_t>(turns, 1) * kTurn, end - now);
}

// The program ends when its node has halted.
void SimCluster::bury_halted() {
  if (net_.halts() == halts_seen_) return;
  for (const std::string& name : running()) {
    if (net_.halted().contains(name)) crash(name);
  }
  halts_seen_ = net_.halts();
}

void SimCluster::advance(Duration by) {
  run_until([] { return false; }, by);
}

bool SimCluster::run_until(const std::function<bool()>& condition, Duration at_most) {
  const Instant end = net_.time().now + at_most;
  while (!condition()) {
    const Instant now = net_.time().now;
    if (now >= end) return false;
    net_.advance(until_next_turn(end));
    answer_definitions();
    run_workers();
  }
  return true;
}

std::optional<Term> SimCluster::call(const std::string& from, const Term& to, const Term& request) {
  auto result = std::make_shared<std::optional<CallResult>>();
  net_.run(from, [&](ProcessContext& context) {
    context.call(to, request, {}, [result](ProcessContext&, CallResult ended) { *result = std::move(ended); });
  });
  run_until([&] { return result->has_value() || !runs(from); }, std::chrono::seconds(6));
  if (!result->has_value() || !(*result)->ok) return std::nullopt;
  return (*result)->value;
}

std::vector<std::string> SimCluster::up(const std::string& name) {
  const auto reply = call(name, atom("Elixir.NanoRing"), atom("get_up"));
  if (!reply) return {};
  const auto received = LwwStruct::from_term(*reply);
  std::vector<std::string> names;
  for (const Term& member : member_set(received.value()).value().members()) names.emplace_back(member.atom_name());
  std::sort(names.begin(), names.end());
  return names;
}

std::optional<std::string> SimCluster::owner(const std::string& from, const std::string& id) {
  const auto node = call(from, atom(std::string(kSupervisor) + ".ChildManager"), tuple(atom("get_node"), atom(id)));
  if (!node || !node->is_atom()) return std::nullopt;
  return std::string(node->atom_name());
}

std::optional<std::int64_t> SimCluster::ask(const std::string& from, const std::string& id, const char* request) {
  const auto node = owner(from, id);
  if (!node) return std::nullopt;
  const auto reply = call(from, tuple(atom(id), atom(*node)), atom(request));
  return reply ? reply->as_int64() : std::nullopt;
}

void SimCluster::crash_child(const std::string& from, const std::string& id) { ask(from, id, "crash"); }

std::optional<Term> SimCluster::onnode(const std::string& from, const std::string& id) {
  const auto answer = std::make_shared<std::optional<Term>>();
  net_.run(from, [&](ProcessContext& context) {
    const auto asker = context.spawn(std::make_unique<Asker>(answer), SpawnOptions{});
    const Term request = tuple(atom("onnode"), atom(id), tuple(*asker, context.make_ref()), atom("a_function"));
    context.cast(atom(std::string(kSupervisor) + ".ChildManager"), request);
  });
  run_until([&] { return answer->has_value() || !runs(from); }, std::chrono::seconds(6));
  return *answer;
}

std::optional<std::int64_t> SimCluster::count(const std::string& from, const std::string& id) { return ask(from, id, "get"); }
std::optional<std::int64_t> SimCluster::increment(const std::string& from, const std::string& id) { return ask(from, id, "increment"); }

}  // namespace supervisorring::sim
