// ringsim_mutants: the simulator's checkers see what they are for.
//
// Lives a few seeds with the core as it is, in which nothing may fail, and the same with each deliberately broken core (crdt/mutation.h), of which the
// checker that is named must report. Exit status 0: so it was.
#include <cstdio>

#include "crdt/mutation.h"
#include "scenario.h"

namespace supervisorring {
Mutation current_mutation = Mutation::none;
}

namespace {

using namespace supervisorring;
using namespace supervisorring::sim;

struct Mutant { Mutation mutation; const char* name; bool calm; const char* checker; int legacy = 0; };

constexpr Mutant kMutants[] = {
    {Mutation::stop_before_start, "stop before start in a move", true, "counters"},
    {Mutation::start_before_answer, "start before the first answer", true, "counters"},
    {Mutation::wall_clock, "wall-clock timestamps", false, "converged"},
    {Mutation::no_compaction, "no compaction", false, "sets"},
    {Mutation::no_self_re_add, "no self re-add", false, "self", 2},
};
constexpr std::uint64_t kSeeds = 80;

ScenarioOptions scenario(std::uint64_t seed, bool calm, int legacy) {
  ScenarioOptions options;
  options.seed = seed;
  options.nodes = 3 + static_cast<int>(seed % 4);
  options.calm = calm;
  options.legacy = legacy;
  return options;
}

bool sound() {
  bool all = true;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    for (const auto& [calm, legacy] : {std::pair{true, 0}, {false, 0}, {false, 2}}) {
      const ScenarioResult result = Scenario(scenario(seed, calm, legacy)).run();
      if (!result.failure) continue;
      std::printf("FAILED: the core as it is, seed %llu, %s, %d legacy: %s\n", static_cast<unsigned long long>(seed), calm ? "calm" : "wild", legacy, result.failure->c_str());
      all = false;
    }
  }
  return all;
}

bool caught(const Mutant& mutant) {
  current_mutation = mutant.mutation;
  std::string others;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const ScenarioResult result = Scenario(scenario(seed, mutant.calm, mutant.legacy)).run();
    if (result.failure && result.checker == mutant.checker) {
      std::printf("%s: caught at seed %llu: %s\n", mutant.name, static_cast<unsigned long long>(seed), result.failure->c_str());
      return true;
    }
    if (result.failure) others += "\n  seed " + std::to_string(seed) + ": " + *result.failure;
  }
  std::printf("FAILED: %s: expected the checker `%s` to report within %llu seeds; what was reported:%s\n", mutant.name, mutant.checker,
              static_cast<unsigned long long>(kSeeds), others.empty() ? " nothing" : others.c_str());
  return false;
}

}  // namespace

int main() {
  bool good = sound();
  for (const Mutant& mutant : kMutants) good = caught(mutant) && good;
  return good ? 0 : 1;
}
