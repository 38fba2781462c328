#include "sup/owner_set.h"

#include <algorithm>

namespace supervisorring {

std::optional<OwnerSet> read_owner_set(const Term& members) {
  if (members.is_atom("all")) return OwnerSet{};
  if (members.is_atom("native")) return OwnerSet{OwnerSet::Kind::native};
  if (members.is_atom("beam")) return OwnerSet{OwnerSet::Kind::beam};
  if (!members.is_proper_list() || members.size() == 0 || members.size() > kMaxListedOwners) return std::nullopt;
  OwnerSet set{OwnerSet::Kind::listed};
  for (const Term& each : members.elements()) {
    if (!each.is_atom()) return std::nullopt;
    set.nodes.push_back(each);
  }
  std::ranges::sort(set.nodes, [](const Term& a, const Term& b) { return compare(a, b) < 0; });
  set.nodes.erase(std::unique(set.nodes.begin(), set.nodes.end()), set.nodes.end());
  return set;
}

Term to_term(const OwnerSet& set) {
  switch (set.kind) {
    case OwnerSet::Kind::all: return atom("all");
    case OwnerSet::Kind::native: return atom("native");
    case OwnerSet::Kind::beam: return atom("beam");
    case OwnerSet::Kind::listed: return Term::list(set.nodes);
  }
  return atom("all");
}

}  // namespace supervisorring
