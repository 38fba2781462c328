// SupCluster: whole nodes on a simulated network, each with supervision, native children on an inline worker pool, and a ring that the test sets.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "node/inline_worker_pool.h"
#include "node/supervision.h"
#include "sim_network.h"

namespace supervisorring::sup_test {

inline const Term kA = atom("a@h"), kB = atom("b@h"), kC = atom("c@h");

}  // namespace supervisorring::sup_test

namespace supervisorring {

// Counts; `increment` and `get` are calls, `crash` a cast. Its count moves with it.
class Counter : public gen_server {
 public:
  InitResult init(const Term& argument) override {
    if (argument.is_atom("fail")) return stop(atom("told_to_fail"));
    return ok();
  }
  CallReaction handle_call(const Term& request, const From&) override {
    if (request.is_atom("increment")) ++count_;
    return reply(integer(count_));
  }
  Reaction handle_cast(const Term& request) override {
    if (request.is_atom("crash")) throw Exit{atom("boom")};
    return noreply();
  }
  std::optional<Term> migrate() override { return integer(count_); }
  void migrate(const Term& state) override { count_ = state.to_int64(); }

 private:
  std::int64_t count_ = 0;
};

class SupCluster : public testing::Test {
 protected:
  static inline const std::vector<std::string> kThree = {"a@h", "b@h", "c@h"};
  static inline const std::vector<std::string> kTwo = {"a@h", "b@h"};

  struct Member {
    explicit Member(const std::string& name) : view(atom(name)) {}
    InlineWorkerPool pool;
    worker_registry workers;
    RingView view;
    std::unique_ptr<NativeRuntime> native = std::make_unique<NativeRuntime>(pool);
    std::unique_ptr<Supervision> supervision;
  };

  static Term T(std::string_view text) {
    auto term = parse_term(text);
    EXPECT_TRUE(term) << text << ": " << (term ? "" : term.error());
    return term ? *term : Term();
  }
  static ChildSpec spec(const std::string& id, const std::string& rest = "permanent,5000,worker,['Elixir.Counter']", const std::string& argument = "[]") {
    auto checked = check_child_spec(T("{" + id + ",{gen_server,start_link,[{local," + id + "},'Elixir.Counter'," + argument + ",[]]}," + rest + "}"), AutoShutdown::never);
    EXPECT_TRUE(std::holds_alternative<ChildSpec>(checked));
    return std::get<ChildSpec>(checked);
  }
  static std::vector<ChildSpec> counters(int count) {
    std::vector<ChildSpec> out;
    for (int i = 0; i < count; ++i) out.push_back(spec("c" + std::to_string(i)));
    return out;
  }

  // A node; its supervisors are defined by `define` before it starts.
  Member& add(const std::string& name, std::function<void(Member&)> define = {}) {
    if (members.contains(name)) retired.push_back(std::move(members.at(name)));
    members[name] = std::make_unique<Member>(name);
    Member& m = *members[name];
    NodeConfig config;
    config.name = name;
    config.cookie = "c";
    config.epmd_host = "h";
    Node& node = net.add_node(config, &m.pool);
    m.workers.add<Counter>("Elixir.Counter");
    m.supervision = std::make_unique<Supervision>(node, m.view, m.workers, *m.native, Supervision::Top{top_intensity, [this, name](ProcessContext&, const std::string&) { gave_up.push_back(name); }});
    if (define) define(m);
    net.start(name);
    drive();
    return m;
  }
  // With 'Elixir.S' of these children.
  Member& add_with(const std::string& name, std::vector<ChildSpec> children, std::shared_ptr<ChildHandler> handler = nullptr) {
    return add(name, [&](Member& m) {
      EXPECT_TRUE(m.supervision->define({atom("Elixir.S"), LocalDefinition{SupervisorFlags{3, 5}, children, handler}}));
    });
  }
  // A node without supervision: a BEAM, a client.
  void add_plain(const std::string& name, std::function<void(Node&)> define = {}) {
    NodeConfig config;
    config.name = name;
    config.cookie = "c";
    config.epmd_host = "h";
    Node& node = net.add_node(config);
    if (define) define(node);
    net.start(name);
    drive();
  }
  void set_ring(const std::string& on, const std::vector<std::string>& up, bool settled = true, bool leaving = false) {
    RingState state;
    for (const auto& n : up) state.up.push_back(atom(n));
    state.nodes = state.up;
    state.settled = settled;
    state.leaving = leaving;
    Member& m = *members.at(on);
    net.run(on, [&](ProcessContext& context) {
      m.view.update(state);
      m.supervision->ring_changed(context);
    });
  }
  void ring(const std::vector<std::string>& up) {
    for (const auto& n : up) set_ring(n, up);
    drive();
  }
  void drive() {
    for (bool any = true; any;) {
      net.drive();
      any = false;
      for (auto& [name, m] : members) {
        if (!net.exists(name) || !m->pool.run()) continue;
        any = true;
        net.workers_ready(name);
      }
    }
  }
  void wait(Duration time) {
    for (Duration passed{}; passed < time; passed += std::chrono::milliseconds(5)) {
      net.advance(std::chrono::milliseconds(5));
      drive();
    }
  }
  // Until the condition holds; false when it does not within `time`.
  bool eventually(const std::function<bool()>& condition, Duration time = std::chrono::seconds(10)) {
    for (Duration passed{}; passed < time; passed += std::chrono::milliseconds(5)) {
      if (condition()) return true;
      net.advance(std::chrono::milliseconds(5));
      drive();
    }
    return condition();
  }

