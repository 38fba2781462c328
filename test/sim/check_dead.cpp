#include "check_dead.h"

#include <algorithm>

#include "describe.h"

namespace supervisorring::sim {

std::optional<std::string> check_dead(const SimCluster& cluster, const std::map<std::string, Instant>& ended, Instant now, Duration bound) {
  std::vector<std::pair<Term, Instant>> dead;
  for (const auto& [name, since] : ended)
    if (now - since > bound) dead.emplace_back(atom(name), since);
  if (dead.empty()) return std::nullopt;
  for (const std::string& name : cluster.running()) {
    const std::vector<Term>& up = cluster.view(name).new_up;
    for (const auto& [node, since] : dead) {
      if (!std::binary_search(up.begin(), up.end(), node, [](const Term& a, const Term& b) { return compare(a, b) < 0; })) continue;
      return short_name(name) + " counts " + short_name(std::string(node.atom_name())) + " up, which ended at " + stamp(since);
    }
  }
  return std::nullopt;
}

}  // namespace supervisorring::sim
