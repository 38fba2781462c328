// Owners: asked by message, all running members name the same owner for every child, and the child answers there.
#pragma once

#include <optional>
#include <string>

#include "sim_cluster.h"

namespace supervisorring::sim {

std::optional<std::string> check_owners(SimCluster& cluster);

}  // namespace supervisorring::sim
