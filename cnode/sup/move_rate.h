// MoveRate: how many children may move away a second, of all supervisors of a member.
//
// A bucket: what was not used for a tenth of a second is lost, so that the moves are spread over the second. Without a limit every move may begin.
//
// Pure: the caller passes the time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "supervisorring/time.h"

namespace supervisorring {

inline constexpr std::int64_t kMaxMoveRate = 1'000'000;

class MoveRate {
 public:
  void limit(std::optional<std::int64_t> a_second, Instant now) {
    rate_ = a_second;
    if (rate_) left_ = 1, at_ = now;
  }
  bool limited() const { return rate_.has_value(); }
  std::optional<std::int64_t> a_second() const { return rate_; }
  // May one more begin? Then it has.
  bool take(Instant now) {
    if (!rate_) return true;
    const auto rate = static_cast<double>(*rate_);
    left_ = std::min(std::max(1.0, rate / 10), left_ + rate * std::chrono::duration<double>(now - at_).count());
    at_ = now;
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
  }

 private:
  std::optional<std::int64_t> rate_;
  double left_ = 0;
  Instant at_{};
};

}  // namespace supervisorring
