// What a node did, as text for people: the trace of stories and of ringsim.
#pragma once

#include <string>
#include <vector>

#include "sim_network.h"

namespace supervisorring::sim {

std::string short_name(const std::string& node);  // without the host
std::string stamp(Instant now);                   // "  3.000150", seconds

// One line for each message of SendBytes and for each other effect; nothing for what only the driver minds. REQUIRES: called by on_effect().
std::vector<std::string> describe(const SimNetwork& network, const std::string& node, const Effect& effect);

}  // namespace supervisorring::sim
