#include "cli/run_command.h"

#include <iostream>

#include "node/sup_definition.h"

namespace supervisorring {
namespace {

ExitStatus refuse(ExitStatus status, const std::string& why) {
  std::cerr << "ringnode run: " << why << '\n';
  return status;
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
