// Random: splitmix64 with the few questions a scenario asks. One seed, one sequence.
#pragma once

#include <cstdint>
#include <vector>

#include "supervisorring/time.h"

namespace supervisorring::sim {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15ull;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t limit) { return next() % limit; }
  bool percent(std::uint64_t chance) { return below(100) < chance; }
  Duration between(Duration least, Duration most) {
    return least + Duration(static_cast<std::int64_t>(below(static_cast<std::uint64_t>((most - least).count()) + 1)));
  }
  template <class T>
  const T& one_of(const std::vector<T>& many) { return many[below(many.size())]; }

 private:
  std::uint64_t state_;
};

}  // namespace supervisorring::sim
