// Converged: all running members agree on who is a member and who is up, and those that are up are those that run.
#pragma once

#include <optional>
#include <string>

#include "sim_cluster.h"

namespace supervisorring::sim {

// nullopt: yes; else what is still missing. No message is sent: it may be asked at any time.
std::optional<std::string> check_converged(const SimCluster& cluster);

}  // namespace supervisorring::sim
