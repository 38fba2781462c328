// SimCluster: whole members, each everything that `ringnode run` is but its sockets, clock, files and threads, on a SimNetwork.
//
// Every member runs the supervisor `counters` of native counters, defined in C++ or read from the node dev@h. One thread, virtual
// time, one seed, one run.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "node/composition.h"
#include "node/inline_worker_pool.h"
#include "node/native_process.h"
#include "sim_network.h"
#include "supervisorring/factory.h"

namespace supervisorring::sim {

struct SimClusterOptions {
  std::uint64_t seed = 1;
  int children = 12;  // named and registered c1, c2, ...
  // Where it is given, the supervisor is read from dev@h, a node that answers each question after the time that this says.
  std::function<Duration()> definition_after;
};

class SimCluster {
 public:
  explicit SimCluster(SimClusterOptions options = {});
  ~SimCluster();

  SimNetwork& network() { return net_; }

  // A new member, or one that comes back with the files it left. `join`: a member to join by, or "".
  struct Starting { bool supervises = true, force = false; };
  void start(const std::string& name, const std::string& join = "") { start(name, join, Starting{}); }
  void start(const std::string& name, const std::string& join, const Starting&);
  void crash(const std::string& name);                // as by SIGKILL
  void leave(const std::string& name);                // as by SIGTERM
  bool runs(const std::string& name) const { return members_.contains(name); }
  std::vector<std::string> running() const;

  void advance(Duration by);
  bool run_until(const std::function<bool()>& condition, Duration at_most);

  // ---- asking, from the member `from`; each lets time go on until the answer is there ------------------
  // {Name, Node} of a local name, or whatever Term a call can go to. nullopt: no answer, or an error.
  std::optional<Term> call(const std::string& from, const Term& to, const Term& request);
  std::vector<std::string> up(const std::string& name);
  // The owner of a counter as `from` sees it, and a call to the counter there.
  std::optional<std::string> owner(const std::string& from, const std::string& id);
  std::optional<std::int64_t> count(const std::string& from, const std::string& id);
  std::optional<std::int64_t> increment(const std::string& from, const std::string& id);
  std::vector<std::string> ids() const;

 private:
  struct Member {
    explicit Member(std::function<void()> wake) : pool(std::move(wake)), runtime(pool) {}
    worker_registry registry;
    InlineWorkerPool pool;
    NativeRuntime runtime;
    bool results = false;
    std::unique_ptr<Composition> composition;
  };

  struct Unanswered { Instant at; RpcDone done; };

  Term specs() const;
  SupervisorDefinition definition() const;
  void start_source();
  void answer_definitions();
  void run_workers();
  void bury_halted();
  std::optional<std::int64_t> ask(const std::string& from, const std::string& id, const char* request);

  SimClusterOptions options_;
  SimNetwork net_;
  std::map<std::string, std::unique_ptr<Member>> members_;
  std::vector<Unanswered> unanswered_;  // questions for the definition
};

}  // namespace supervisorring::sim
