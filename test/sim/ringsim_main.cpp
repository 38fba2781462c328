// ringsim: lives of whole clusters from seeds (scenario.h).
//
//   ringsim [--seed N] [--seeds COUNT] [--nodes M|M-N] [--legacy L] [--steps K] [--class calm|wild|parted] [--policy keep-all|quorum] [--split] [--fresh] [--twice] [--jobs J] [--trace] [--membership [--kills K] [--cut C] [--loss L]] [--convergence N,N,... [--plot FILE]]
//
// Each life prints its seed when it begins and what failed, with the virtual time, when something did; the line to replay it comes with it.
// Lives of great clusters begin with a ring that is formed once for all that have as many members and the same strategy; each goes on in a child process (forked.h).
// --split: those are split in two as well.
// --jobs: so many lives at once, each in a child process, printed when they end.
// Without --nodes, --legacy and --class they follow from the seed. --fresh adds one life of a seed that nobody has chosen. --twice lives each life
// two times and compares. --membership: membership cores alone, 200 or as many as --nodes says (sim_membership.h): K of them are killed (10), C cut off
// for five seconds (a fifth), L of a million messages lost (20,000). --convergence: a table by cluster size (convergence.h), and its plot. Exit status 0: nothing failed; 1: something did; 2: usage.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <random>
#include <tuple>
#include <vector>

#include "convergence.h"
#include "forked.h"
#include "scenario.h"
#include "sim_membership.h"

namespace {

using namespace supervisorring::sim;

struct Options {
  std::uint64_t seed = 1, seeds = 1;
  int nodes = 0, most_nodes = 0, steps = 40, legacy = -1;  // nodes to most_nodes of them, by the seed
  std::string kind, policy, plot;
  std::vector<std::size_t> convergence;
  std::size_t jobs = 1;
  std::optional<std::uint64_t> kills, cut, loss;  // of --membership
  bool split = false, fresh = false, twice = false, trace = false, membership = false;
};

constexpr int kFormedFrom = 150;  // to have them join one by one would take longer than all else

std::string replay_line;  // of the life that runs in this process: printed when a check of the program's own aborts

extern "C" void tell_abort(int) {
  std::fputs("aborted: ", stdout);
  std::puts(replay_line.c_str());
  std::fflush(stdout);
}

template <class... Values>
std::string text(const char* format, Values... values) {
  char line[300];
  std::snprintf(line, sizeof line, format, values...);
  return line;
}

[[noreturn]] void usage() {
  std::fputs("usage: ringsim [--seed N] [--seeds COUNT] [--nodes M|M-N] [--legacy L] [--steps K] [--class calm|wild|parted] [--policy keep-all|quorum] [--split] [--fresh] [--twice] [--jobs J] [--trace] [--membership [--kills K] [--cut C] [--loss L]] [--convergence N,N,... [--plot FILE]]\n", stderr);
  std::exit(2);
}

Options read(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string word = arguments[i];
    const auto value = [&]() -> std::string { return ++i < count ? arguments[i] : (usage(), ""); };
    const auto number = [&] { return std::strtoull(value().c_str(), nullptr, 10); };
    if (word == "--seed") options.seed = number();
    else if (word == "--seeds") options.seeds = number();
    else if (word == "--nodes") {
      const std::string range = value();
      options.nodes = std::atoi(range.c_str());
      options.most_nodes = range.find('-') == std::string::npos ? options.nodes : std::atoi(range.c_str() + range.find('-') + 1);
    }
    else if (word == "--legacy") options.legacy = static_cast<int>(number());
    else if (word == "--steps") options.steps = static_cast<int>(number());
    else if (word == "--class") options.kind = value();
    else if (word == "--policy") options.policy = value();
    else if (word == "--split") options.split = true;
    else if (word == "--fresh") options.fresh = true;
    else if (word == "--twice") options.twice = true;
    else if (word == "--trace") options.trace = true;
    else if (word == "--jobs") options.jobs = number();
    else if (word == "--membership") options.membership = true;
    else if (word == "--kills") options.kills = number();
    else if (word == "--cut") options.cut = number();
    else if (word == "--loss") options.loss = number();
    else if (word == "--convergence") {
      const std::string sizes = value();
      for (std::size_t at = 0;; at = sizes.find(',', at) + 1) {
        options.convergence.push_back(std::strtoull(sizes.c_str() + at, nullptr, 10));
        if (options.convergence.back() < 3) usage();
        if (sizes.find(',', at) == std::string::npos) break;
      }
    } else if (word == "--plot") options.plot = value();
    else usage();
  }
  if (options.jobs == 0 || (options.jobs > 1 && options.trace)) usage();
  if (options.nodes < 0 || options.nodes == 1 || options.most_nodes < options.nodes || (!options.kind.empty() && options.kind != "calm" && options.kind != "wild" && options.kind != "parted")) usage();
  return options;
}

