// LwwSet: a last-writer-wins element set, the CRDT that nano_ring's node_set and up_set are.
//
// Follows Elixir's LWWElemSet (nano_ring): an element is a member when it was added and no strictly newer remove
// of it is known; on equal timestamps the add wins. Merging is a union. Where the original keeps every add and
// remove for ever, this keeps the newest add and the newest remove of each element, which reads and merges the same.
//
// A new timestamp is newer than all that is known for that element, whatever the wall clock says, so a change made here
// is never lost to a clock that went backwards.
//
// Found by hash and put in order only when somebody asks for that: a gossip that brings nothing new costs a look-up for each of its entries.
//
// The wire form (LwwStruct) is separate: a lossless parse of `%LWWElemSet{}`, re-encodable byte for byte.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <vector>

#include "supervisorring/result.h"
#include "supervisorring/term.h"
#include "term/term_table.h"

namespace supervisorring {

inline constexpr std::size_t kMaxLwwNames = 10'000;      // elements ever used in one set; rings are of at most about a thousand
inline constexpr std::size_t kMaxLwwEntries = 200'000;   // entries of one received set: legacy members never drop old ones
inline constexpr std::int64_t kMaxMegaSeconds = 9'000'000;       // the year 287,000; in microseconds it fits in 63 bits

// erlang:timestamp(): {MegaSecs, Secs, MicroSecs}. Ordered as the tuple is, so that a denormalised one sorts as on a BEAM.
struct Timestamp {
  std::int64_t mega = 0;
  std::int64_t seconds = 0;
  std::int64_t micro = 0;

  auto operator<=>(const Timestamp&) const = default;

  static Timestamp of_wall(std::chrono::microseconds since_1970);
  static Result<Timestamp> from_term(const Term& term);
  Term to_term() const;
  // The next one. At kMaxMegaSeconds it stays where it is.
  Timestamp next() const;
};

// A Timestamp or none, as a set keeps it: in eight bytes, as microseconds. none comes before all others.
//
// A denormalised one (no clock makes it) counts as the last microsecond of its second, or of its million seconds: there it sorts among those of clocks.
class Stamp {
 public:
  constexpr Stamp() = default;
  constexpr Stamp(const Timestamp& at)
      : micros_((at.mega * kMillion + (at.seconds < kMillion ? at.seconds : kMillion - 1)) * kMillion + (at.seconds < kMillion && at.micro < kMillion ? at.micro : kMillion - 1)) {}

  explicit constexpr operator bool() const { return micros_ >= 0; }
  constexpr Timestamp operator*() const { return {micros_ / (kMillion * kMillion), micros_ / kMillion % kMillion, micros_ % kMillion}; }
  constexpr auto operator<=>(const Stamp&) const = default;

 private:
  static constexpr std::int64_t kMillion = 1'000'000;
  std::int64_t micros_ = -1;
};

// How one peer writes a MapSet: Elixir 1.14 has `version => 2`, 1.18 does not; the value beside each element is [] or true.
// MapSet.union/2 of 1.14 matches on `version`, so each peer is sent the form that it sends.
struct MapSetForm {
  bool has_version = true;
  bool value_is_true = false;   // else []
  bool struct_key_last = false; // OTP >= 26 orders atom keys by their age: `map` before `__struct__`. Only bytes depend on it.

  auto operator<=>(const MapSetForm&) const = default;
};

struct LwwEntry {
  Term element;
  Timestamp at;
};

// %LWWElemSet{} as it was received: every entry, in the order of the wire.
struct LwwStruct {
  std::vector<LwwEntry> adds;
  std::vector<LwwEntry> removes;
  MapSetForm form;

  static Result<LwwStruct> from_term(const Term& term);
  Term to_term() const;
};

class LwwSet {
 public:
  struct Stamps {
    Stamp added, removed;
    bool is_member() const { return added && removed <= added; }
    bool operator==(const Stamps&) const = default;
  };
  struct KeyOrder {
    bool operator()(const Term& a, const Term& b) const { return compare_exact(a, b) < 0; }
  };

  LwwSet() = default;
  explicit LwwSet(const LwwStruct& received);

  // Adds or removes with the time of day, or the first timestamp after the newest known for `element` where that is later.
  // `after`: later than this too.
  void put(const Term& element, std::chrono::microseconds wall, Stamp after = {});
  void remove(const Term& element, std::chrono::microseconds wall);
  // As if the element had never been used. Whoever merges with a set that still knows it knows it again.
  void forget(const Term& element);
  // Takes the newest of both. True when anything became newer.
  bool merge(const LwwSet& other);
  // Takes what is known of `element` out, as if it had never been heard of, and gives it as a set of its own.
  LwwSet extract(const Term& element);
  // What is known of these elements, as a set of its own; one that was never used is left out.
  LwwSet only(const std::vector<Term>& elements) const;
  // What `other` lacks: the elements that would come or go there if it were merged with this one.
  LwwSet lacking_in(const LwwSet& other) const;

  bool is_member(const Term& element) const;
  Stamp newest() const;                                  // of all elements
  // In descending order of terms, as LWWElemSet.to_list/1 gives.
  std::vector<Term> members() const;
  std::size_t names() const { return known_.size(); }  // elements ever used
  // {Element, Stamps} of each of them once. Their order depends on the past of this object, and means nothing.
  const std::vector<TermTable<Stamps>::Item>& entries() const { return known_.items(); }
  const Stamps* find(const Term& element) const { return known_.find(element); }  // nullptr: never used
  bool contains(const Term& element) const { return find(element) != nullptr; }
  // Another one after each change of this object: as long as it stays the same, so does the set.
  std::uint64_t version() const { return version_; }
  // Another one when an element has come or gone, not for a timestamp alone.
  std::uint64_t membership_version() const { return membership_version_; }

  // %LWWElemSet{} in the given form.
  Term to_term(const MapSetForm& form) const;
  // [{Element, Added | none, Removed | none}], in the order of the elements; and back: at most kMaxLwwNames.
  Term to_entries() const;
  static Result<LwwSet> from_entries(const Term& entries);
  // A text that is the same for equal sets and no others: of each element, in their order, its name (or external form) and what is known of it.
  void append_text(Bytes& text) const;

  // What is known is the same.
  bool operator==(const LwwSet& other) const;

 private:
  const std::vector<std::uint32_t>& order() const;

  TermTable<Stamps> known_;
  mutable std::vector<std::uint32_t> order_;   // places in entries(), of the first order_.size() of them, ordered by element
  std::uint64_t version_ = 0, membership_version_ = 0;
};

}  // namespace supervisorring
