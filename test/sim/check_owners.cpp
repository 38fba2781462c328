#include "check_owners.h"

#include "describe.h"

namespace supervisorring::sim {

std::optional<std::string> check_owners(SimCluster& cluster) {
  const std::vector<std::string> running = cluster.running();
  for (const std::string& id : cluster.ids()) {
    std::optional<std::string> first;
    for (const std::string& name : running) {
      const auto owner = cluster.owner(name, id);
      if (!owner) return short_name(name) + " names no owner of " + id;
      if (!first) first = owner;
      if (owner != first) return short_name(name) + " says that " + id + " belongs to " + short_name(*owner) + "; " + short_name(running.front()) + ": " + short_name(*first);
    }
    if (first && !cluster.count(running.front(), id)) return id + " does not answer " + short_name(running.front()) + " on " + short_name(*first);
  }
  return std::nullopt;
}

}  // namespace supervisorring::sim
