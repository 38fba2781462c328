// PositionIndex: things by where they lie on the ring, so that those between two places are found without going through all.
//
// A bucket for each value of the top bits of the position; their number follows the number of things, so that a bucket holds a few.
// Positions are the first 64 bits of a SHA-1 and spread evenly; when they do not, looking becomes slow and stays right.
//
// Holds pointers, owns nothing. What is visited comes in an order that depends only on what was added and removed.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "term/check.h"

namespace supervisorring {

template <class Thing>
class PositionIndex {
 public:
  std::size_t size() const { return size_; }

  void add(std::uint64_t position, Thing* thing) {
    if (size_ >= kMeanThings << bits_) spread(bits_ + 1);
    buckets_[bucket_of(position)].push_back({position, thing});
    ++size_;
  }
  // REQUIRES: it was added with this position.
  void remove(std::uint64_t position, Thing* thing) {
    auto& bucket = buckets_[bucket_of(position)];
    for (auto& spot : bucket) {
      if (spot.thing != thing) continue;
      spot = bucket.back();
      bucket.pop_back();
      --size_;
      return;
    }
    detail::require(false, "PositionIndex: removed what was never added");
  }
  void clear() {
    bits_ = 0;
    size_ = 0;
    buckets_.assign(1, {});
  }
  // Those from `first` to `last`, both included. REQUIRES: first <= last; nothing is added or removed meanwhile.
  template <class Visit>
  void for_each(std::uint64_t first, std::uint64_t last, Visit&& visit) const {
    const std::size_t end = bucket_of(last);
    for (std::size_t at = bucket_of(first); at <= end; ++at) {
      for (const Spot& spot : buckets_[at])
        if (first <= spot.position && spot.position <= last) visit(*spot.thing);
    }
  }

 private:
  struct Spot { std::uint64_t position; Thing* thing; };
  static constexpr std::size_t kMeanThings = 8;

  std::size_t bucket_of(std::uint64_t position) const { return bits_ == 0 ? 0 : position >> (64 - bits_); }
  void spread(unsigned bits) {
    auto old = std::exchange(buckets_, std::vector<std::vector<Spot>>(std::size_t{1} << bits));
    bits_ = bits;
    for (const auto& bucket : old)
      for (const Spot& spot : bucket) buckets_[bucket_of(spot.position)].push_back(spot);
  }

  unsigned bits_ = 0;
  std::size_t size_ = 0;
  std::vector<std::vector<Spot>> buckets_ = std::vector<std::vector<Spot>>(1);  // invariant: 2 ^ bits_
};

}  // namespace supervisorring
