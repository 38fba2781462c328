#include "scenario.h"

#include <algorithm>
#include <cstring>

#include "check_converged.h"
#include "check_counters.h"
#include "check_dead.h"
#include "check_health.h"
#include "check_owners.h"
#include "check_parted.h"
#include "check_sets.h"
#include "describe.h"

namespace supervisorring::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr std::uint64_t kFormingSeed = 1;  // of all formed lives, until they are formed

}  // namespace

Scenario::Scenario(ScenarioOptions options)
    : options_(std::move(options)), random_(0), cluster_({.seed = kFormingSeed, .children = 12, .partitions = options_.quorum ? PartitionPolicy::quorum : PartitionPolicy::keep_all, .strategy = options_.strategy}) {
  for (int i = 1; i <= options_.nodes; ++i) names_.push_back("n" + std::to_string(i) + "@h" + std::to_string(i));
  for (int i = 1; i <= options_.legacy; ++i) names_.insert(names_.begin() + i, "l" + std::to_string(i) + "@g" + std::to_string(i));
  cluster_.network().on_effect([this](const std::string& node, const Effect& effect) { observe(node, effect); });
}

ScenarioResult Scenario::live(std::uint64_t seed) {
  random_ = Random(seed * 2 + (options_.calm ? 1 : 0));
  cluster_.network().reseed(random_.next());
  if (options_.parted) {
    live_parted();
    cluster_.network().on_effect({});
    return result_;
  }
  if (!options_.formed) grow();
  at(milliseconds(1), [this] { increments(); });
  if (options_.legacy > 0) at(milliseconds(1), [this] { invite_legacy(); });
  for (int step = 0; step < options_.steps && !result_.failure; ++step) {
    if (options_.calm) calm_step(); else wild_step();
    pass(random_.between(milliseconds(50), options_.calm ? milliseconds(2500) : milliseconds(2000)));
  }
  end_faults();
  converge();
  if (!result_.failure) check_at_rest();
  result_.lived = cluster_.network().time().now.time_since_epoch();
  cluster_.network().on_effect({});
  return result_;
}

// ---- time -----------------------------------------------------------------------------------------------

void Scenario::at(Duration after, std::function<void()> what) {
  agenda_.emplace(std::pair{cluster_.network().time().now + after, ++last_agenda_}, std::move(what));
}

void Scenario::pass(Duration time) {
  const Instant end = cluster_.network().time().now + time;
  while (!result_.failure) {
    const Instant now = cluster_.network().time().now;
    const bool due = !agenda_.empty() && agenda_.begin()->first.first <= end;
    cluster_.advance((due ? std::max(agenda_.begin()->first.first, now) : end) - now);
    watch();
    if (!due) return;
    const auto what = std::move(agenda_.begin()->second);
    agenda_.erase(agenda_.begin());
    what();
  }
}

// Nine of ten are up and know each other, but for their connections; the others may come later.
void Scenario::form() {
  if (!options_.formed) return;
  MembershipConfig::Sets sets;
  const std::size_t up = names_.size() - names_.size() / 10;
  for (std::size_t i = 0; i < up; ++i) {
    for (LwwSet* set : {&sets.nodes, &sets.up}) set->put(atom(names_[i]), cluster_.network().time().wall);
  }
  note(std::to_string(up) + " members are up");
  for (std::size_t i = 0; i < up; ++i) {
    ever_.insert(names_[i]);
    cluster_.start(names_[i], std::vector<std::string>(), {.resume = sets});
  }
  pass(seconds(5));
}

// The first member alone, then some of the others, close to each other.
void Scenario::grow() {
  if (options_.calm) {
    cluster_.network().set_delay(random_.between(std::chrono::microseconds(100), milliseconds(5)));
    cluster_.network().set_jitter(random_.between(std::chrono::microseconds(1), milliseconds(3)));
  }
  start(names_.front(), Files::kept);
  pass(random_.between(milliseconds(1), seconds(2)));
  const std::size_t first = 2 + random_.below(names_.size() - 1);
  for (std::size_t i = 1; i < first; ++i) {
    at(random_.between(milliseconds(0), seconds(3)), [this, name = names_[i]] { start(name, Files::kept); });
  }
  pass(seconds(3));
}