const char* kind_of(const ScenarioOptions& scenario) { return scenario.calm ? "calm" : scenario.parted ? "parted" : "wild"; }

ScenarioOptions scenario_of(std::uint64_t seed, const Options& options) {
  ScenarioOptions scenario;
  scenario.seed = seed;
  const int least = options.nodes ? options.nodes : 3, most = options.nodes ? options.most_nodes : 7;
  scenario.nodes = least + static_cast<int>((most == 7 ? seed : seed * 2654435761u % 65521) % static_cast<std::uint64_t>(most - least + 1));
  scenario.steps = options.steps;
  const std::string kind = !options.kind.empty() ? options.kind : seed % 4 == 0 ? "calm" : seed % 8 == 5 ? "parted" : "wild";
  scenario.calm = kind == "calm";
  scenario.parted = kind == "parted";
  if (kind == "wild") scenario.strategy = seed % 3 == 0 ? "one_for_one" : seed % 3 == 1 ? "one_for_all" : "rest_for_one";
  scenario.quorum = options.policy.empty() ? scenario.parted && seed % 16 == 5 : options.policy == "quorum";
  scenario.formed = kind == "wild" && scenario.nodes >= kFormedFrom;
  scenario.split = options.split || !scenario.formed;
  scenario.legacy = options.legacy >= 0 ? options.legacy : kind != "wild" || scenario.formed ? 0 : static_cast<int>(seed / 4 % 3);
  if (options.trace) scenario.trace = [](const std::string& line) { std::puts(line.c_str()); };
  return scenario;
}

double in_seconds(supervisorring::Duration time) { return std::chrono::duration<double>(time).count(); }
unsigned long long number(std::uint64_t value) { return value; }

// What is to be lived, and how it is told.
struct Life {
  std::uint64_t seed;
  std::string head, replay;
  ScenarioOptions scenario;
};

Life life_of(std::uint64_t seed, const Options& options) {
  const ScenarioOptions scenario = scenario_of(seed, options);
  const char* const kind = kind_of(scenario);
  return {seed, text("seed %llu: %d nodes, %d legacy, %s%s: ", number(seed), scenario.nodes, scenario.legacy, kind, scenario.quorum ? ", quorum" : ""),
          text("ringsim --seed %llu --nodes %d --legacy %d --steps %d --class %s --policy %s%s", number(seed), scenario.nodes, scenario.legacy, scenario.steps, kind,
               scenario.quorum ? "quorum" : "keep-all", scenario.formed && scenario.split ? " --split" : ""),
          scenario};
}

Forked::Told told(const Life& life, const ScenarioResult& result) {
  if (result.failure) return {"FAILED at " + *result.failure + "\n  replay: " + life.replay + " --trace\n", false};
  return {text("converged after %.2f s, %llu writes, trace %016llx of %.0f s\n", in_seconds(*result.converged), number(result.writes), number(result.hash), in_seconds(result.lived)), true};
}

Forked::Told told_again(const Life& life, Forked::Told first, const ScenarioResult& result, std::uint64_t again) {
  if (result.failure || again == result.hash) return first;
  return {first.text + text("FAILED: lived again, the trace is %016llx\n  replay: ", number(again)) + life.replay + " --twice\n", false};
}

Forked::Told live(const Life& life, const Options& options) {
  const ScenarioResult result = Scenario(life.scenario).run();
  if (!options.twice || result.failure) return told(life, result);
  return told_again(life, told(life, result), result, Scenario(life.scenario).run().hash);
}

// In a child, with the ring that its parent has formed. Of one that is lived twice the first is lived by a child of its own.
Forked::Told live_formed(Scenario& formed, const Life& life, const Options& options) {
  std::optional<std::uint64_t> again;
  if (options.twice) again = ask_child([&] { return formed.live(life.seed).hash; });
  const ScenarioResult result = formed.live(life.seed);
  return options.twice ? told_again(life, told(life, result), result, again.value_or(0)) : told(life, result);
}

// Of membership cores alone (sim_membership.h).
MembershipOptions membership_of(std::uint64_t seed, const Options& options) {
  MembershipOptions membership;
  membership.seed = seed;
  if (options.nodes) membership.nodes = static_cast<std::size_t>(options.nodes);
  membership.kills = options.kills.value_or(membership.kills);
  membership.cut = options.cut.value_or(membership.nodes / 5);
  membership.loss = options.loss.value_or(membership.loss);
  if (options.trace) membership.trace = [](const std::string& line) { std::puts(line.c_str()); };
  return membership;
}

