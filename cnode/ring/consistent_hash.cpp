#include "ring/consistent_hash.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

#include "ring/sha1.h"

namespace supervisorring {

namespace {

std::uint64_t prefix_of(const Digest& digest) {
  std::uint64_t prefix;
  std::memcpy(&prefix, digest.data(), sizeof prefix);
  if constexpr (std::endian::native == std::endian::little) prefix = __builtin_bswap64(prefix);
  return prefix;
}

// The external form of the binary Name ++ Number, with room for the number; the same bytes serve all 300 points.
class PointText {
 public:
  explicit PointText(const Term& member) : name_size_(member.atom_name().size()) {
    text_ = Bytes("\x83\x6d\0\0\0\0", 6);
    text_ += member.atom_name();
    text_.append(3, '0');
  }

  BytesView of(std::uint32_t number) {
    char* digits = text_.data() + 6 + name_size_;
    const auto written = std::to_chars(digits, digits + 3, number).ptr - digits;
    const auto size = static_cast<std::uint32_t>(name_size_ + static_cast<std::size_t>(written));
    for (unsigned i = 0; i < 4; ++i) text_[2 + i] = static_cast<char>(size >> (24 - 8 * i));
    return BytesView(text_.data(), 6 + size);
  }

 private:
  std::size_t name_size_;
  Bytes text_;
};

// Points of one member in ascending order. Two equal prefixes within one member (never seen) are ordered by digest.
std::shared_ptr<const MemberPoints> hash_points(const Term& member) {
  struct Raw { std::uint64_t prefix; std::uint16_t number; };
  PointText text(member);
  // Distribution sort: the digests are uniform, so a bucket of the top 8 bits holds one or two.
  std::array<Raw, kPointsPerMember> raw;
  std::array<std::uint16_t, 257> first{};
  for (std::uint16_t number = 1; number <= kPointsPerMember; ++number) {
    raw[number - 1] = {prefix_of(sha1(text.of(number))), number};
    ++first[(raw[number - 1].prefix >> 56) + 1];
  }
  for (std::size_t i = 1; i < first.size(); ++i) first[i] = static_cast<std::uint16_t>(first[i] + first[i - 1]);
  std::array<Raw, kPointsPerMember> sorted;
  for (const Raw& point : raw) sorted[first[point.prefix >> 56]++] = point;
  const auto before = [&](const Raw& a, const Raw& b) {
    return a.prefix != b.prefix ? a.prefix < b.prefix : point_digest(member, a.number) < point_digest(member, b.number);
  };
  for (std::size_t i = 1; i < sorted.size(); ++i) {
    for (std::size_t j = i; j > 0 && before(sorted[j], sorted[j - 1]); --j) std::swap(sorted[j], sorted[j - 1]);
  }
  auto points = std::make_shared<MemberPoints>();
  points->prefixes.reserve(kPointsPerMember);
  points->numbers.reserve(kPointsPerMember);
  for (const Raw& point : sorted) {
    points->prefixes.push_back(point.prefix);
    points->numbers.push_back(point.number);
  }
  return points;
}

std::shared_ptr<const MemberPoints> points_of(const Term& member, PointCache* cache) {
  return cache != nullptr ? cache->points_of(member) : hash_points(member);
}

}  // namespace

std::uint64_t position_of(const Digest& digest) { return prefix_of(digest); }

Digest point_digest(const Term& member, std::uint32_t number) { return sha1(PointText(member).of(number)); }

std::shared_ptr<const MemberPoints> PointCache::points_of(const Term& member) {
  const auto found = points_.find(member);
  if (found != points_.end()) return found->second;
  if (points_.size() >= kMaxCachedMembers) points_.clear();
  return points_.emplace(member, hash_points(member)).first->second;
}

bool Ring::comes_before(std::uint64_t prefix, std::uint32_t place, std::uint64_t other_prefix, std::uint32_t other_place) const {
  if (prefix != other_prefix) return prefix < other_prefix;
  const Digest digest = digest_at(place), other_digest = digest_at(other_place);
  if (digest != other_digest) return digest < other_digest;
  return members_[place >> kNumberBits].atom_name() < members_[other_place >> kNumberBits].atom_name();
}

std::shared_ptr<const Ring> Ring::make(std::span<const Term> members, PointCache* cache) {
  auto ring = std::shared_ptr<Ring>(new Ring);
  ring->members_.assign(members.begin(), members.end());
  std::sort(ring->members_.begin(), ring->members_.end(), [](const Term& a, const Term& b) { return compare(a, b) < 0; });
  ring->members_.erase(std::unique(ring->members_.begin(), ring->members_.end()), ring->members_.end());
  if (ring->empty()) return ring;

  const std::size_t count = ring->members_.size() * kPointsPerMember;
  ring->prefixes_.resize(count);
  ring->places_.resize(count);
  std::vector<std::shared_ptr<const MemberPoints>> points;
  points.reserve(ring->members_.size());
  for (const Term& member : ring->members_) points.push_back(points_of(member, cache));

  // Distribution sort by the top bits: count, place, then put right the few that share them.
  const unsigned bits = static_cast<unsigned>(std::bit_width(count) - 1);
  const unsigned shift = 64 - bits;
  std::vector<std::uint32_t> next((std::size_t{1} << bits) + 1, 0);
  for (const auto& member : points) {
    for (const std::uint64_t prefix : member->prefixes) ++next[(prefix >> shift) + 1];
  }
  for (std::size_t i = 1; i < next.size(); ++i) next[i] += next[i - 1];
  for (std::uint32_t index = 0; index < points.size(); ++index) {
    const MemberPoints& member = *points[index];
    for (std::size_t i = 0; i < member.prefixes.size(); ++i) {
      const std::uint32_t at = next[member.prefixes[i] >> shift]++;
      ring->prefixes_[at] = member.prefixes[i];
      ring->places_[at] = index << kNumberBits | member.numbers[i];
    }
  }
  for (std::size_t i = 1; i < count; ++i) {
    for (std::size_t j = i; j > 0 && ring->comes_before(ring->prefixes_[j], ring->places_[j], ring->prefixes_[j - 1], ring->places_[j - 1]); --j) {
      std::swap(ring->prefixes_[j], ring->prefixes_[j - 1]);
      std::swap(ring->places_[j], ring->places_[j - 1]);
    }
  }
  ring->index_points();
  return ring;
}

std::shared_ptr<const Ring> Ring::with(const Term& member, PointCache* cache) const {
  if (has(member)) return std::shared_ptr<const Ring>(new Ring(*this));
  if (empty()) return make(std::span(&member, 1), cache);
  const auto points = points_of(member, cache);
  auto ring = std::shared_ptr<Ring>(new Ring);
  ring->members_.reserve(members_.size() + 1);
  ring->members_ = members_;
  ring->members_.push_back(member);
  ring->prefixes_.reserve(prefixes_.size() + kPointsPerMember);
  ring->places_.reserve(places_.size() + kPointsPerMember);

  const auto index = static_cast<std::uint32_t>(members_.size());
  std::vector<std::size_t> come;  // positions of the new points
  come.reserve(kPointsPerMember);
  std::size_t copied = 0;
  for (std::size_t i = 0; i < points->prefixes.size(); ++i) {
    const std::uint64_t prefix = points->prefixes[i];
    const std::uint32_t place = index << kNumberBits | points->numbers[i];
    const auto from = prefixes_.begin() + static_cast<std::ptrdiff_t>(copied);
    auto until = static_cast<std::size_t>(std::lower_bound(from, prefixes_.end(), prefix) - prefixes_.begin());
    while (until < prefixes_.size() && ring->comes_before(prefixes_[until], places_[until], prefix, place)) ++until;
    ring->prefixes_.insert(ring->prefixes_.end(), prefixes_.begin() + copied, prefixes_.begin() + until);
    ring->places_.insert(ring->places_.end(), places_.begin() + copied, places_.begin() + until);
    come.push_back(ring->prefixes_.size());
    ring->prefixes_.push_back(prefix);
    ring->places_.push_back(place);
    copied = until;
  }
  ring->prefixes_.insert(ring->prefixes_.end(), prefixes_.begin() + copied, prefixes_.end());
  ring->places_.insert(ring->places_.end(), places_.begin() + copied, places_.end());
  if (index_bits(ring->prefixes_.size()) != index_bits(prefixes_.size())) {
    ring->index_points();
    return ring;
  }
  ring->shift_ = shift_;
  ring->buckets_ = buckets_;
  for (const std::size_t position : come) ring->refill_around(position);
  return ring;
}

std::shared_ptr<const Ring> Ring::without(const Term& member) const {
  const std::size_t gone = index_of(member);
  auto ring = std::shared_ptr<Ring>(new Ring);
  ring->members_ = members_;
  if (gone != members_.size()) ring->members_.erase(ring->members_.begin() + static_cast<std::ptrdiff_t>(gone));
  ring->prefixes_.resize(prefixes_.size());
  ring->places_.resize(places_.size());
  std::size_t kept = 0;
  for (std::size_t i = 0; i < prefixes_.size(); ++i) {
    const std::size_t index = places_[i] >> kNumberBits;
    ring->prefixes_[kept] = prefixes_[i];
    ring->places_[kept] = places_[i] - (index > gone ? 1u << kNumberBits : 0u);
    kept += index != gone ? 1 : 0;
  }
  ring->prefixes_.resize(kept);
  ring->places_.resize(kept);
  ring->index_points();
  return ring;
}

unsigned Ring::index_bits(std::size_t points) {
  unsigned bits = 1;
  while (points >> bits >= kMeanPoints) ++bits;
  return bits;
}

void Ring::index_points() {
  if (prefixes_.empty()) return;
  const unsigned bits = index_bits(prefixes_.size());
  shift_ = 64 - bits;
  buckets_.resize(std::size_t{1} << bits);
  std::size_t next = 0;
  for (std::size_t top = 0; top < buckets_.size(); ++top) next = fill_bucket(top, next);
}

std::size_t Ring::fill_bucket(std::size_t top, std::size_t first) {
  Bucket& bucket = buckets_[top];
  bucket.cuts.fill(~std::uint32_t{0});
  std::size_t filled = 0;
  std::size_t next = first;
  for (; next < prefixes_.size() && prefixes_[next] >> shift_ == top; ++next) {
    if (filled == kBucketPoints) continue;
    bucket.cuts[filled] = static_cast<std::uint32_t>(prefixes_[next] >> (shift_ - 32));
    bucket.owners[filled++] = places_[next] >> kNumberBits;
  }
  if (filled < kBucketPoints) bucket.owners[filled] = places_[next < prefixes_.size() ? next : 0] >> kNumberBits;
  return next;
}

// Its own bucket, and those before it back to the nearest that holds a point: what they have behind their own points may have changed.
void Ring::refill_around(std::size_t position) {
  const auto first_of = [this](std::size_t top, std::size_t end) {
    while (end > 0 && prefixes_[end - 1] >> shift_ == top) --end;
    return end;
  };
  std::size_t top = prefixes_[position] >> shift_;
  std::size_t end = first_of(top, position);
  fill_bucket(top, end);
  for (bool empty = true; empty;) {
    if (top == 0) end = prefixes_.size();
    top = (top == 0 ? buckets_.size() : top) - 1;
    const std::size_t first = first_of(top, end);
    fill_bucket(top, first);
    empty = first == end;
    end = first;
  }
}

std::size_t Ring::index_of(const Term& member) const {
  return static_cast<std::size_t>(std::find(members_.begin(), members_.end(), member) - members_.begin());
}

bool Ring::has(const Term& member) const { return index_of(member) != members_.size(); }

std::size_t Ring::owner_index(const Digest& key) const {
  const std::uint64_t prefix = prefix_of(key);
  const Bucket& bucket = buckets_[prefix >> shift_];
  const auto cut = static_cast<std::uint32_t>(prefix >> (shift_ - 32));
  std::size_t below = 0;
  for (const std::uint32_t point : bucket.cuts) below += point < cut;
  if (below < kBucketPoints && bucket.cuts[below] != cut) return bucket.owners[below];
  const std::size_t at = first_point_from(key);
  return places_[at < places_.size() ? at : 0] >> kNumberBits;
}

std::size_t Ring::first_point_from(const Digest& key) const {
  const std::uint64_t prefix = prefix_of(key);
  auto i = static_cast<std::size_t>(std::lower_bound(prefixes_.begin(), prefixes_.end(), prefix) - prefixes_.begin());
  while (i < prefixes_.size() && prefixes_[i] == prefix && digest_at(places_[i]) < key) ++i;
  return i;
}

Result<Term> Ring::owner_of_key(const Term& key, HashFormat format) const {
  if (empty()) return Error{"nobody is up: the ring is empty"};
  const auto digest = key_digest(key, format);
  if (!digest) return Error{digest.error()};
  return owner(*digest);
}

Result<Term> Ring::owner_of(const Term& supervisor, const Term& id, HashFormat format) const {
  if (empty()) return Error{"nobody is up: the ring is empty"};
  const auto digest = child_digest(supervisor, id, format);
  if (!digest) return Error{digest.error()};
  return owner(*digest);
}

Ring::Point Ring::point(std::size_t i) const { return {digest_at(places_[i]), members_[places_[i] >> kNumberBits], places_[i] & kNumberMask}; }

Ring::Point Ring::point_of(const Digest& key) const {
  const std::size_t at = first_point_from(key);
  return point(at < point_count() ? at : 0);
}

std::vector<std::pair<Term, Term>> Ring::members_that_share_a_point() const {
  std::vector<std::pair<Term, Term>> pairs;
  for (std::size_t i = 1; i < prefixes_.size(); ++i) {
    if (prefixes_[i] != prefixes_[i - 1] || digest_at(places_[i]) != digest_at(places_[i - 1])) continue;
    std::pair<Term, Term> pair{members_[places_[i - 1] >> kNumberBits], members_[places_[i] >> kNumberBits]};
    if (std::find(pairs.begin(), pairs.end(), pair) == pairs.end()) pairs.push_back(std::move(pair));
  }
  return pairs;
}

}  // namespace supervisorring
