// Time as the cores see it: handed in by whoever drives them, never read from a clock.
#pragma once

#include <chrono>

namespace supervisorring {

using Duration = std::chrono::nanoseconds;

// A point on a clock that only goes forward. Its zero has no meaning.
using Instant = std::chrono::time_point<std::chrono::steady_clock, Duration>;

// Both clocks at one moment. `wall` is the time of day in microseconds since 1970 (UTC); it may jump.
struct Time {
  Instant now;
  std::chrono::microseconds wall;
};

}  // namespace supervisorring
