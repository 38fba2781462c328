// Restart intensity: when a supervisor gives up on its children.
//
// More than `intensity` restarts within `period` end the supervisor. Counted as OTP's supervisor:add_restart/1
// counts: in whole seconds, the restart being added included, one that is exactly `period` old still counting.
//
// Pure: the caller passes the time. Memory is bounded by the seconds of a period in which something restarted.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "supervisorring/time.h"

namespace supervisorring {

class RestartIntensity {
 public:
  // REQUIRES: intensity >= 0, period_s >= 1
  RestartIntensity(std::int64_t intensity, std::int64_t period_s) : intensity_(intensity), period_s_(period_s) {}

  // Adds a restart; false when it is one too many. REQUIRES: `now` not before that of an earlier call.
  bool add(Instant now);
  // Restarts of a predecessor, the oldest first. REQUIRES: no add() yet.
  void take_over(const std::vector<Instant>& restarts);
  // When the counted restarts were, the oldest first, in whole seconds.
  std::vector<Instant> restarts() const;
  // Restarts still counted after the last add().
  std::int64_t counted() const { return counted_; }

 private:
  struct Second {
    std::int64_t at;
    std::int64_t restarts;
  };
  std::int64_t intensity_;
  std::int64_t period_s_;
  std::deque<Second> seconds_;  // oldest first; invariant: the sum of `restarts` is counted_
  std::int64_t counted_ = 0;
};

}  // namespace supervisorring
