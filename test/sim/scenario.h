// Scenario: a cluster's life from one seed: faults, an end of all faults, and what must hold then.
//
// Three classes. `wild`: silent cuts (pairs, one way, overlapping partitions), closed connections, refusals, crashes, restarts with the ring file
// present, lost or torn, leaves, stalls, wrong wall clocks, slow children, slow links, children that crash (less often than the
// intensity allows: the supervisor must bear it, under its strategy). `calm`: only joins, leaves and
// restarts after a leave; there no counter may lose an increment that was answered. `parted`: all members are up, and the network splits in
// two, again and again, for long enough that each side has to do what the policy says. Counters are incremented all along in both.
//
// In both, where no legacy member is, members are drained (with and without a rate) and cordoned now and then, and most of them uncordoned some seconds later. Some still are
// when the faults end: orders.h says what the checkers make of that. In a calm life nobody may be drained or cordoned no more without having been told.
//
// Legacy members (wild only) suffer the same, but keep their ring files and do not leave.
//
// The first member never loses its file and always comes back, so that there always is a ring to come back to. The checks are check_*.h.
//
// Not simulated: loss of all ring files at once, del_node of a member that lives.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "check_copies.h"
#include "check_self.h"
#include "ledger.h"
#include "orders.h"
#include "random.h"
#include "sim_cluster.h"

namespace supervisorring::sim {

inline constexpr Duration kConvergenceBound = std::chrono::seconds(60);  // from the end of all faults
inline constexpr Duration kRest = std::chrono::seconds(10);              // that a converged cluster must stay as it is

struct ScenarioOptions {
  std::uint64_t seed = 1;
  int nodes = 5;
  int steps = 40;
  int legacy = 0;      // members that run the Elixir libraries, besides those
  bool formed = false; // most of them are a ring when the life begins, as after months; for great clusters. How it formed does not follow from the seed.
  bool split = true;   // a wild life may be split in two; of one that is formed all members notice every other, one by one
  bool calm = false;
  bool parted = false;
  bool quorum = false;  // what a partition does
  std::string strategy = "one_for_one";
  std::function<void(const std::string& line)> trace;  // empty: none
};

struct ScenarioResult {
  std::optional<std::string> failure;  // with its virtual time and what saw it
  std::string checker;                 // that saw it
  std::optional<Duration> converged;   // after the faults ended
  std::uint64_t hash = 0;              // of every effect of every node with its time
  std::uint64_t writes = 0;            // SendBytes between the end of the faults and convergence
  Duration lived{};                    // virtual time in all
};

class Scenario {
 public:
  explicit Scenario(ScenarioOptions options);
  ScenarioResult run() {
    form();
    return live(options_.seed);
  }
  // The two halves of run(), for many lives of one great cluster (forked.h). form(): a formed life's ring, the same for every seed; nothing for other lives.
  void form();
  ScenarioResult live(std::uint64_t seed);

 private:
  enum class Files { kept, lost, torn };

  // scenario.cpp: the course of a run
  void pass(Duration time);                             // with what the agenda holds
  void at(Duration after, std::function<void()> what);
  void grow();
  void live_parted();
  void split_once();
  void end_faults();
  void converge();
  void check_at_rest();
  void note(const std::string& text);
  void observe(const std::string& node, const Effect& effect);
  void hash(std::string_view bytes);
  void fail(const std::string& checker, const std::string& why);
  void watch();                                         // halts, errors, members that do not count themselves
  void increments();

  // faults.cpp
  void wild_step();
  void calm_step();
  void cut_pair(bool both_ways);
  void partition();
  void cut(const std::string& from, const std::string& to, Duration time);
  void cut_way(const std::string& from, const std::string& to);
  void heal_way(const std::string& from, const std::string& to);
  void close_pair();
  void refuse_pair();
  void crash_one();
  void leave_one(bool forget);
  void stall_one();
  void resume(const std::string& name);
  void order_one();
  void tell(const std::string& name, const std::string& function, std::vector<Term> arguments);
  void heard(ProcessContext& context, const std::string& name, const std::string& function, const Term& answer);
  void heard_itself(const std::string& name, const LogLine& line);
  void jump_clock();
  void slow_one();
  void crash_children();
  void change_delays();
  void start(const std::string& name, Files files);
  void start_new();
  void restart_later(const std::string& name, Files files, Duration least, Duration most);
  bool is_legacy(const std::string& name) const { return name.front() == 'l'; }
  void invite_legacy();
  std::vector<std::string> able() const;                // running, and neither stalled nor leaving
  std::vector<std::string> all_but(const std::string& name) const;
  std::vector<std::string> whom_to_join(const std::string& name);

  const ScenarioOptions options_;
  Random random_;
  std::shared_ptr<Ledger> ledger_ = std::make_shared<Ledger>();
  SimCluster cluster_;
  Orders orders_;
  CheckCopies check_copies_;
  CheckSelf check_self_;
  ScenarioResult result_;
  Instant stamped_at_{};
  std::string stamp_;  // of that instant: many effects have the same

  std::map<std::pair<Instant, std::uint64_t>, std::function<void()>> agenda_;
  std::uint64_t last_agenda_ = 0;
  std::vector<std::string> names_;                      // of all members that may ever be
  std::set<std::string> ever_;                          // that have been started
  std::map<std::string, Files> down_;                   // that will be started again, and with what
  std::set<std::string> leaving_;
  std::map<std::string, Instant> ended_;
  std::map<std::string, Instant> crashed_children_;     // of whom last, so that no intensity is exceeded
  std::map<std::pair<std::string, std::string>, int> cuts_;  // from, to: how many faults hold it
  std::size_t logs_checked_ = 0;
  bool faults_ = true;
};

}  // namespace supervisorring::sim