// Everybody is a member first; then splits, each of which is healed.
void Scenario::live_parted() {
  for (const std::string& name : names_) {
    if (!result_.failure && !cluster_.runs(name)) start(name, Files::kept);
    pass(milliseconds(500));
  }
  for (int split = 0; split <= options_.steps / 10 && !result_.failure; ++split) {
    converge();
    if (!result_.failure && split < options_.steps / 10) split_once();
  }
  if (!result_.failure) check_at_rest();
  result_.lived = cluster_.network().time().now.time_since_epoch();
}

void Scenario::split_once() {
  std::vector<std::string> sides[2];
  while (sides[0].empty() || sides[1].empty()) {
    for (auto& side : sides) side.clear();
    for (const std::string& name : names_) sides[random_.below(2)].push_back(name);
  }
  const bool silent = random_.percent(50);
  std::string text = std::string("the network splits") + (silent ? ", silently:" : ", and connections close:");
  for (const std::string& name : sides[0]) text += " " + short_name(name);
  note(text + " against the others");
  for (const std::string& a : sides[0]) {
    for (const std::string& b : sides[1]) {
      cut_way(a, b);
      cut_way(b, a);
      if (!silent) cluster_.network().close_connections(a, b);
    }
  }
  pass(kPartedBound);
  for (int look = 0; look < 5 && !result_.failure; ++look) {
    if (const auto wrong = check_parted(cluster_, sides, options_.quorum ? PartitionPolicy::quorum : PartitionPolicy::keep_all)) return fail("parted", *wrong);
    pass(random_.between(milliseconds(1), seconds(3)));
  }
  note("the network is whole again");
  agenda_.clear();
  for (const auto& [pair, count] : std::exchange(cuts_, {})) cluster_.network().heal_hosts(pair.first, pair.second);
}

void Scenario::end_faults() {
  note("all faults end" + (orders_.text().empty() ? "" : ": " + orders_.text()));
  faults_ = false;
  agenda_.clear();
  SimNetwork& network = cluster_.network();
  network.set_jitter(std::chrono::microseconds(100));
  network.forget_delays();
  network.set_delay(milliseconds(1));
  network.refuse_nobody();
  for (const auto& [pair, count] : std::exchange(cuts_, {})) network.heal_hosts(pair.first, pair.second);
  for (const std::string& name : cluster_.running()) resume(name);
  for (const auto& [name, files] : std::exchange(down_, {})) start(name, files);
  if (options_.legacy > 0) invite_legacy();
}

void Scenario::converge() {
  const Instant begin = cluster_.network().time().now;
  const std::uint64_t written = result_.writes;
  while (!result_.failure) {
    pass(milliseconds(20));
    const Duration passed = cluster_.network().time().now - begin;
    auto missing = check_converged(cluster_);
    if (!missing) missing = check_copies_(cluster_, orders_);
    if (!missing) {
      result_.converged = passed;
      result_.writes -= written;
      return note("converged");
    }
    if (passed > kConvergenceBound) return fail("converged", "not " + std::to_string(passed / seconds(1)) + " s after the last fault: " + *missing);
    for (auto& [name, at] : ended_) at = std::max(at, begin);
    if (const auto wrong = check_dead(cluster_, ended_, cluster_.network().time().now, kConvergenceBound / 2)) return fail("dead", *wrong);
  }
}

void Scenario::check_at_rest() {
  const std::uint64_t to_converge = result_.writes;
  pass(seconds(6));  // calls that are under way
  result_.writes = 0;
  pass(kRest);
  const auto verdict = [&](const char* who, const std::optional<std::string>& wrong) {
    if (wrong) fail(who, *wrong);
  };
  verdict("rest", check_rest(std::exchange(result_.writes, to_converge), cluster_.running().size(), kRest));
  verdict("stayed converged", check_converged(cluster_));
  if (result_.failure) return;
  verdict("stayed converged", check_copies_(cluster_, orders_));
  verdict("owners", check_owners(cluster_, orders_));
  verdict("sets", check_sets(cluster_, {names_.begin(), names_.end()}));
  if (options_.calm && !result_.failure) verdict("counters", check_counters(cluster_, *ledger_));
  const std::uint64_t writes = result_.writes;
  watch();
  result_.writes = writes;
}

