// Parted: what each side of a partition runs when it has had the time to see it.
//
// Under keep_all each side runs every child once. Under quorum (ring/partition.h) one side does, and the other nothing: never two copies on two sides.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ring/partition.h"
#include "sim_cluster.h"

namespace supervisorring::sim {

inline constexpr Duration kPartedBound = std::chrono::seconds(20);  // from the cut: until both sides know and have acted

// `sides`: all members, each on one of the two. No message is sent.
std::optional<std::string> check_parted(const SimCluster& cluster, const std::vector<std::string> (&sides)[2], PartitionPolicy policy);

}  // namespace supervisorring::sim
