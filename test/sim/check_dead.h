// Dead: no running member counts up one that has not run for longer than the bound.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "sim_cluster.h"

namespace supervisorring::sim {

// `ended`: of those that do not run, since when. No message is sent.
std::optional<std::string> check_dead(const SimCluster& cluster, const std::map<std::string, Instant>& ended, Instant now, Duration bound);

}  // namespace supervisorring::sim
