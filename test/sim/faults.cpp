// Scenario: what happens to a cluster.
#include <algorithm>

#include "describe.h"
#include "ring/ring_file.h"
#include "scenario.h"

namespace supervisorring::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

std::string in_ms(Duration time) { return std::to_string(time / milliseconds(1)) + " ms"; }

}  // namespace

std::vector<std::string> Scenario::able() const {
  std::vector<std::string> names = cluster_.running();
  std::erase_if(names, [&](const std::string& name) {
    const SimNetwork& network = cluster_.network();
    return leaving_.contains(name) || network.stalled(name) || !network.exists(name);
  });
  return names;
}

std::vector<std::string> Scenario::all_but(const std::string& name) const {
  std::vector<std::string> others = names_;
  std::erase(others, name);
  return others;
}

// As an operator names them: all, where they are few.
std::vector<std::string> Scenario::whom_to_join(const std::string& name) {
  std::vector<std::string> others = all_but(name);
  constexpr std::size_t kFew = 100;
  while (others.size() > kFew) others = {names_.front(), random_.one_of(others), random_.one_of(others), random_.one_of(others)};
  return others;
}

void Scenario::wild_step() {
  const std::uint64_t what = random_.below(options_.legacy > 0 ? 100 : 110);
  if (what < 12) return cut_pair(true);
  if (what < 20) return cut_pair(false);
  if (what < 30) return options_.split ? partition() : crash_one();
  if (what < 38) return close_pair();
  if (what < 44) return refuse_pair();
  if (what < 58) return crash_one();
  if (what < 64) return leave_one(false);
  if (what < 67) return leave_one(true);
  if (what < 76) return stall_one();
  if (what < 82) return jump_clock();
  if (what < 86) return slow_one();
  if (what < 90) return crash_children();
  if (what < 95) return change_delays();
  if (what < 100) return start_new();
  order_one();
}

void Scenario::calm_step() {
  const std::uint64_t what = random_.below(100);
  if (what < 45) return leave_one(random_.percent(20));
  if (what < 70) return start_new();
  if (what < 90) return order_one();
}

// ---- the network -------------------------------------------------------------------------------------------

// One way; several faults may hold the same way cut.
void Scenario::cut(const std::string& from, const std::string& to, Duration time) {
  cut_way(from, to);
  at(time, [this, from, to] {
    note("the cut of " + short_name(from) + " to " + short_name(to) + " is over");
    heal_way(from, to);
  });
}

void Scenario::cut_way(const std::string& from, const std::string& to) {
  const std::pair way{host_of(from), host_of(to)};
  if (++cuts_[way] == 1) cluster_.network().cut_hosts(way.first, way.second);
}

void Scenario::heal_way(const std::string& from, const std::string& to) {
  const std::pair way{host_of(from), host_of(to)};
  if (--cuts_[way] > 0) return;
  cuts_.erase(way);
  cluster_.network().heal_hosts(way.first, way.second);
}

void Scenario::cut_pair(bool both_ways) {
  const std::string a = random_.one_of(names_), b = random_.one_of(all_but(a));
  const Duration time = random_.between(milliseconds(300), seconds(12));
  note("cut " + short_name(a) + (both_ways ? " and " : " to ") + short_name(b) + " for " + in_ms(time));
  cut(a, b, time);
  if (both_ways) cut(b, a, time);
}

void Scenario::partition() {
  std::vector<std::string> one, other;
  for (const std::string& name : names_) (random_.percent(50) ? one : other).push_back(name);
  const Duration time = random_.between(milliseconds(500), seconds(15));
  std::string text = "partition for " + in_ms(time) + ":";
  for (const std::string& name : one) text += " " + short_name(name);
  note(text + " against the others");
  for (const std::string& a : one) {
    for (const std::string& b : other) {
      cut_way(a, b);
      cut_way(b, a);
    }
  }
  at(time, [this, one, other] {
    note("the partition is over");
    for (const std::string& a : one) {
      for (const std::string& b : other) {
        heal_way(a, b);
        heal_way(b, a);
      }
    }
  });
}

void Scenario::close_pair() {
  const std::string a = random_.one_of(names_), b = random_.one_of(all_but(a));
  note("close connections of " + short_name(a) + " and " + short_name(b));
  cluster_.network().close_connections(a, b);
}

