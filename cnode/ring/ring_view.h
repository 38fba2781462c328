// RingView: what the rest of the program reads about the ring, and how it hears of changes.
//
// Written by the membership's process only, on the node's thread, and read there. Placement is by `ring`, the consistent-hash ring of the up members.
// While this member leaves, `ring` and `up` no longer hold it although the others still count it: children are handed
// over before the others are told.
//
// `settled`: children may run. False from the start until a member has answered or all others were found down (--join, ring file),
// while this member stands aside because it cannot run one of the cluster's supervisors, and in a minority. Start no child while it is false.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "ring/ring_store.h"
#include "supervisorring/result.h"
#include "supervisorring/term.h"

namespace supervisorring {

// Members in ascending order of their names.
struct RingState {
  std::vector<Term> up;
  std::vector<Term> nodes;   // all members, up or not
  bool settled = false;
  bool leaving = false;      // for good: hand children over and end
  HashFormat format = HashFormat::minor_version_1;
  bool minority = false;     // under the policy quorum: nothing may run here (ring/partition.h); then it is not settled either

  bool operator==(const RingState&) const = default;
};

struct RingChange {
  std::vector<Term> old_up, new_up;
  std::vector<Term> old_nodes, new_nodes;
  bool settled = false;
  bool leaving = false;
  bool minority = false;
  bool format_changed = false;   // only ever before children run

  bool up_changed() const { return old_up != new_up; }
};

class RingView {
 public:
  using Subscription = std::uint64_t;
  using Callback = std::function<void(const RingChange&)>;

  // `rings`: where rings come from, when several views share them; null: of its own.
  explicit RingView(Term self, std::shared_ptr<RingStore> rings = nullptr);
  RingView(const RingView&) = delete;
  RingView& operator=(const RingView&) = delete;

  const Term& self() const { return self_; }
  const std::shared_ptr<const Ring>& ring() const { return ring_; }   // never null; may be empty
  const std::vector<Term>& up() const { return state_.up; }
  const std::vector<Term>& nodes() const { return state_.nodes; }
  bool settled() const { return state_.settled; }
  bool leaving() const { return state_.leaving; }
  bool minority() const { return state_.minority; }
  HashFormat format() const { return state_.format; }
  bool is_up(const Term& node) const { return ring_->has(node); }
  // Where its rings come from, for others that are made of them. Never null.
  const std::shared_ptr<RingStore>& rings() const { return rings_; }

  // Who owns the child `id` of `supervisor`. Errors: nobody is up; an id that cannot be placed (consistent_hash.h).
  Result<Term> owner_of(const Term& supervisor, const Term& id) const { return ring_->owner_of(supervisor, id, state_.format); }

  // Called on the node's thread after every change, with the view already changed. A callback may subscribe and unsubscribe.
  Subscription subscribe(Callback callback);
  void unsubscribe(Subscription subscription);

  // For the membership's process: takes the new state over, updates the ring and tells the subscribers. False when nothing changed.
  bool update(const RingState& state);

 private:
  Term self_;
  RingState state_;
  std::shared_ptr<const Ring> ring_;
  std::shared_ptr<RingStore> rings_;
  std::vector<std::pair<Subscription, Callback>> subscribers_;
  Subscription next_subscription_ = 1;
};

}  // namespace supervisorring
