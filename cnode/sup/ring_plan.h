// RingPlan: which children would have another owner if the members of the ring were others.
//
// Pure placement, the same that the ring itself does (ring/consistent_hash.h): nothing is started, moved or sent.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "ring/consistent_hash.h"
#include "sup/cordons.h"

namespace supervisorring {

// `with` it, or without it.
struct MemberChange { bool with; Term node; };

// The ring after these changes, in their order. Error: a member that is to come and is there, or to go and is not; nobody would be left.
Result<std::shared_ptr<const Ring>> changed_ring(std::shared_ptr<const Ring> ring, std::span<const MemberChange> changes);

struct PlannedMoves {
  Term from, to;
  std::size_t count = 0;
  std::vector<Term> ids;  // the first of them
};
struct SupervisorPlan {
  std::size_t children = 0;      // that can be placed
  std::size_t moves = 0;
  std::vector<PlannedMoves> moves_between;  // in the order of the names of `from`, then `to`
};

// The owners, the up members, and who keeps what all the same: one of them that is up.
struct OwnersThen {
  const Ring& owners;
  const Ring& up;
  const KeptIds* kept = nullptr;
  Term owner(const Term& id, const Digest& key) const;  // `none`: nobody
};

// `ids`: each once. On an empty ring the owner is `none`. Of each pair of members at most `ids_limit` ids are listed.
SupervisorPlan plan_moves(const Term& supervisor, std::span<const Term> ids, HashFormat format, const OwnersThen& before, const OwnersThen& after, std::size_t ids_limit);

}  // namespace supervisorring
