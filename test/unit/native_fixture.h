// NativeNodes: two nodes on the simulated network whose native children run on an InlineWorkerPool, and a parent on each.
#pragma once

#include "node/inline_worker_pool.h"
#include "node/native_process.h"
#include "node_pair.h"

namespace supervisorring {

class NativeNodes : public NodePair {
 protected:
  void SetUp() override {
    NotingProcess::jobs().clear();
    for (const char* name : {kA, kB}) {
      NodeConfig config;
      config.name = name;
      config.cookie = "secret";
      config.epmd_host = std::string(name).substr(2);
      net.add_node(config, &pools[name]);
      net.start(name);
    }
    settle();
    spawn(kA, "sup_a", {.trap_exit = TrapExit::yes});
    spawn(kB, "sup_b", {.trap_exit = TrapExit::yes});
  }
  // Until neither the nodes nor the strands have anything to do.
  void settle() {
    net.drive();
    for (bool again = true; again;) {
      again = false;
      for (auto& [name, pool] : pools) {
        if (!pool.run()) continue;
        again = true;
        net.workers_ready(name);
        net.drive();
      }
    }
  }
  std::string parent_of(const std::string& node) const { return node == kA ? "sup_a" : "sup_b"; }

  // Starts a child of `Class` under the node's parent; `result`: "ok", "ignore" or "error Reason".
  template <class Class>
  Term start(const std::string& node, const char* name = nullptr, Term argument = {}, NativeHeld held = NativeHeld::no,
             Term replaces = {}) {
    Worker worker{std::make_shared<const GenServerFactory>([] { return std::make_unique<Class>(); }), {}, atom("test"), std::move(argument), name ? atom(name) : Term()};
    Term pid;
    start_result.clear();
    as(node, parent_of(node), [&, replaces](ProcessContext& context) {
      NativeStart start{worker, context.self(), held, replaces};
      start_native(context, runtimes.at(node), start, [&](ProcessContext&, NativeStartResult result) {
        if (auto* started = std::get_if<NativeStarted>(&result)) start_result = "ok", last_started = started->pid;
        else if (auto* failed = std::get_if<NativeStartFailed>(&result)) start_result = "error " + to_text(failed->reason);
        else start_result = "ignore";
      });
    });
    settle();
    return last_started;
  }
  std::string ask(const std::string& node, const Term& to, const char* request) {
    std::string result;
    net.run(node, [&](ProcessContext& context) { context.call(to, parse_term(request).value(), {}, into(result)); });
    settle();
    return result;
  }
  void tell(const std::string& node, const Term& to, const char* message) {
    net.run(node, [&](ProcessContext& context) { context.send(to, parse_term(message).value()); });
    settle();
  }
  std::string stop(const std::string& node, const Term& pid, NativeShutdown how) {
    stop_result.clear();
    as(node, parent_of(node), [&, pid, how](ProcessContext& context) {
      stop_native(context, runtimes.at(node), pid, how, [&](ProcessContext&, Term reason) { stop_result = to_text(reason); });
    });
    settle();
    return stop_result;
  }

  std::map<std::string, InlineWorkerPool> pools;
  std::map<std::string, NativeRuntime> runtimes = make_runtimes();
  Term last_started;
  std::string start_result;
  std::string stop_result;

 private:
  std::map<std::string, NativeRuntime> make_runtimes() {
    std::map<std::string, NativeRuntime> made;
    for (const char* name : {kA, kB}) made.emplace(std::piecewise_construct, std::tuple(name), std::tuple(std::ref(pools[name])));
    return made;
  }
};

}  // namespace supervisorring
