#include "check_health.h"

#include "describe.h"

namespace supervisorring::sim {

std::optional<std::string> check_logs(const SimNetwork& network, std::size_t& from, Faults faults) {
  for (; from < network.logs().size(); ++from) {
    const auto& line = network.logs()[from];
    if (line.level != LogLevel::error) continue;
    if (faults == Faults::yes && (line.text.starts_with("shutdown_error: ") || line.text.starts_with("child_terminated: ") || line.text.ends_with(" ended: crashed") || line.text.starts_with("leaving without having handed over") || line.text.starts_with("not handed over: "))) continue;
    return short_name(line.node) + " logged an error: " + line.text;
  }
  return std::nullopt;
}

std::optional<std::string> check_halt(const std::string& name, const HaltNode& halt, bool asked) {
  if (asked && halt.status == 0) return std::nullopt;
  return short_name(name) + " halted with status " + std::to_string(halt.status) + ": " + halt.why + (asked ? "" : "; nobody had asked it to leave");
}

std::optional<std::string> check_rest(std::uint64_t writes, std::size_t members, Duration time) {
  const auto ticks = static_cast<std::uint64_t>((time + kTickPause - Duration(1)) / kTickPause);  // of each connection, either way, at most
  const auto most = members * (kMostWritesAtRest * static_cast<std::uint64_t>(time / std::chrono::seconds(1)) + 2 * (members - 1) * ticks);
  if (writes <= most) return std::nullopt;
  return std::to_string(members) + " members that agree wrote " + std::to_string(writes) + " times; expected at most " + std::to_string(most);
}

}  // namespace supervisorring::sim
