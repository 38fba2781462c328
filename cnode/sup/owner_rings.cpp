#include "sup/owner_rings.h"

#include <algorithm>

namespace supervisorring {

namespace {

constexpr std::size_t kMergedOneByOne = 4;  // more changes at once are cheaper as a new ring

// `before`, a ring of `counted`, with exactly these members.
std::shared_ptr<const Ring> with_members(std::shared_ptr<const Ring> before, const std::unordered_set<Term>& counted, const std::vector<Term>& members, PointCache& cache) {
  const std::unordered_set<Term> wanted(members.begin(), members.end());
  std::vector<Term> gone, come;
  for (const Term& node : before->members())
    if (!wanted.contains(node)) gone.push_back(node);
  for (const Term& node : members)
    if (!counted.contains(node)) come.push_back(node);
  if (gone.size() + come.size() > kMergedOneByOne) return Ring::make(members, &cache);
  for (const Term& node : gone) before = before->without(node);
  for (const Term& node : come) before = before->with(node, &cache);
  return before;
}

}  // namespace

bool OwnerRings::member_is(const Term& node, MemberKind kind) {
  MemberKind& known = kinds_[node];
  if (known == kind) return false;
  known = kind;
  unknown_since_.erase(node);
  ++version_;
  return true;
}

std::vector<Term> OwnerRings::forget_if(const std::function<bool(const Term& node)>& stranger) {
  std::vector<Term> gone;
  for (const auto& [node, kind] : kinds_)
    if (stranger(node)) gone.push_back(node);
  for (const Term& node : gone) kinds_.erase(node);
  if (!gone.empty()) ++version_;
  return gone;
}

MemberKind OwnerRings::kind_of(const Term& node) const {
  const auto it = kinds_.find(node);
  return it == kinds_.end() ? MemberKind::unknown : it->second;
}

bool OwnerRings::look(const std::shared_ptr<const Ring>& up, Instant now) {
  if (up == all_known_ && version_ == known_version_) return false;
  if (!unknown_since_.empty()) {
    const std::unordered_set<Term> members(up->members().begin(), up->members().end());
    std::erase_if(unknown_since_, [&members](const auto& each) { return !members.contains(each.first); });
  }
  std::vector<Term> late;
  for (const Term& node : up->members()) {
    if (kind_of(node) != MemberKind::unknown) continue;
    const Instant since = unknown_since_.try_emplace(node, now).first->second;
    if (now - since >= kKindTimeout) late.push_back(node);
  }
  for (const Term& node : late) member_is(node, MemberKind::foreign);
  all_known_ = unknown_since_.empty() ? up : nullptr;
  known_version_ = version_;
  return !late.empty();
}

std::optional<bool> OwnerRings::in(const OwnerSet& set, const Term& node) const {
  if (set.kind == OwnerSet::Kind::all) return true;
  if (set.kind == OwnerSet::Kind::listed)
    return std::ranges::binary_search(set.nodes, node, [](const Term& a, const Term& b) { return compare(a, b) < 0; });
  const MemberKind kind = kind_of(node);
  if (kind == MemberKind::unknown) return std::nullopt;
  return kind == (set.kind == OwnerSet::Kind::native ? MemberKind::native : MemberKind::beam);
}

void OwnerRings::make(Sub& sub, const std::shared_ptr<const Ring>& up) {
  std::vector<Term> members;
  for (const Term& node : up->members()) {
    const auto belongs = in(sub.set, node);
    if (belongs.value_or(sub.counted.contains(node))) members.push_back(node);
  }
  sub.up = up;
  sub.version = version_;
  const bool same = sub.ring && sub.counted.size() == members.size() && std::ranges::all_of(members, [&sub](const Term& node) { return sub.counted.contains(node); });
  if (same) return;
  if (members.size() == up->size()) sub.ring = up;
  else sub.ring = with_members(sub.ring ? sub.ring : Ring::make({}), sub.counted, members, cache_);
  sub.counted = {members.begin(), members.end()};
}

std::shared_ptr<const Ring> OwnerRings::ring_of(const OwnerSet& set, const std::shared_ptr<const Ring>& up) {
  if (set.is_all()) return up;
  auto it = std::ranges::find(subs_, set, &Sub::set);
  if (it == subs_.end()) {
    if (subs_.size() >= kMaxOwnerSets) subs_.erase(subs_.begin());
    it = subs_.insert(subs_.end(), Sub{set, nullptr, {}, nullptr, 0});
  }
  if (it->up != up || it->version != version_) make(*it, up);
  return it->ring;
}

std::shared_ptr<const Ring> OwnerRings::would_be(const OwnerSet& set, const std::shared_ptr<const Ring>& up) const {
  if (set.is_all()) return up;
  std::vector<Term> members;
  for (const Term& node : up->members())
    if (in(set, node).value_or(false)) members.push_back(node);
  return Ring::make(members);
}

}  // namespace supervisorring
