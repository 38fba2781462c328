// Sets: each member's node_set and up_set hold at most one add and one remove of every name ever used, and no other name.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "sim_cluster.h"

namespace supervisorring::sim {

std::optional<std::string> check_sets(SimCluster& cluster, const std::set<std::string>& names_ever);

}  // namespace supervisorring::sim
