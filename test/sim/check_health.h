// Health: no member logged an error, none halted but those that were asked to leave, and the quiet cluster is quiet.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sim_network.h"

namespace supervisorring::sim {

inline constexpr std::uint64_t kMostWritesAtRest = 60;  // per member and second: gossip, acks and probes of 30 members are below 20
inline constexpr Duration kTickPause = std::chrono::seconds(15);  // of a connection (dist/connection.h): each tick may be answered by one

// Of the log lines from number `from` on, which is moved on. `faults`: what a fault explains is no failure: children that were too slow to stop, children that crash,
// and a member that leaves while nobody can take its children.
enum class Faults : bool { no, yes };
std::optional<std::string> check_logs(const SimNetwork& network, std::size_t& from, Faults faults);
// Of halts: `asked` tells whether the member was asked to leave.
std::optional<std::string> check_halt(const std::string& name, const HaltNode& halt, bool asked);
std::optional<std::string> check_rest(std::uint64_t writes, std::size_t members, Duration time);

}  // namespace supervisorring::sim
