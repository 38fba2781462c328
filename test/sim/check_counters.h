// Counters: where nothing but planned moves happened, no increment that was answered is lost, and none was counted twice.
//
// A call that got no answer (its target moved at that instant) may have been counted or not.
#pragma once

#include <optional>
#include <string>

#include "ledger.h"
#include "sim_cluster.h"

namespace supervisorring::sim {

std::optional<std::string> check_counters(SimCluster& cluster, const Ledger& ledger);

}  // namespace supervisorring::sim