void Scenario::refuse_pair() {
  const std::string a = random_.one_of(names_), b = random_.one_of(all_but(a));
  const Duration time = random_.between(milliseconds(500), seconds(10));
  note(short_name(b) + " refuses connections of " + short_name(a) + " for " + in_ms(time));
  cluster_.network().refuse(a, b);
  if (random_.percent(60)) cluster_.network().close_connections(a, b);
  at(time, [this, a, b] { cluster_.network().refuse(a, b, false); });
}

void Scenario::change_delays() {
  const std::string a = random_.one_of(names_), b = random_.one_of(all_but(a));
  const Duration delay = random_.between(microseconds(50), milliseconds(random_.percent(20) ? 600 : 60));
  const Duration jitter = random_.between(microseconds(1), milliseconds(40));
  note("delay of " + short_name(a) + " and " + short_name(b) + " is " + in_ms(delay) + ", jitter " + in_ms(jitter));
  cluster_.network().set_delay(a, b, delay);
  cluster_.network().set_jitter(jitter);
}

// ---- members -----------------------------------------------------------------------------------------------

void Scenario::start(const std::string& name, Files files) {
  down_.erase(name);
  if (cluster_.runs(name)) return;
  ended_.erase(name);
  orders_.over(name);
  ever_.insert(name);
  if (is_legacy(name)) {
    note("start " + short_name(name) + ", a legacy member");
    return cluster_.start_legacy(name);
  }
  auto& kept = cluster_.network().files(name);
  if (files == Files::lost) kept.clear();
  if (files == Files::torn && kept.contains(kRingFileName)) {
    Bytes& ring = kept[kRingFileName];
    ring.resize(random_.below(ring.size()));
  }
  const bool first_ever = name == names_.front();
  // A member that was away may know none of those that came and none that stayed: who wants to lose nothing says whom to join.
  const bool joins = options_.calm ? ever_.size() > 1 : !first_ever && (files != Files::kept || !kept.contains(kRingFileName) || random_.percent(30));
  note("start " + short_name(name) + (joins ? " to join the others" : "") + (files == Files::lost ? ", its files lost" : files == Files::torn ? ", its ring file torn" : ""));
  cluster_.start(name, joins ? whom_to_join(name) : std::vector<std::string>());
}

void Scenario::start_new() {
  for (const std::string& name : names_) {
    if (!ever_.contains(name)) return start(name, Files::kept);
  }
}

void Scenario::restart_later(const std::string& name, Files files, Duration least, Duration most) {
  down_[name] = files;
  at(random_.between(least, most), [this, name] {
    const auto found = down_.find(name);
    if (found != down_.end()) start(name, found->second);
  });
}

void Scenario::crash_one() {
  const std::vector<std::string> running = cluster_.running();
  if (running.empty()) return;
  const std::string name = random_.one_of(running);
  const bool first_ever = name == names_.front();
  note("crash " + short_name(name));
  leaving_.erase(name);
  cluster_.crash(name);
  ended_[name] = cluster_.network().time().now;
  if (!first_ever && !is_legacy(name) && random_.percent(20)) return;  // for good; a legacy one may be all that two others know
  const std::uint64_t kind = first_ever || is_legacy(name) ? 100 : random_.below(100);
  restart_later(name, kind < 20 ? Files::lost : kind < 40 ? Files::torn : Files::kept, milliseconds(50), seconds(10));
}

void Scenario::leave_one(bool forget) {
  std::vector<std::string> running = able();
  std::erase_if(running, [this](const std::string& name) { return is_legacy(name); });
  if (running.size() < 3) return;
  const std::string name = random_.one_of(running);
  if (name == names_.front()) forget = false;
  note(short_name(name) + (forget ? " leaves for good" : " leaves"));
  leaving_.insert(name);
  cluster_.leave(name, forget);
}

