#include "sup/ring_plan.h"

#include <map>

namespace supervisorring {

Result<std::shared_ptr<const Ring>> changed_ring(std::shared_ptr<const Ring> ring, std::span<const MemberChange> changes) {
  for (const MemberChange& change : changes) {
    if (change.with == ring->has(change.node)) return Error{to_text(change.node, 300) + (change.with ? " is up already" : " is not up")};
    ring = change.with ? ring->with(change.node) : ring->without(change.node);
  }
  if (ring->empty()) return Error{"no member would be left"};
  return ring;
}

SupervisorPlan plan_moves(const Term& supervisor, std::span<const Term> ids, HashFormat format, const Ring& before, const Ring& after, std::size_t ids_limit) {
  SupervisorPlan plan;
  std::map<std::pair<std::string, std::string>, PlannedMoves> between;
  for (const Term& id : ids) {
    const auto key = child_digest(supervisor, id, format);
    if (!key) continue;
    ++plan.children;
    const Term from = before.empty() ? atom("none") : before.owner(*key);
    const Term to = after.empty() ? atom("none") : after.owner(*key);
    if (from == to) continue;
    ++plan.moves;
    PlannedMoves& moves = between[{std::string(from.atom_name()), std::string(to.atom_name())}];
    moves.from = from, moves.to = to;
    if (++moves.count <= ids_limit) moves.ids.push_back(id);
  }
  for (auto& [names, moves] : between) plan.moves_between.push_back(std::move(moves));
  return plan;
}

}  // namespace supervisorring
