// Consistent hashing: which member owns a key.
//
// Follows supervisorring's ConsistentHash (Elixir), bit for bit: each member has 300 points,
// sha1(term_to_binary(<<Name/binary, (integer_to_binary(I))/binary>>)) for I = 1..300; a key is at sha1(term_to_binary(Key)); its owner is
// the member of the first point that is not below the key, wrapping to the first point. The key of a child is {Supervisor, ChildId}.
//
// Where two members have an equal point ("n1" ++ "11" and "n11" ++ "1"; the original never returns there) the point belongs to the member
// whose name sorts first. Only 64 bits of each point are kept; where those are equal the whole digests decide.
//
// Does not know who is up (membership.h) nor what runs where.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "supervisorring/external_format.h"
#include "supervisorring/result.h"
#include "supervisorring/term.h"

namespace supervisorring {

inline constexpr std::uint32_t kPointsPerMember = 300;
inline constexpr std::size_t kMaxRingMembers = 1u << 20;
inline constexpr std::size_t kMaxCachedMembers = 4'096;  // of PointCache: 3.6 KB each
inline constexpr std::size_t kMaxKeyMapDepth = 256;      // levels of a key that contains maps

// How keys are written before they are hashed: all members of a ring must agree on it.
// minor_version_1: the ring's BEAMs are of OTP <= 25; minor_version_2: OTP >= 26.
using HashFormat = AtomEncoding;
// 25 and below, 26 and above.
HashFormat hash_format_of_otp(int release);
// 25 or 26, for people: "25" means 25 and below.
int otp_of_hash_format(HashFormat format);

using Digest = std::array<unsigned char, 20>;  // SHA-1, most significant byte first

// Where `key` lies. Refuses keys whose external form depends on the VM that wrote them: any map in them of more than 32 keys, and in
// minor_version_2 any of two or more atom keys. Maps of up to 32 keys are hashed in OTP's key order, whatever order they came in.
Result<Digest> key_digest(const Term& key, HashFormat format);
// Maps in the order that `key` holds, none refused: right when that is the order of the VMs of the ring, which only the caller can know.
Digest key_digest_as_written(const Term& key, HashFormat format);
// Of {Supervisor, ChildId}.
Result<Digest> child_digest(const Term& supervisor, const Term& id, HashFormat format);
// The point number `number` (1..300) of a member.
Digest point_digest(const Term& member, std::uint32_t number);

// The 300 points of one member, ascending.
struct MemberPoints {
  std::vector<std::uint64_t> prefixes;  // the first 64 bits of each digest
  std::vector<std::uint16_t> numbers;   // 1..300
};

// Remembers points, so that a member that comes back is not hashed again. Forgets everything when full.
class PointCache {
 public:
  std::shared_ptr<const MemberPoints> points_of(const Term& member);

 private:
  std::unordered_map<Term, std::shared_ptr<const MemberPoints>> points_;
};

// The points of a set of members; immutable, so it can be kept and read from any thread.
class Ring {
 public:
  // `members`: atoms; duplicates count once. `cache` may be null.
  static std::shared_ptr<const Ring> make(std::span<const Term> members, PointCache* cache = nullptr);
  // A ring with one member more or less: a merge of 300 points, or one pass. An equal ring when nothing changes.
  std::shared_ptr<const Ring> with(const Term& member, PointCache* cache = nullptr) const;
  std::shared_ptr<const Ring> without(const Term& member) const;

  bool empty() const { return members_.empty(); }
  std::size_t size() const { return members_.size(); }          // members
  std::span<const Term> members() const { return members_; }    // in no particular order; owner_index() indexes it
  bool has(const Term& member) const;
  std::size_t point_count() const { return prefixes_.size(); }

  // REQUIRES: !empty()
  std::size_t owner_index(const Digest& key) const;
  const Term& owner(const Digest& key) const { return members_[owner_index(key)]; }
  // Owner of a key, or of the child `id` of `supervisor`. Errors: an empty ring; a key that cannot be placed.
  Result<Term> owner_of_key(const Term& key, HashFormat format) const;
  Result<Term> owner_of(const Term& supervisor, const Term& id, HashFormat format) const;

  // Point `i` in ascending order. REQUIRES: i < point_count()
  struct Point { Digest digest; const Term& member; std::uint32_t number; };
  Point point(std::size_t i) const;
  // The point that decides who owns the key: the first that is not below it, wrapping. REQUIRES: !empty()
  Point point_of(const Digest& key) const;
  // The first 64 bits of point `i`.
  std::uint64_t position(std::size_t i) const { return prefixes_[i]; }
  std::size_t member_at(std::size_t i) const { return places_[i] >> kNumberBits; }  // index into members()
  // Pairs of members that share a point: legacy members never return from building such a ring. For a line in the log.
  std::vector<std::pair<Term, Term>> members_that_share_a_point() const;

 private:
  Ring() = default;
  void index_points();
  static unsigned index_bits(std::size_t points);
  // Fills the bucket of these top bits, whose points begin at position `first`. Gives the position behind them.
  std::size_t fill_bucket(std::size_t top, std::size_t first);
  void refill_around(std::size_t position);  // the buckets in which the point at `position` is to be seen
  std::size_t first_point_from(const Digest& key) const;  // its position, searched for; point_count() when all are below
  std::size_t index_of(const Term& member) const;  // members_.size() when absent
  Digest digest_at(std::uint32_t place) const { return point_digest(members_[place >> kNumberBits], place & kNumberMask); }
  // Whether the point (prefix, place) comes before the other. Equal digests: the member whose name sorts first.
  bool comes_before(std::uint64_t prefix, std::uint32_t place, std::uint64_t other_prefix, std::uint32_t other_place) const;

  static constexpr unsigned kNumberBits = 9;  // of a place: 1..300
  static constexpr std::uint32_t kNumberMask = (1u << kNumberBits) - 1;

  std::vector<Term> members_;
  std::vector<std::uint64_t> prefixes_;   // of the points, ascending
  std::vector<std::uint32_t> places_;     // of the same points: member index << kNumberBits | number

  // The index: a bucket per value of the top bits, one cache line each. Its points' next 32 bits, ascending, and their members' indexes; behind them the
  // member of the next point of the ring. A bucket that holds more, or a key that the 32 bits do not decide, is looked up by searching.
  static constexpr std::size_t kBucketPoints = 8;
  static constexpr std::size_t kMeanPoints = 6;  // at most: of 8 places one in seven overflows then; on average a third of that
  struct alignas(64) Bucket {
    std::array<std::uint32_t, kBucketPoints> cuts;
    std::array<std::uint32_t, kBucketPoints> owners;
  };
  std::vector<Bucket> buckets_;
  unsigned shift_ = 63;                   // 64 - (number of top bits)
};

// The first 64 bits of a digest: where it lies on the ring.
std::uint64_t position_of(const Digest& digest);
// Each arc whose keys may have another owner in `after` than in `before`, by the first and last position of its keys, ascending; the keys of all others
// have the same. REQUIRES: neither is empty.
void for_each_changed_arc(const Ring& before, const Ring& after, const std::function<void(std::uint64_t first, std::uint64_t last)>& visit);

// One line of `ringnode place`: `line` is an Erlang term, or 0x and the hex of its external form; with `supervisor` the key is
// {Supervisor, Term}. Gives "owner<TAB>term". Hex says how a VM wrote the maps in it, so they keep that order and none is refused.
Result<std::string> place_line(const Ring& ring, HashFormat format, const std::optional<Term>& supervisor, std::string_view line);

}  // namespace supervisorring
