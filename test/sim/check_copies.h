// Copies: every child runs exactly once, on its owner. None is lost, none runs twice.
#pragma once

#include <optional>
#include <string>

#include "orders.h"
#include "sim_cluster.h"

namespace supervisorring::sim {

// Placement is computed here from the up members and what they were told, which REQUIRES check_converged(). No message is sent.
class CheckCopies {
 public:
  std::optional<std::string> operator()(const SimCluster& cluster, const Orders& orders = {});

 private:
  std::vector<std::string> members_;    // that ring_ is of
  std::shared_ptr<const Ring> ring_;
};

}  // namespace supervisorring::sim