  // erpc from one node to another.
  CallResult erpc(const std::string& from, const std::string& to, const char* module, const char* function, std::vector<Term> arguments) {
    CallResult result{false, atom("no_answer")};
    bool done = false;
    net.run(from, [&](ProcessContext& context) {
      context.erpc(atom(to), atom(module), atom(function), std::move(arguments), std::chrono::seconds(20), [&](ProcessContext&, CallResult answer) {
        result = answer;
        done = true;
      });
    });
    EXPECT_TRUE(eventually([&] { return done; }, std::chrono::seconds(30)));
    return result;
  }
  CallResult call(const std::string& from, const Term& to, const Term& request) {
    CallResult result{false, atom("no_answer")};
    bool done = false;
    net.run(from, [&](ProcessContext& context) {
      context.call(to, request, CallOptions{std::chrono::seconds(20)}, [&](ProcessContext&, CallResult answer) {
        result = answer;
        done = true;
      });
    });
    EXPECT_TRUE(eventually([&] { return done; }, std::chrono::seconds(30)));
    return result;
  }
  void cast(const std::string& from, const Term& to, const Term& request) {
    net.run(from, [&](ProcessContext& context) { context.cast(to, request); });
    drive();
  }

  const Supervisor* local(const std::string& on) { return members.at(on)->supervision->state()->find(atom("Elixir.S"))->local.get(); }
  std::size_t running(const std::vector<std::string>& on) {
    std::size_t n = 0;
    for (const auto& name : on) n += local(name) ? local(name)->active() : 0;
    return n;
  }
  // Where it runs: exactly one member, its owner by every member's ring.
  bool each_once_where_it_belongs(const std::vector<ChildSpec>& specs, const std::vector<std::string>& up) {
    for (const ChildSpec& child : specs) {
      std::vector<std::string> where;
      for (const auto& name : up) {
        const auto view = local(name) ? local(name)->find(child.id) : std::nullopt;
        if (view && view->state == Supervisor::ChildState::running) where.push_back(name);
      }
      const auto owner = members.at(up[0])->view.owner_of(atom("Elixir.S"), child.id);
      if (where.size() != 1 || !owner || *owner != atom(where[0])) return false;
    }
    return true;
  }
  std::string owner(const std::string& asked, const Term& id) {
    return std::string(members.at(asked)->view.owner_of(atom("Elixir.S"), id)->atom_name());
  }
  std::int64_t count_of(const std::string& from, const std::string& id, const char* request = "get") {
    const CallResult answer = call(from, tuple(atom(id), atom(owner(from, T(id)))), atom(request));
    if (!answer.ok) ADD_FAILURE() << id << ": " << to_text(answer.value);
    return answer.ok ? answer.value.to_int64() : -1;
  }

  std::optional<TopIntensity> top_intensity;  // of members that are added from then on
  std::vector<std::string> gave_up;           // whose top supervisor did
  std::vector<std::unique_ptr<Member>> retired;  // outlive the nodes that used them
  std::map<std::string, std::unique_ptr<Member>> members;

  // Failed: what the nodes logged.
  void TearDown() override {
    if (HasFailure()) for (const auto& line : net.logs()) std::printf("  %s: %s\n", line.node.c_str(), line.text.c_str());
  }

  sim::SimNetwork net;
};

}  // namespace supervisorring
