// ringsim: lives of whole clusters from seeds (scenario.h).
//
//   ringsim [--seed N] [--seeds COUNT] [--nodes M|M-N] [--legacy L] [--steps K] [--class calm|wild|parted] [--policy keep-all|quorum] [--fresh] [--twice] [--trace] [--membership] [--convergence N,N,... [--plot FILE]]
//
// Each life prints its seed when it begins and what failed, with the virtual time, when something did; the line to replay it comes with it.
// Without --nodes, --legacy and --class they follow from the seed. --fresh adds one life of a seed that nobody has chosen. --twice lives each life
// two times and compares. --membership: membership cores alone, 200 or as many as --nodes says. --convergence: a table by cluster size (convergence.h), and its plot. Exit status 0: nothing failed; 1: something did; 2: usage.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include "convergence.h"
#include "scenario.h"
#include "sim_membership.h"

namespace {

using namespace supervisorring::sim;

struct Options {
  std::uint64_t seed = 1, seeds = 1;
  int nodes = 0, most_nodes = 0, steps = 40, legacy = -1;  // nodes to most_nodes of them, by the seed
  std::string kind, policy, plot;
  std::vector<std::size_t> convergence;
  bool fresh = false, twice = false, trace = false, membership = false;
};

constexpr int kFormedFrom = 150;  // to have them join one by one would take longer than all else

char replay_line[200];  // of the life that runs now: printed when a check of the program's own aborts

extern "C" void tell_abort(int) {
  std::fputs("aborted: ", stdout);
  std::puts(replay_line);
  std::fflush(stdout);
}

[[noreturn]] void usage() {
  std::fputs("usage: ringsim [--seed N] [--seeds COUNT] [--nodes M|M-N] [--legacy L] [--steps K] [--class calm|wild|parted] [--policy keep-all|quorum] [--fresh] [--twice] [--trace] [--membership] [--convergence N,N,... [--plot FILE]]\n", stderr);
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
    else if (word == "--fresh") options.fresh = true;
    else if (word == "--twice") options.twice = true;
    else if (word == "--trace") options.trace = true;
    else if (word == "--membership") options.membership = true;
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
  scenario.legacy = options.legacy >= 0 ? options.legacy : kind != "wild" || scenario.formed ? 0 : static_cast<int>(seed / 4 % 3);
  if (options.trace) scenario.trace = [](const std::string& line) { std::puts(line.c_str()); };
  return scenario;
}

double in_seconds(supervisorring::Duration time) { return std::chrono::duration<double>(time).count(); }

// True: nothing failed.
bool live(std::uint64_t seed, const Options& options) {
  const ScenarioOptions scenario = scenario_of(seed, options);
  std::snprintf(replay_line, sizeof replay_line, "ringsim --seed %llu --nodes %d --legacy %d --steps %d --class %s --policy %s", static_cast<unsigned long long>(seed),
                scenario.nodes, scenario.legacy, scenario.steps, kind_of(scenario), scenario.quorum ? "quorum" : "keep-all");
  std::printf("seed %llu: %d nodes, %d legacy, %s%s: ", static_cast<unsigned long long>(seed), scenario.nodes, scenario.legacy, kind_of(scenario), scenario.quorum ? ", quorum" : "");
  if (options.trace) std::puts("");
  std::fflush(stdout);
  const ScenarioResult result = Scenario(scenario).run();
  if (result.failure) {
    std::printf("FAILED at %s\n  replay: %s --trace\n", result.failure->c_str(), replay_line);
    return false;
  }
  std::printf("converged after %.2f s, %llu writes, trace %016llx of %.0f s\n", in_seconds(*result.converged),
              static_cast<unsigned long long>(result.writes), static_cast<unsigned long long>(result.hash), in_seconds(result.lived));
  if (!options.twice) return true;
  const ScenarioResult again = Scenario(scenario).run();
  if (again.hash == result.hash) return true;
  std::printf("FAILED: lived again, the trace is %016llx\n  replay: %s --twice\n", static_cast<unsigned long long>(again.hash), replay_line);
  return false;
}

// Of membership cores alone (sim_membership.h).
bool live_membership(std::uint64_t seed, const Options& options) {
  MembershipOptions life;
  life.seed = seed;
  life.nodes = options.nodes ? static_cast<std::size_t>(options.nodes) : 200;
  if (options.trace) life.trace = [](const std::string& line) { std::puts(line.c_str()); };
  std::printf("seed %llu: membership of %zu: ", static_cast<unsigned long long>(seed), life.nodes);
  std::fflush(stdout);
  const MembershipResult result = SimMembership(life).live();
  if (result.failure) {
    std::printf("FAILED at %s\n  replay: ringsim --membership --seed %llu --nodes %zu --trace\n", result.failure->c_str(), static_cast<unsigned long long>(seed), life.nodes);
    return false;
  }
  std::printf("converged after %.2f s, %llu messages, in all %.0f s\n", in_seconds(result.converged), static_cast<unsigned long long>(result.messages), in_seconds(result.lived));
  return true;
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
  std::uint64_t failed = 0;
  const auto one = options.membership ? live_membership : live;
  for (std::uint64_t i = 0; i < options.seeds; ++i) failed += one(options.seed + i, options) ? 0 : 1;
  if (options.fresh) failed += one(std::random_device()(), options) ? 0 : 1;
  std::printf("%llu lives, %llu failed\n", static_cast<unsigned long long>(options.seeds + (options.fresh ? 1 : 0)), static_cast<unsigned long long>(failed));
  return failed == 0 ? 0 : 1;
}
