#include "check_self.h"

#include <algorithm>

#include "describe.h"

namespace supervisorring::sim {

std::optional<std::string> CheckSelf::operator()(const SimCluster& cluster) {
  const Instant now = cluster.network().time().now;
  for (const std::string& name : cluster.running()) {
    const RingChange& view = cluster.view(name);
    const bool counts_itself = !view.settled || view.leaving || std::find(view.new_up.begin(), view.new_up.end(), atom(name)) != view.new_up.end() ||
                               std::find(view.new_nodes.begin(), view.new_nodes.end(), atom(name)) == view.new_nodes.end();
    if (counts_itself || cluster.network().stalled(name)) {
      missing_since_.erase(name);
      continue;
    }
    const Instant since = missing_since_.emplace(name, now).first->second;
    if (now - since > kWithoutItself) return short_name(name) + " lives and does not count itself up since " + stamp(since);
  }
  return std::nullopt;
}

}  // namespace supervisorring::sim
