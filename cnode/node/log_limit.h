// LogLimit: how many log lines strangers may cause.
//
// kLines a kWindow are written, the rest is counted; the first line of a later window is told how many were left out.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

#include "supervisorring/time.h"

namespace supervisorring {

class LogLimit {
 public:
  // Whoever tries cookies by hand or scans ports is seen line by line; a flood is not.
  static constexpr std::size_t kLines = 30;
  static constexpr Duration kWindow = std::chrono::seconds(10);

  // nullopt: not now. Else how many lines were left out since the last one.
  std::optional<std::size_t> admit(Instant now) {
    if (!since_ || now - *since_ >= kWindow) {
      since_ = now;
      written_ = 0;
    }
    if (written_ == kLines) {
      ++left_out_;
      return std::nullopt;
    }
    ++written_;
    const std::size_t before = left_out_;
    left_out_ = 0;
    return before;
  }

 private:
  std::optional<Instant> since_;
  std::size_t written_ = 0;
  std::size_t left_out_ = 0;
};

}  // namespace supervisorring
