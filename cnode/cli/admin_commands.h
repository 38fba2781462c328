// `ringnode status` and `ringnode leave`: a running node is asked as a stock `ei` client asks (ei_client.h).
#pragma once

#include <chrono>
#include <iosfwd>
#include <string>

#include "node/exit_status.h"

namespace supervisorring {

struct AdminOptions {
  std::string name;         // of the node
  std::string cookie_file;  // as `run` takes it
  std::uint16_t epmd_port = 0;
  std::chrono::milliseconds timeout{5000};
};

ExitStatus print_status(const AdminOptions&, bool as_term, std::ostream& out, std::ostream& errors);
// Returns when the node has ended, or when it has not within `wait`.
ExitStatus leave(const AdminOptions&, bool forget, std::chrono::milliseconds wait, std::ostream& out, std::ostream& errors);

}  // namespace supervisorring
