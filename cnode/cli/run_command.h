// `ringnode run`: the flags of a node, checked, and the node (supervisorring/cnode.h) behind them.
#pragma once

#include <string>
#include <vector>

#include "node/exit_status.h"
#include "supervisorring/cnode.h"

namespace supervisorring {

struct RunOptions {
  cnode_options node;
  std::vector<std::string> supervisors;  // Name=Module@Node[=Arg]
  std::vector<std::string> workers;      // shared objects
  std::string top_intensity;             // RESTARTS/SECONDS or never; empty: the default
};

// Blocks until the node has ended. Refusals are one line on stderr.
ExitStatus run(RunOptions);

}  // namespace supervisorring
