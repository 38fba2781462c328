#include "check_counters.h"

namespace supervisorring::sim {

std::optional<std::string> check_counters(SimCluster& cluster, const Ledger& ledger) {
  const std::vector<std::string> running = cluster.running();
  for (const auto& [id, counter] : ledger.counters) {
    const auto count = cluster.count(running.front(), id);
    if (!count) return id + " does not answer";
    const std::string numbers = ": " + std::to_string(*count) + " counted, " + std::to_string(counter.answered) + " answered of " + std::to_string(counter.asked) + " asked";
    if (*count < static_cast<std::int64_t>(counter.answered)) return id + " lost increments" + numbers;
    if (*count > static_cast<std::int64_t>(counter.asked)) return id + " counts more than was asked" + numbers;
    if (!counter.twice.empty()) return id + " answered two increments with " + std::to_string(*counter.twice.begin()) + numbers;
  }
  return std::nullopt;
}

}  // namespace supervisorring::sim