// What is refused, because no other member could own children, changes nothing.
void Scenario::order_one() {
  const std::vector<std::string> running = able();
  if (running.empty()) return;
  const std::string name = random_.one_of(running);
  const std::uint64_t kind = random_.below(3);
  if (kind == 0) tell(name, "cordon", {});
  if (kind == 1) tell(name, "drain", {Term::nil()});
  if (kind == 2) tell(name, "drain", {Term::list({tuple(atom("rate"), integer(static_cast<std::int64_t>(1 + random_.below(5))))})});
  if (random_.percent(30)) return;  // for as long as it lives
  at(random_.between(milliseconds(500), seconds(12)), [this, name] {
    const std::vector<std::string> still = able();
    if (std::find(still.begin(), still.end(), name) != still.end()) tell(name, "uncordon", {});
  });
}

void Scenario::tell(const std::string& name, const std::string& function, std::vector<Term> arguments) {
  note(short_name(name) + " is told: " + function + (arguments.empty() || arguments[0].is_nil() ? "" : " " + to_text(arguments[0])));
  cluster_.order(name, function, std::move(arguments), [this, name, function](ProcessContext& context, const Term& answer) { heard(context, name, function, answer); });
}

void Scenario::heard(ProcessContext& context, const std::string& name, const std::string& function, const Term& answer) {
  note(short_name(name) + " answers to " + function + ": " + to_text(answer));
  if (!answer.is_atom("ok")) return;
  if (function == "uncordon") return orders_.over(name);
  if (function == "drain") return orders_.drained(name);
  if (!orders_.is_cordoned(name)) cluster_.ask_own(context, [this, name](std::set<std::string> ids) { orders_.cordoned(name, std::move(ids)); });
}

void Scenario::heard_itself(const std::string& name, const LogLine& line) {
  if (!line.text.starts_with("not drained any more") && !line.text.starts_with("not cordoned any more")) return;
  orders_.over(name);
  if (options_.calm) fail("orders", short_name(name) + " is " + line.text);
}

void Scenario::stall_one() {
  const std::vector<std::string> running = able();
  if (running.empty()) return;
  const std::string name = random_.one_of(running);
  const Duration time = random_.between(milliseconds(300), random_.percent(50) ? Duration(seconds(3)) : Duration(seconds(15)));
  note("stall " + short_name(name) + " for " + in_ms(time));
  cluster_.network().stall(name);
  at(time, [this, name] { resume(name); });
}

void Scenario::resume(const std::string& name) {
  if (!cluster_.network().stalled(name)) return;
  note(short_name(name) + " goes on");
  cluster_.network().resume(name, random_.percent(50) ? SimNetwork::First::timers : SimNetwork::First::inputs);
}

void Scenario::jump_clock() {
  const std::string name = random_.one_of(names_);
  Duration by = random_.between(milliseconds(1), random_.percent(50) ? Duration(seconds(20)) : Duration(std::chrono::hours(48)));
  if (random_.percent(50)) by = -by;
  note("the wall clock of " + short_name(name) + " is " + in_ms(by) + " off");
  cluster_.network().skew_wall_clock(name, std::chrono::duration_cast<microseconds>(by));
}

// Up to ten restarts within five seconds are allowed; under another strategy than one_for_one a crash counts once for all.
void Scenario::crash_children() {
  const std::vector<std::string> running = able();
  if (running.empty()) return;
  const std::string name = random_.one_of(running);
  const Instant now = cluster_.network().time().now;
  const auto last = crashed_children_.find(name);
  if (is_legacy(name) || cluster_.copies(name).empty() || (last != crashed_children_.end() && now - last->second < seconds(12))) return;
  crashed_children_[name] = now;
  const std::vector<std::string> here(cluster_.copies(name).begin(), cluster_.copies(name).end());
  const std::uint64_t crashes = 1 + random_.below(3);
  std::string text = "children of " + short_name(name) + " crash:";
  for (std::uint64_t i = 0; i < crashes; ++i) {
    const std::string id = random_.one_of(here);
    text += " " + id;
    cluster_.network().run(name, [id](ProcessContext& context) { context.cast(atom(id), atom("crash")); });
  }
  note(text);
}

void Scenario::slow_one() {
  const std::vector<std::string> running = cluster_.running();
  if (running.empty()) return;
  const std::string name = random_.one_of(running);
  const Duration time = random_.between(milliseconds(50), seconds(5));
  note("children of " + short_name(name) + " are slow for " + in_ms(time));
  cluster_.slow_children(name, cluster_.network().time().now + time);
}

}  // namespace supervisorring::sim
