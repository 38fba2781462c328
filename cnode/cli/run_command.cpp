#include "cli/run_command.h"

#include <charconv>
#include <iostream>

#include "node/sup_definition.h"

namespace supervisorring {
namespace {

ExitStatus refuse(ExitStatus status, const std::string& why) {
  std::cerr << "ringnode run: " << why << '\n';
  return status;
}

// 3/5: three within five seconds.
bool read_top_intensity(const std::string& text, cnode_options& node) {
  if (text == "never") {
    node.top_restarts = -1;
    return true;
  }
  const char* const end = text.data() + text.size();
  int seconds = 0;
  const auto restarts = std::from_chars(text.data(), end, node.top_restarts);
  if (restarts.ec != std::errc() || restarts.ptr == end || *restarts.ptr != '/') return false;
  const auto period = std::from_chars(restarts.ptr + 1, end, seconds);
  node.top_period = std::chrono::seconds(seconds);
  return period.ec == std::errc() && period.ptr == end && node.top_restarts >= 0 && seconds >= 1;
}

}  // namespace

ExitStatus run(RunOptions options) {
  std::vector<SupervisorDefinition> sources;
  for (const std::string& text : options.supervisors) {
    auto source = parse_supervisor_option(text);
    if (!source) return refuse(ExitStatus::usage, source.error());
    for (const SupervisorDefinition& other : sources)
      if (other.name == source->name) return refuse(ExitStatus::usage, "--supervisor " + to_text(source->name) + " is given twice");
    sources.push_back(std::move(*source));
  }
  if (!options.top_intensity.empty() && !read_top_intensity(options.top_intensity, options.node))
    return refuse(ExitStatus::usage, "--top-intensity " + options.top_intensity + ": expected RESTARTS/SECONDS, as 3/5, or never");
  cnode node(std::move(options.node));
  for (const std::string& path : options.workers)
    if (const auto loaded = node.load_workers(path); !loaded) return refuse(ExitStatus::workers, loaded.error());
  for (const SupervisorDefinition& source : sources) {
    const auto& remote = std::get<RemoteDefinition>(source.source);
    node.supervisor_from(source.name, remote.module, remote.node, remote.argument);
  }
  return static_cast<ExitStatus>(node.run());
}

}  // namespace supervisorring
