// Slab: records of one kind, close to each other, each with a number by which it is found again.
//
// A record stays where it is until it is removed; its number is then given to another one. Memory comes in chunks, each as large as all before it together, so that a table of
// a few is small and one of many is few allocations; it goes back when the last record is removed. Pages of a chunk that no record has touched cost nothing.
//
// One thread. It does not know which numbers are in use: who owns it removes all.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "term/check.h"

namespace supervisorring {

template <class T>
class Slab {
 public:
  Slab() = default;
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
  ~Slab() { detail::require(size_ == 0, "Slab: destroyed with records in it", static_cast<long long>(size_)); }

  template <class... Arguments>
  std::uint32_t add(Arguments&&... arguments) {
    const bool reuse = free_ != kNone;
    const std::uint32_t number = reuse ? free_ : used_;
    if (!reuse && chunk_of(number) == chunks_.size()) chunks_.push_back(std::make_unique_for_overwrite<Place[]>(length_of(chunks_.size())));
    Place& place = at(number);
    if (reuse) free_ = place.next_free;
    else ++used_;
    ::new (static_cast<void*>(&place)) T(std::forward<Arguments>(arguments)...);
    ++size_;
    return number;
  }
  void remove(std::uint32_t number) {
    std::destroy_at(&(*this)[number]);
    if (--size_ == 0) {
      chunks_.clear();
      chunks_.shrink_to_fit();
      used_ = 0;
      free_ = kNone;
      return;
    }
    at(number).next_free = std::exchange(free_, number);
  }
  T& operator[](std::uint32_t number) { return *std::launder(reinterpret_cast<T*>(&at(number))); }
  const T& operator[](std::uint32_t number) const { return *std::launder(reinterpret_cast<const T*>(&at(number))); }
  std::size_t size() const { return size_; }

 private:
  static constexpr std::uint32_t kNone = 0xFFFF'FFFF;
  static constexpr unsigned kFirstBits = 3;
  union Place {
    Place() {}
    ~Place() {}
    std::uint32_t next_free;
    alignas(T) std::byte bytes[sizeof(T)];
  };

  // Chunks of 8, 8, 16, 32, ... places.
  static std::size_t chunk_of(std::uint32_t number) { return number >> kFirstBits == 0 ? 0 : static_cast<std::size_t>(std::bit_width(number)) - kFirstBits; }
  static std::size_t length_of(std::size_t chunk) { return std::size_t{1} << (kFirstBits + (chunk == 0 ? 0 : chunk - 1)); }
  static std::size_t start_of(std::size_t chunk) { return chunk == 0 ? 0 : length_of(chunk); }
  Place& at(std::uint32_t number) const {
    const std::size_t chunk = chunk_of(number);
    return chunks_[chunk][number - start_of(chunk)];
  }

  std::vector<std::unique_ptr<Place[]>> chunks_;
  std::uint32_t used_ = 0;       // numbers given for the first time
  std::uint32_t free_ = kNone;   // the number that is given next; the others follow in next_free
  std::size_t size_ = 0;
};

}  // namespace supervisorring
