#include "check_dead.h"

#include <algorithm>

#include "describe.h"

namespace supervisorring::sim {

std::optional<std::string> check_dead(const SimCluster& cluster, const std::map<std::string, Instant>& ended, Instant now, Duration bound) {
  for (const std::string& name : cluster.running()) {
    for (const Term& up : cluster.view(name).new_up) {
      const auto dead = ended.find(std::string(up.atom_name()));
      if (dead == ended.end() || now - dead->second <= bound) continue;
      return short_name(name) + " counts " + short_name(dead->first) + " up, which ended at " + stamp(dead->second);
    }
  }
  return std::nullopt;
}

}  // namespace supervisorring::sim
