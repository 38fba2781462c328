// Two rings side by side: between one point of either and the next each has one owner.
#include <algorithm>
#include <limits>

#include "ring/consistent_hash.h"

namespace supervisorring {

namespace {

// The points of a ring, position by position.
class Points {
 public:
  explicit Points(const Ring& ring) : ring_(ring) {}

  bool at_end() const { return at_ == ring_.point_count(); }
  std::uint64_t position() const { return ring_.position(at_); }
  // Who owns the keys before the next point; behind the last one that is the first's member.
  std::size_t owner() const { return ring_.member_at(at_end() ? 0 : at_); }
  // Over all points at `position`, when the next is there. True: there are several, and only whole digests tell them apart.
  bool pass(std::uint64_t position) {
    const std::size_t first = at_;
    while (!at_end() && ring_.position(at_) == position) ++at_;
    return at_ - first > 1;
  }

 private:
  const Ring& ring_;
  std::size_t at_ = 0;
};

// For each member of `from` its index in `to`.
std::vector<std::size_t> indexes(const Ring& from, const Ring& to) {
  std::unordered_map<Term, std::size_t> known;
  for (std::size_t i = 0; i < to.size(); ++i) known.emplace(to.members()[i], i);
  std::vector<std::size_t> out;
  for (const Term& member : from.members()) {
    const auto it = known.find(member);
    out.push_back(it == known.end() ? to.size() : it->second);
  }
  return out;
}

}  // namespace

// A key that lies at the position of a point belongs to one of both sides of it, as its whole digest says: arcs meet in such positions.
void for_each_changed_arc(const Ring& before, const Ring& after, const std::function<void(std::uint64_t first, std::uint64_t last)>& visit) {
  const std::vector<std::size_t> same = indexes(before, after);
  Points old_points(before), new_points(after);
  constexpr std::uint64_t kLast = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t begin = 0;
  std::optional<std::uint64_t> open;  // where the arc under way begins
  for (bool more = true; more;) {
    more = !old_points.at_end() || !new_points.at_end();
    const std::uint64_t end = !more ? kLast : std::min(old_points.at_end() ? kLast : old_points.position(), new_points.at_end() ? kLast : new_points.position());
    const bool differs = same[old_points.owner()] != new_points.owner();
    if (differs && !open) open = begin;
    if (!differs && open) visit(*std::exchange(open, std::nullopt), begin);
    if (!more) break;
    const bool old_several = old_points.pass(end), new_several = new_points.pass(end);
    if ((old_several || new_several) && !open) visit(end, end);
    begin = end;
  }
  if (open) visit(*open, kLast);
}

}  // namespace supervisorring
