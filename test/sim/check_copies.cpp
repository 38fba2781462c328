#include "check_copies.h"

#include "describe.h"

namespace supervisorring::sim {

std::optional<std::string> CheckCopies::operator()(const SimCluster& cluster) {
  const std::vector<std::string> running = cluster.running();
  if (running.empty()) return std::nullopt;
  const std::vector<Term>& up = cluster.view(running.front()).new_up;
  if (!ring_ || members_ != up) members_ = up, ring_ = Ring::make(up);
  for (const std::string& id : cluster.ids()) {
    const std::string owner(ring_->owner_of(atom("counters"), atom(id), HashFormat::minor_version_1).value().atom_name());
    std::string where;
    std::size_t copies = 0;
    for (const std::string& name : running) {
      for (std::size_t n = cluster.copies(name).count(id); n > 0; --n, ++copies) where += " " + short_name(name);
    }
    if (copies == 0) return id + " runs nowhere; it belongs to " + short_name(owner);
    if (copies > 1) return id + " runs on" + where + "; it belongs to " + short_name(owner);
    if (where != " " + short_name(owner)) return id + " runs on" + where + " and belongs to " + short_name(owner);
  }
  return std::nullopt;
}

}  // namespace supervisorring::sim
