// The program in drop-in: beside a BEAM that started it as its port, under that BEAM's name.
//
// Standard input and output are the link (node/port_link.h); the first input is {attach, ...}, answered by {attached, ...}. The end of standard input
// ends the program at once, whatever runs: it never outlives its BEAM. Log lines are orders; standard error is left to a crash's last words.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "node/effect.h"
#include "node/exit_status.h"

namespace supervisorring {

struct PortOptions {
  std::vector<std::string> workers;  // shared objects with native children
  std::string log_level = "info";
  std::chrono::milliseconds migrate_timeout{10000};
  std::chrono::milliseconds leave_timeout{30000};
  std::chrono::seconds forget_names_after{30 * 24 * 3600};  // 0: never
  unsigned max_concurrent_starts = 256;  // of one supervisor
  bool quorum = false;
  unsigned threads = 0;              // that run native children; 0: one less than the machine has processors, at least one
};

// Blocks until the node has ended.
ExitStatus run_port(const PortOptions&);

}  // namespace supervisorring
