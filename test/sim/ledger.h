// Ledger: what the users of a run's counters have asked for and were told.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace supervisorring::sim {

struct CounterLedger {
  std::uint64_t asked = 0;            // increments that were sent, or were about to be
  std::uint64_t answered = 0;
  std::set<std::int64_t> counts;      // that increments were answered with
  std::multiset<std::int64_t> twice;  // the same count for two increments
};

struct Ledger {
  std::map<std::string, CounterLedger> counters;  // by id
};

}  // namespace supervisorring::sim
