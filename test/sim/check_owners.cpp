#include "check_owners.h"

#include <algorithm>

#include "describe.h"

namespace supervisorring::sim {
namespace {

// A drained member owns nothing and a cordoned one only what it keeps, unless all are one of both.
bool may_own(const Orders& orders, const std::vector<std::string>& placed, const std::vector<std::string>& running, const std::string& name, const std::string& id) {
  const std::vector<std::string> keepers = orders.keepers(running, id);
  const auto among = [&name](const std::vector<std::string>& names) { return std::find(names.begin(), names.end(), name) != names.end(); };
  return among(keepers) || ((keepers.empty() || orders.disputed(id)) && among(placed));
}

}  // namespace

std::optional<std::string> check_owners(SimCluster& cluster, const Orders& orders) {
  const std::vector<std::string> running = cluster.running();
  const std::vector<std::string> placed = orders.placed(running);
  for (const std::string& id : cluster.ids()) {
    std::optional<std::string> first;
    for (const std::string& name : running) {
      const auto owner = cluster.owner(name, id);
      if (!owner) return short_name(name) + " names no owner of " + id;
      if (!first) first = owner;
      if (owner != first) return short_name(name) + " says that " + id + " belongs to " + short_name(*owner) + "; " + short_name(running.front()) + ": " + short_name(*first);
    }
    if (first && !may_own(orders, placed, running, *first, id)) return id + " belongs to " + short_name(*first) + "; " + orders.text();
    if (first && !cluster.count(running.front(), id)) return id + " does not answer " + short_name(running.front()) + " on " + short_name(*first);
  }
  return std::nullopt;
}

}  // namespace supervisorring::sim
