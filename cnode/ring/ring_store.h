// RingStore: rings by their members, so that who needs the ring of the same members again gets the same object.
//
// A member that goes and comes back within a moment costs one ring, not two; nodes that live in one program and thread (cnode.h, the simulator) may
// share a store, and then hold one ring of 300 points a member between them instead of one each.
//
// Keeps the points of members (PointCache) and the last ring but one; of all others it only knows those that somebody still holds. Not for several threads.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "ring/consistent_hash.h"

namespace supervisorring {

class RingStore {
 public:
  // REQUIRES: `members` ascend. `near`, a ring of `near_members`: where few differ, the ring is made from that one.
  std::shared_ptr<const Ring> ring_of(const std::vector<Term>& members, const std::shared_ptr<const Ring>& near, const std::vector<Term>& near_members);
  // `ring` without these members: those that it does not have change nothing. REQUIRES: `ring` is not null
  std::shared_ptr<const Ring> without(const std::shared_ptr<const Ring>& ring, const std::vector<Term>& gone);

 private:
  struct Known {
    std::vector<Term> members;
    std::weak_ptr<const Ring> ring;
  };
  struct Less {
    std::weak_ptr<const Ring> of;
    std::vector<Term> gone;
    std::weak_ptr<const Ring> ring;
  };
  void forget_dropped();

  PointCache points_;
  std::unordered_multimap<std::size_t, Known> known_;  // by a hash of the members
  std::unordered_multimap<std::size_t, Less> less_;    // by a hash of the ring's place in memory and of who is gone
  std::size_t look_at_ = 16;                           // size of both at which those that nobody holds are dropped
  std::shared_ptr<const Ring> before_;
};

}  // namespace supervisorring
