#include "sim_cluster.h"

#include <algorithm>

namespace supervisorring::sim {
namespace {

constexpr Duration kTurn = std::chrono::microseconds(200);  // how long the worker threads take for what they have to do
constexpr const char* kSupervisor = "counters";
constexpr const char* kSource = "dev@h";

class Counter : public gen_server {
  CallReaction handle_call(const Term& request, const From&) override {
    if (request.is_atom("increment")) ++count_;
    return reply(integer(count_));
  }
  std::optional<Term> migrate() override { return integer(count_); }
  void migrate(const Term& state) override { count_ = state.to_int64(); }
  std::int64_t count_ = 0;
};

std::string host_of(const std::string& node) { return node.substr(node.find('@') + 1); }

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
    specs += (specs.empty() ? "" : ", ") + ("{" + id + ", {gen_server, start_link, [{local, " + id + "}, counter, [], []]}, permanent, 2000, worker, [counter]}");
  return parse_term("{ok, {{one_for_one, 10, 5}, [" + specs + "]}}").value();
}

SupervisorDefinition SimCluster::definition() const {
  if (options_.definition_after) return {atom(kSupervisor), RemoteDefinition{atom("my_sup"), atom(kSource), Term()}};
  LocalDefinition local;
  auto init = check_init(atom(kSupervisor), specs());
  auto& checked = std::get<SupervisorInit>(init);
  local.flags = checked.flags;
  local.children = std::move(checked.children);
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
  if (options_.definition_after && !net_.exists(kSource)) start_source();
  auto& member = members_[name];
  member = std::make_unique<Member>([&slot = members_[name]] { slot->results = true; });
  member->registry.add<Counter>("counter");
  NodeConfig config;
  config.name = name;
  config.cookie = "secret";
  config.epmd_host = host_of(name);
  Node& node = net_.add_node(std::move(config), &member->pool);

  CompositionConfig composition;
  composition.ring.self = atom(name);
  composition.force = how.force;
  composition.ring.seed = net_.random();
  if (!join.empty()) composition.ring.join.push_back(atom(join));
  auto& files = net_.files(name);
  if (files.contains(kRingFileName)) composition.ring.ring_file = read_ring_file(files[kRingFileName]).value();
  if (files.contains(kRingFactsFileName)) composition.ring.facts = read_ring_facts(files[kRingFactsFileName]).value();
  member->composition = std::make_unique<Composition>(node, member->registry, member->runtime, std::move(composition));
  if (how.supervises) member->composition->define(definition()).value();
  net_.start(name);
}

void SimCluster::crash(const std::string& name) {
  // In the order in which cnode.cpp's own end: the composition, the node, the pool.
  members_.at(name)->composition.reset();
  if (net_.exists(name)) net_.crash(name);
  members_.erase(name);
}

void SimCluster::leave(const std::string& name) {
  net_.run(name, [&](ProcessContext& context) { members_.at(name)->composition->leave(context, false); });
}

void SimCluster::run_workers() {
  for (auto& [name, member] : members_) {
    member->pool.run();
    if (!member->results) continue;
    member->results = false;
    net_.workers_ready(name);
  }
  bury_halted();
}

// The program ends when its node has halted.
void SimCluster::bury_halted() {
  for (const std::string& name : running()) {
    if (net_.halted().contains(name)) crash(name);
  }
}

void SimCluster::advance(Duration by) {
  run_until([] { return false; }, by);
}

bool SimCluster::run_until(const std::function<bool()>& condition, Duration at_most) {
  const Instant end = net_.time().now + at_most;
  while (!condition()) {
    const Instant now = net_.time().now;
    if (now >= end) return false;
    net_.advance(std::min<Duration>(kTurn, end - now));
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

std::optional<std::int64_t> SimCluster::count(const std::string& from, const std::string& id) { return ask(from, id, "get"); }
std::optional<std::int64_t> SimCluster::increment(const std::string& from, const std::string& id) { return ask(from, id, "increment"); }

}  // namespace supervisorring::sim
