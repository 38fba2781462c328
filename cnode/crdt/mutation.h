// Mutations: deliberately broken cores, to show that the simulator's checkers see what they are for (test/sim/mutants_main.cpp).
//
// Only the target ringsim_mutants compiles the few sources that ask mutated() with SUPERVISORRING_MUTANTS; everywhere else, and so in all that is
// shipped, the answer is a constant no, and what stands behind it is not compiled in.
#pragma once

namespace supervisorring {

enum class Mutation {
  none,
  stop_before_start,     // a move ends the old copy before the new one is there
  wall_clock,            // a new timestamp is what the wall clock says
  no_compaction,         // a set keeps and tells every add and remove
  no_self_re_add,        // a member that was removed from up leaves it at that
  start_before_answer,   // a member that joins others does not wait until one has answered
};

#ifdef SUPERVISORRING_MUTANTS
extern Mutation current_mutation;
[[maybe_unused]] static bool mutated(Mutation mutation) { return current_mutation == mutation; }
#else
[[maybe_unused]] static constexpr bool mutated(Mutation) { return false; }
#endif

}  // namespace supervisorring
