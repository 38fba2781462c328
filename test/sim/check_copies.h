// Copies: every child runs exactly once, on its owner. None is lost, none runs twice.
#pragma once

#include <optional>
#include <string>

#include "sim_cluster.h"

namespace supervisorring::sim {

// Placement is computed here from the up members, which REQUIRES check_converged(). No message is sent.
class CheckCopies {
 public:
  std::optional<std::string> operator()(const SimCluster& cluster);

 private:
  std::vector<Term> members_;           // that ring_ is of
  std::shared_ptr<const Ring> ring_;
};

}  // namespace supervisorring::sim