// ---- watching --------------------------------------------------------------------------------------------

void Scenario::note(const std::string& text) {
  hash(text);
  if (options_.trace) options_.trace(stamp(cluster_.network().time().now) + " ** " + text);
}

void Scenario::fail(const std::string& checker, const std::string& why) {
  if (result_.failure) return;
  result_.checker = checker;
  result_.failure = stamp(cluster_.network().time().now) + " s: " + checker + ": " + why;
  note("failed: " + checker + ": " + why);
}

// FNV-1a, eight bytes at a time.
void Scenario::hash(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size(); at += 8) {
    std::uint64_t word = bytes.size();
    std::memcpy(&word, bytes.data() + at, std::min<std::size_t>(8, bytes.size() - at));
    result_.hash = (result_.hash ^ word) * 0x100000001B3ull;
    result_.hash ^= result_.hash >> 29;
  }
}

void Scenario::observe(const std::string& node, const Effect& effect) {
  const Instant now = cluster_.network().time().now;
  if (now != stamped_at_ || stamp_.empty()) stamped_at_ = now, stamp_ = stamp(now);
  hash(stamp_ + node + static_cast<char>('0' + effect.index()));
  if (const auto* send = std::get_if<SendBytes>(&effect)) ++result_.writes, hash(send->bytes);
  if (const auto* line = std::get_if<LogLine>(&effect)) hash(line->text), heard_itself(node, *line);
  if (const auto* file = std::get_if<PersistFile>(&effect)) hash(file->content);
  if (const auto* halt = std::get_if<HaltNode>(&effect)) {
    if (const auto wrong = check_halt(node, *halt, leaving_.contains(node))) fail("halt", *wrong);
  }
  if (!options_.trace) return;
  for (const std::string& line : describe(cluster_.network(), node, effect)) options_.trace(stamp(now) + " " + short_name(node) + " " + line);
}

void Scenario::watch() {
  if (const auto wrong = check_logs(cluster_.network(), logs_checked_, options_.calm ? Faults::no : Faults::yes)) fail("logs", *wrong);
  if (const auto wrong = check_self_(cluster_)) fail("self", *wrong);
  for (const std::string& name : std::set<std::string>(leaving_)) {
    if (cluster_.runs(name)) continue;
    leaving_.erase(name);
    ended_[name] = cluster_.network().time().now;
    note(short_name(name) + " has left");
    if (faults_ && (name == names_.front() || random_.percent(75))) restart_later(name, Files::kept, milliseconds(0), seconds(8));
  }
}

// The operator, who sees to it that legacy members which are not in the ring of one of ours get there: they do not ask themselves.
void Scenario::invite_legacy() {
  at(seconds(3), [this] { invite_legacy(); });
  for (const std::string& name : names_) {
    if (!is_legacy(name) || !cluster_.runs(name)) continue;
    for (const std::string& by : able()) {
      const auto& nodes = cluster_.view(by).new_nodes;
      if (is_legacy(by) || std::find(nodes.begin(), nodes.end(), atom(name)) != nodes.end()) continue;
      cluster_.add_to_ring(name, by);
      break;
    }
  }
}

// A user of one member increments one counter; then the next.
void Scenario::increments() {
  at(random_.between(milliseconds(5), milliseconds(150)), [this] { increments(); });
  const std::vector<std::string> from = able();
  if (from.empty()) return;
  const std::string id = random_.one_of(cluster_.ids());
  const auto ledger = ledger_;
  cluster_.network().run(random_.one_of(from), [ledger, id](ProcessContext& context) {
    context.call(atom("counters.ChildManager"), tuple(atom("get_node"), atom(id)), {}, [ledger, id](ProcessContext& then, CallResult owner) {
      if (!owner.ok || !owner.value.is_atom()) return;
      ++ledger->counters[id].asked;
      then.call(tuple(atom(id), owner.value), atom("increment"), {}, [ledger, id](ProcessContext&, CallResult count) {
        if (!count.ok) return;
        CounterLedger& counter = ledger->counters[id];
        ++counter.answered;
        if (!counter.counts.insert(count.value.to_int64()).second) counter.twice.insert(count.value.to_int64());
      });
    });
  });
}

}  // namespace supervisorring::sim
