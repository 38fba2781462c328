#include "cli/run_command.h"

#include <iostream>

#include "cli/supervisor_text.h"

namespace supervisorring {
namespace {

std::optional<Severity> parse_severity(std::string_view text) {
  if (text == "debug") return Severity::debug;
  if (text == "info") return Severity::info;
  if (text == "notice") return Severity::notice;
  if (text == "warning") return Severity::warning;
  if (text == "error") return Severity::error;
  return std::nullopt;
}

ExitStatus refuse(ExitStatus status, const std::string& why) {
  std::cerr << "ringnode run: " << why << '\n';
  return status;
}

}  // namespace

ExitStatus run(RunOptions options) {
  const auto severity = parse_severity(options.log_level);
  if (!severity) return refuse(ExitStatus::usage, "--log-level " + options.log_level + ": expected debug, info, notice, warning or error");
  options.node.log_level = *severity;
  std::vector<SupervisorSource> sources;
  for (const std::string& text : options.supervisors) {
    auto source = parse_supervisor(text);
    if (!source) return refuse(ExitStatus::usage, source.error());
    for (const SupervisorSource& other : sources)
      if (other.name == source->name) return refuse(ExitStatus::usage, "--supervisor " + to_text(source->name) + " is given twice");
    sources.push_back(std::move(*source));
  }
  cnode node(std::move(options.node));
  for (const std::string& path : options.workers)
    if (const auto loaded = node.load_workers(path); !loaded) return refuse(ExitStatus::workers, loaded.error());
  for (const SupervisorSource& source : sources) node.supervisor_from(source.name, source.module, source.node, source.argument);
  return static_cast<ExitStatus>(node.run());
}

}  // namespace supervisorring
