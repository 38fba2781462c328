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

Term OwnersThen::owner(const Term& id, const Digest& key) const {
  const Term* const keeper = kept ? kept->keeper(id) : nullptr;
  if (keeper && up.has(*keeper)) return *keeper;
  return owners.empty() ? atom("none") : owners.owner(key);
}

SupervisorPlan plan_moves(const Term& supervisor, std::span<const Term> ids, HashFormat format, const OwnersThen& before, const OwnersThen& after, std::size_t ids_limit) {
  SupervisorPlan plan;
  std::map<std::pair<std::string, std::string>, PlannedMoves> between;
  for (const Term& id : ids) {
    const auto key = child_digest(supervisor, id, format);
    if (!key) continue;
    ++plan.children;
    const Term from = before.owner(id, *key), to = after.owner(id, *key);
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
