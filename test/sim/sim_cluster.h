// SimCluster: whole members, each everything that `ringnode run` is but its sockets, clock, files and threads, on a SimNetwork.
//
// Every member runs the supervisor `counters` of native counters, defined in C++ or read from the node dev@h. Its handler, one for
// all members, names the counters of name() as well. One thread, virtual
// time, one seed, one run.
// A legacy member runs it too, with counters of its own kind.
//
// What a member's program would do about its files it does too: one that cannot be understood is kept as <name>.damaged.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
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
  PartitionPolicy partitions = PartitionPolicy::keep_all;
  std::string strategy = "one_for_one";
  // Where it is given, the supervisor is read from dev@h, a node that answers each question after the time that this says.
  std::function<Duration()> definition_after;
  std::optional<HashFormat> definition_format;  // that dev@h hashes by; none: it does not say
};

class SimCluster {
 public:
  explicit SimCluster(SimClusterOptions options = {});
  ~SimCluster();

  SimNetwork& network() { return net_; }
  const SimNetwork& network() const { return net_; }

  // A new member, or one that comes back with the files it left. `join`: a member to join by, or "".
  // `resume`: a member of a ring that was formed before the life began (membership.h).
  struct Starting { bool supervises = true, force = false; std::optional<HashFormat> format; std::optional<MembershipConfig::Sets> resume; };
  void start(const std::string& name, const std::string& join = "") { start(name, join, Starting{}); }
  void start(const std::string& name, const std::string& join, const Starting& how);
  void start(const std::string& name, const std::vector<std::string>& join, const Starting& how = {true, false});
  // A legacy member (sim_legacy.h), or one that comes back with its ring file. Somebody has to add it to the ring, as an operator would.
  void start_legacy(const std::string& name);
  void add_to_ring(const std::string& name, const std::string& by);
  void set_partitions(PartitionPolicy policy) { options_.partitions = policy; }  // of members that are started from then on
  void crash(const std::string& name);                // as by SIGKILL
  void leave(const std::string& name, bool forget = false);  // as by SIGTERM
  bool runs(const std::string& name) const { return members_.contains(name); }
  std::vector<std::string> running() const;
  // Calls supervisorring:`function` on it. `then` hears what it answers, in the process that asked, and nothing when the member ends before.
  using Answered = std::function<void(ProcessContext&, const Term& answer)>;
  void order(const std::string& name, const std::string& function, std::vector<Term> arguments, Answered then);
  // Asks its own child manager which counters belong to it.
  void ask_own(ProcessContext& context, std::function<void(std::set<std::string> ids)> then) const;
  // All callbacks of its children stand still until then.
  void slow_children(const std::string& name, Instant until) { members_.at(name)->slow_until = until; }

  // ---- looking, without a message ------------------------------------------------------------------------
  // What its RingView said last; empty before the first time.
  const RingChange& view(const std::string& name) const { return members_.at(name)->view; }
  // The counters that exist there, each as often as it does: also those that arrive or stop at the moment.
  const std::multiset<std::string>& copies(const std::string& name) const { return *members_.at(name)->copies; }

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
  void crash_child(const std::string& from, const std::string& id);
  // What the cast onnode to its own child manager was answered: a function, which no member here can run.
  std::optional<Term> onnode(const std::string& from, const std::string& id);
  std::vector<std::string> ids() const;

  // The handler names one more counter, or one less, when it is asked next.
  void name(const std::string& id) { named_->insert(id); }
  void unname(const std::string& id) { named_->erase(id); }

 private:
  // Says when it has something to do, or to hand over: a great cluster is not looked through for that.
  class Pool : public InlineWorkerPool {
   public:
    explicit Pool(std::function<void()> busy, std::function<void()> wake) : InlineWorkerPool(std::move(wake)), busy_(std::move(busy)) {}
    void schedule(std::shared_ptr<Strand> strand) override {
      busy_();
      InlineWorkerPool::schedule(std::move(strand));
    }

   private:
    std::function<void()> busy_;
  };
  struct Member {
    Member(std::function<void()> busy, std::function<void()> wake) : pool(std::move(busy), std::move(wake)), runtime(pool) {}
    worker_registry registry;
    Pool pool;
    NativeRuntime runtime;
    bool results = false;
    Instant slow_until{};
    RingChange view;
    std::shared_ptr<std::multiset<std::string>> copies = std::make_shared<std::multiset<std::string>>();
    std::unique_ptr<Composition> composition;
  };

  struct Unanswered { Instant at; RpcDone done; };

  Term specs() const;
  SupervisorDefinition definition() const;
  void start_source();
  void answer_definitions();
  void read_files(const std::string& name, MembershipConfig& config);
  void run_workers();
  bool may_work(const std::string& name, const Member& member) const;
  Duration until_next_turn(Instant end) const;
  void bury_halted();
  std::optional<std::int64_t> ask(const std::string& from, const std::string& id, const char* request);

  SimClusterOptions options_;
  std::shared_ptr<std::set<std::string>> named_ = std::make_shared<std::set<std::string>>();
  const std::shared_ptr<RingStore> rings_ = std::make_shared<RingStore>();
  SimNetwork net_;
  std::map<std::string, std::unique_ptr<Member>> members_;
  std::set<std::string> busy_;  // whose pools may not be idle, or have results
  std::uint64_t halts_seen_ = 0;
  std::vector<Unanswered> unanswered_;  // questions for the definition
};

}  // namespace supervisorring::sim
