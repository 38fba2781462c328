// Self: a member that lives, is settled and is not leaving counts itself up, or does so again within a moment.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "sim_cluster.h"

namespace supervisorring::sim {

inline constexpr Duration kWithoutItself = std::chrono::milliseconds(1500);  // it puts itself back at most once a second

class CheckSelf {
 public:
  // To be asked often. A member that is stalled does nothing about it meanwhile. No message is sent.
  std::optional<std::string> operator()(const SimCluster& cluster);

 private:
  std::map<std::string, Instant> missing_since_;
};

}  // namespace supervisorring::sim