Life membership_life_of(std::uint64_t seed, const Options& options) {
  const MembershipOptions membership = membership_of(seed, options);
  return {seed, text("seed %llu: membership of %zu: ", number(seed), membership.nodes),
          text("ringsim --membership --seed %llu --nodes %zu --kills %zu --cut %zu --loss %llu", number(seed), membership.nodes, membership.kills, membership.cut, number(membership.loss)), {}};
}

Forked::Told live_membership(const Life& life, const Options& options) {
  const MembershipResult result = SimMembership(membership_of(life.seed, options)).live();
  if (result.failure) return {"FAILED at " + *result.failure + "\n  replay: " + life.replay + " --trace\n", false};
  return {text("converged after %.2f s, %llu messages; in all %.0f s, %llu messages\n", in_seconds(result.converged), number(result.messages), in_seconds(result.lived), number(result.messages_in_all)), true};
}

using HowToLive = std::function<Forked::Told(const Life&)>;

std::uint64_t live_here(const std::vector<Life>& lives, const Options& options, const HowToLive& how) {
  std::uint64_t failed = 0;
  for (const Life& life : lives) {
    replay_line = life.replay;
    std::fputs((life.head + (options.trace ? "\n" : "")).c_str(), stdout);
    std::fflush(stdout);
    const Forked::Told told = how(life);
    std::fputs(told.text.c_str(), stdout);
    failed += told.good ? 0 : 1;
  }
  return failed;
}

std::uint64_t live_forked(const std::vector<Life>& lives, const Options& options, const HowToLive& how) {
  Forked children(options.jobs);
  for (const Life& life : lives) {
    children.run(life.head + "FAILED\n  replay: " + life.replay + " --trace\n  ended by the signal: ", [&] {
      const Forked::Told told = how(life);
      return Forked::Told{life.head + told.text, told.good};
    });
  }
  return children.finish();
}

// In a child as well, whose memory is free again before another ring is formed, and which ends without the destructors of that ring.
std::uint64_t live_formed(const std::vector<Life>& lives, const Options& options) {
  const auto failed = ask_child([&] {
    auto* const formed = new Scenario(lives.front().scenario);
    formed->form();
    return live_forked(lives, options, [&](const Life& life) { return live_formed(*formed, life, options); });
  });
  if (failed) return *failed;
  std::printf("FAILED: the ring of these lives did not form\n  replay: %s --trace\n", lives.front().replay.c_str());
  return lives.size();
}

std::uint64_t live_all(const std::vector<std::uint64_t>& seeds, const Options& options) {
  std::vector<Life> small;
  std::map<std::tuple<int, int, bool, std::string>, std::vector<Life>> great;  // by what their ring depends on
  for (const std::uint64_t seed : seeds) {
    Life life = options.membership ? membership_life_of(seed, options) : life_of(seed, options);
    const ScenarioOptions& scenario = life.scenario;
    auto& among = scenario.formed ? great[{scenario.nodes, scenario.legacy, scenario.quorum, scenario.strategy}] : small;
    among.push_back(std::move(life));
  }
  const HowToLive how = [&](const Life& life) { return options.membership ? live_membership(life, options) : live(life, options); };
  std::uint64_t failed = options.jobs > 1 ? live_forked(small, options, how) : live_here(small, options, how);
  for (const auto& [ring, lives] : great) failed += live_formed(lives, options);
  return failed;
}

int print_convergence(const Options& options) {
  std::vector<Convergence> rows;
  for (const std::size_t members : options.convergence) {
    rows.push_back(measure_convergence(members, options.seed));
    std::fputs(table_of({rows.back()}).c_str() + (rows.size() > 1 ? table_of({}).size() : 0), stdout);
    std::fflush(stdout);
  }
  if (options.plot.empty()) return 0;
  std::FILE* const file = std::fopen(options.plot.c_str(), "w");
  if (file == nullptr) return 1;
  std::fputs(plot_of(rows).c_str(), file);
  return std::fclose(file) == 0 ? 0 : 1;
}

}  // namespace

int main(int count, char** arguments) {
  const Options options = read(count, arguments);
  if (!options.convergence.empty()) return print_convergence(options);
  std::signal(SIGABRT, tell_abort);
  std::vector<std::uint64_t> seeds;
  for (std::uint64_t i = 0; i < options.seeds; ++i) seeds.push_back(options.seed + i);
  if (options.fresh) seeds.push_back(std::random_device()());
  const std::uint64_t failed = live_all(seeds, options);
  std::printf("%llu lives, %llu failed\n", number(seeds.size()), number(failed));
  return failed == 0 ? 0 : 1;
}
