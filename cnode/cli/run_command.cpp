#include "cli/run_command.h"

#include <iostream>

#include "cli/supervisor_text.h"

namespace supervisorring {
namespace {

ExitStatus refuse(ExitStatus status, const std::string& why) {
  std::cerr << "ringnode run: " << why << '\n';
  return status;
}

}  // namespace

ExitStatus run(RunOptions options) {
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
