// OwnerRings: for each set of members (owner_set.h) the ring of those of its members that are up.
//
// The points of a member are the same on every ring, and equal points of two members go to the name that sorts first on every ring; so the owner on the ring
// of the set's members is the member of the first point at or after the key, on the ring of all, whose member is in the set. Rings of equal sets are one
// ring, made anew when the up members or what is known of them changes; while the set's up members stay the same it is the same object.
//
// A member whose kind is not known (it has not announced itself) counts for native and beam as it did before: one that has just come does not, yet. What stays unknown for kKindTimeout is in neither set.
//
// Pure: the caller passes the ring and the time. Who announced what: the node's who_owns.h.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "ring/consistent_hash.h"
#include "sup/owner_set.h"
#include "supervisorring/time.h"

namespace supervisorring {

inline constexpr Duration kKindTimeout = std::chrono::seconds(5);  // an up member that cannot be reached for so long is about to be down
inline constexpr std::size_t kMaxOwnerSets = 256;                  // rings that are kept; of more the oldest is made anew when it is asked for

enum class MemberKind : std::uint8_t {
  unknown,
  native,   // a standalone C node
  beam,     // a BEAM with a program of ours
  foreign,  // no member of ours: in no set but all, and those that name it
};

class OwnerRings {
 public:
  // True: that is news.
  bool member_is(const Term& node, MemberKind kind);
  // Those that were forgotten.
  std::vector<Term> forget_if(const std::function<bool(const Term& node)>& stranger);
  MemberKind kind_of(const Term& node) const;
  // Another number: the kind of a member is another.
  std::uint64_t version() const { return version_; }
  // Notes which up members are unknown, and since when. True: one has been for too long, and counts as foreign. REQUIRES: `up` is not null.
  bool look(const std::shared_ptr<const Ring>& up, Instant now);

  // REQUIRES: `up` is not null. Of `all` it is `up` itself.
  std::shared_ptr<const Ring> ring_of(const OwnerSet& set, const std::shared_ptr<const Ring>& up);
  // As it would be if these were the up members: nothing is remembered. Members of unknown kind are left out.
  std::shared_ptr<const Ring> would_be(const OwnerSet& set, const std::shared_ptr<const Ring>& up) const;

 private:
  struct Sub {
    OwnerSet set;
    std::shared_ptr<const Ring> ring;  // null before the first time
    std::unordered_set<Term> counted;  // its members
    std::shared_ptr<const Ring> up;    // from which it was made
    std::uint64_t version = 0;         // of the kinds
  };
  std::optional<bool> in(const OwnerSet& set, const Term& node) const;  // nullopt: not known
  void make(Sub& sub, const std::shared_ptr<const Ring>& up);

  std::unordered_map<Term, MemberKind> kinds_;
  std::unordered_map<Term, Instant> unknown_since_;
  std::uint64_t version_ = 1;  // of kinds_
  std::shared_ptr<const Ring> all_known_;  // look() found none of its members unknown; null: one was
  std::uint64_t known_version_ = 0;        // of kinds_ then
  std::vector<Sub> subs_;      // oldest first
  PointCache cache_;
};

}  // namespace supervisorring
