#include "check_self.h"

#include <algorithm>

#include "describe.h"

namespace supervisorring::sim {

std::optional<std::string> CheckSelf::operator()(const SimCluster& cluster) {
  const Instant now = cluster.network().time().now;
  for (const std::string& name : cluster.running()) {
    const RingChange& view = cluster.view(name);
    const Term self = atom(name);
    const auto among = [&self](const std::vector<Term>& members) {
      return std::binary_search(members.begin(), members.end(), self, [](const Term& a, const Term& b) { return compare(a, b) < 0; });
    };
    const bool counts_itself = !view.settled || view.leaving || among(view.new_up) || !among(view.new_nodes);
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
