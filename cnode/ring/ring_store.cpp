#include "ring/ring_store.h"

#include <algorithm>
#include <iterator>

namespace supervisorring {

namespace {

constexpr std::size_t kMergedOneByOne = 4;  // more changes at once are cheaper as a new ring

std::size_t hash_of(const std::vector<Term>& members) {
  std::size_t hash = members.size();
  for (const Term& member : members) hash = hash * 0x9E3779B97F4A7C15ull + std::hash<Term>()(member);
  return hash;
}

// A member more or less, the usual case, costs one merge; a greater change starts from the remembered points.
std::shared_ptr<const Ring> make(const std::vector<Term>& members, std::shared_ptr<const Ring> ring, const std::vector<Term>& near_members, PointCache& points) {
  const auto before = [](const Term& a, const Term& b) { return compare(a, b) < 0; };
  std::vector<Term> gone, come;
  std::set_difference(near_members.begin(), near_members.end(), members.begin(), members.end(), std::back_inserter(gone), before);
  std::set_difference(members.begin(), members.end(), near_members.begin(), near_members.end(), std::back_inserter(come), before);
  if (gone.size() + come.size() > kMergedOneByOne) return Ring::make(members, &points);
  for (const Term& member : gone) ring = ring->without(member);
  for (const Term& member : come) ring = ring->with(member, &points);
  return ring;
}

}  // namespace

std::shared_ptr<const Ring> RingStore::ring_of(const std::vector<Term>& members, const std::shared_ptr<const Ring>& near, const std::vector<Term>& near_members) {
  const std::size_t hash = hash_of(members);
  const auto [first, last] = known_.equal_range(hash);
  for (auto known = first; known != last; ++known) {
    if (known->second.members != members) continue;
    if (auto ring = known->second.ring.lock()) {
      before_ = near;
      return ring;
    }
  }
  auto ring = make(members, near, near_members, points_);
  forget_dropped();
  known_.emplace(hash, Known{members, ring});
  before_ = near;
  return ring;
}

std::shared_ptr<const Ring> RingStore::without(const std::shared_ptr<const Ring>& ring, const std::vector<Term>& gone) {
  const std::size_t hash = hash_of(gone) ^ std::hash<const Ring*>()(ring.get());
  const auto [first, last] = less_.equal_range(hash);
  for (auto known = first; known != last; ++known) {
    if (known->second.of.lock() != ring || known->second.gone != gone) continue;
    if (auto less = known->second.ring.lock()) return less;
  }
  auto less = ring;
  for (const Term& member : gone)
    if (less->has(member)) less = less->without(member);
  if (less == ring) return ring;
  forget_dropped();
  less_.emplace(hash, Less{ring, gone, less});
  return less;
}

void RingStore::forget_dropped() {
  if (known_.size() + less_.size() < look_at_) return;
  std::erase_if(known_, [](const auto& each) { return each.second.ring.expired(); });
  std::erase_if(less_, [](const auto& each) { return each.second.ring.expired() || each.second.of.expired(); });
  look_at_ = std::max<std::size_t>(16, 2 * (known_.size() + less_.size()));
}

}  // namespace supervisorring
