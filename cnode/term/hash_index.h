// HashIndex: which of some things has a key, for tables that keep the things elsewhere.
//
// Eight bytes a place: half of the hash, and the thing's number; at most seven of eight places are taken. The keys stay where they are: who looks passes the
// comparison. Open addressing with linear probing; nothing is left behind by what is removed.
//
// Says nothing about an order: what is gone through in some order is kept by the owner (sup/slab.h, sup/ordered_table.h, sup/seq_table.h, crdt/lww_set.h).
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "term/check.h"

namespace supervisorring {

class HashIndex {
 public:
  static constexpr std::uint32_t kNone = 0xFFFF'FFFF;

  std::size_t size() const { return size_; }

  // The thing with this hash for which `same(number)` is true; kNone: there is none.
  template <class Same>
  std::uint32_t find(std::size_t hash, Same&& same) const {
    if (size_ == 0) return kNone;
    const std::uint32_t mark = mark_of(hash);
    for (std::size_t at = home(mark); places_[at].what != kNone; at = next(at))
      if (places_[at].mark == mark && same(places_[at].what)) return places_[at].what;
    return kNone;
  }
  // REQUIRES: it is not there.
  void add(std::size_t hash, std::uint32_t what) {
    if (8 * (size_ + 1) > 7 * places_.size()) resize(std::max<std::size_t>(8, 2 * places_.size()));
    put({mark_of(hash), what});
    ++size_;
  }
  // Room for so many, so that add() need not make it bit by bit.
  void reserve(std::size_t things) {
    std::size_t places = std::max<std::size_t>(8, places_.size());
    while (7 * places < 8 * things) places *= 2;
    if (places > places_.size()) resize(places);
  }
  // REQUIRES: it was added with this hash.
  void remove(std::size_t hash, std::uint32_t what) {
    std::size_t hole = place_of(hash, what);
    for (std::size_t at = next(hole); places_[at].what != kNone; at = next(at)) {
      const std::size_t behind = (at - home(places_[at].mark)) & (places_.size() - 1);
      if (behind < ((at - hole) & (places_.size() - 1))) continue;  // its home is behind the hole
      places_[hole] = places_[at];
      hole = at;
    }
    places_[hole] = Place{};
    if (--size_ == 0) places_ = {};
    else if (places_.size() > 64 && 8 * size_ < places_.size()) resize(places_.size() / 4);
  }
  // The thing has another number from here on. REQUIRES: it was added with this hash and `from`.
  void renumber(std::size_t hash, std::uint32_t from, std::uint32_t to) { places_[place_of(hash, from)].what = to; }
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const Place& place : places_)
      if (place.what != kNone) visit(place.what);
  }
  void clear() {
    places_ = {};
    size_ = 0;
  }

 private:
  struct Place { std::uint32_t mark = 0; std::uint32_t what = kNone; };

  static std::uint32_t mark_of(std::size_t hash) { return static_cast<std::uint32_t>((hash * 0x9E3779B97F4A7C15ull) >> 32); }
  std::size_t home(std::uint32_t mark) const { return (static_cast<std::uint64_t>(mark) * places_.size()) >> 32; }
  std::size_t next(std::size_t at) const { return (at + 1) & (places_.size() - 1); }
  std::size_t place_of(std::size_t hash, std::uint32_t what) const {
    detail::require(size_ > 0, "HashIndex: looked for what was never added");
    std::size_t at = home(mark_of(hash));
    while (places_[at].what != what) {
      detail::require(places_[at].what != kNone, "HashIndex: looked for what was never added");
      at = next(at);
    }
    return at;
  }
  void put(Place place) {
    std::size_t at = home(place.mark);
    while (places_[at].what != kNone) at = next(at);
    places_[at] = place;
  }
  void resize(std::size_t places) {
    const auto old = std::exchange(places_, std::vector<Place>(places));
    for (const Place& place : old)
      if (place.what != kNone) put(place);
  }

  std::vector<Place> places_;  // a power of two; never full
  std::size_t size_ = 0;
};

}  // namespace supervisorring
