// Owners: asked by message, all running members name the same owner for every child, it may own it by what it was told, and the child answers there.
#pragma once

#include <optional>
#include <string>

#include "orders.h"
#include "sim_cluster.h"

namespace supervisorring::sim {

std::optional<std::string> check_owners(SimCluster& cluster, const Orders& orders = {});

}  // namespace supervisorring::sim
