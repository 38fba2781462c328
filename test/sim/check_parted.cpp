#include "check_parted.h"

#include <algorithm>

#include "describe.h"

namespace supervisorring::sim {
namespace {

bool may_run(const std::vector<std::string> (&sides)[2], int side) {
  const std::size_t ours = sides[side].size(), theirs = sides[1 - side].size();
  if (ours != theirs) return ours > theirs;
  return *std::min_element(sides[side].begin(), sides[side].end()) < *std::min_element(sides[1 - side].begin(), sides[1 - side].end());
}

}  // namespace

std::optional<std::string> check_parted(const SimCluster& cluster, const std::vector<std::string> (&sides)[2], PartitionPolicy policy) {
  for (const int side : {0, 1}) {
    const bool runs = policy == PartitionPolicy::keep_all || may_run(sides, side);
    for (const std::string& id : cluster.ids()) {
      std::size_t copies = 0;
      std::string where;
      for (const std::string& name : sides[side]) {
        const std::size_t here = cluster.copies(name).count(id);
        copies += here;
        if (here > 0) where += " " + short_name(name);
      }
      if (copies == (runs ? 1u : 0u)) continue;
      std::string members;
      for (const std::string& name : sides[side]) members += " " + short_name(name);
      return id + " runs " + std::to_string(copies) + " times on the side" + members + (copies > 0 ? " (on" + where + ")" : "") + "; expected " + (runs ? "once" : "never, it is a minority");
    }
  }
  return std::nullopt;
}

}  // namespace supervisorring::sim
