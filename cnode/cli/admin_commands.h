// `ringnode status`, `explain`, `plan`, `leave`, `drain`, `cordon` and `uncordon`: a running node is asked as a stock `ei` client asks (ei_client.h).
#pragma once

#include <chrono>
#include <iosfwd>
#include <string>
#include <vector>

#include "node/exit_status.h"

namespace supervisorring {

struct AdminOptions {
  std::string name;         // of the node
  std::string cookie_file;  // as `run` takes it
  std::uint16_t epmd_port = 0;
  std::chrono::milliseconds timeout{5000};
};

ExitStatus print_status(const AdminOptions&, bool as_term, std::ostream& out, std::ostream& errors);
// `supervisor` and `id` are Erlang terms as text.
ExitStatus explain(const AdminOptions&, const std::string& supervisor, const std::string& id, bool as_term, std::ostream& out, std::ostream& errors);
// What would move without the first and with the second.
ExitStatus plan(const AdminOptions&, const std::vector<std::string>& without, const std::vector<std::string>& with, bool as_term, std::ostream& out, std::ostream& errors);
struct LeaveOptions {
  bool forget = false;
  bool limited = false;                        // by `timeout`; else by what the node was started with
  std::chrono::milliseconds timeout{30'000};   // for handing children over
  std::chrono::milliseconds wait{60'000};
};
// Returns when the node has ended, or when it has not within `wait`. What takes longer than a second is told each second: how many children are left.
ExitStatus leave(const AdminOptions&, const LeaveOptions&, std::ostream& out, std::ostream& errors);

struct DrainOptions {
  int rate = 0;                          // moves a second; 0: no limit
  std::chrono::milliseconds wait{0};     // for its last child to be gone
};
ExitStatus drain(const AdminOptions&, const DrainOptions&, std::ostream& out, std::ostream& errors);
ExitStatus cordon(const AdminOptions&, std::ostream& out, std::ostream& errors);
ExitStatus uncordon(const AdminOptions&, std::ostream& out, std::ostream& errors);

}  // namespace supervisorring
