// Progress: of work that takes longer than a moment: how much of it is left, and for how long.
//
// The work is a number of children that wait to be started or moved, or are on their way. It is looked at whenever something may have changed. While more than a
// second of it is left, by the pace so far, a line is due, and another each time the work has lasted half as long again; one says that it is over.
//
// Pure: the caller passes the time.
#pragma once

#include <algorithm>
#include <optional>
#include <string>

#include "supervisorring/time.h"

namespace supervisorring {

inline constexpr Duration kProgressFrom = std::chrono::seconds(1);   // less left than this is not worth a line
inline constexpr Duration kProgressPace = std::chrono::milliseconds(250);  // before that the pace says nothing

class Progress {
 public:
  // `left` children are still to be started or moved. A line, when one is due.
  std::optional<std::string> look(std::size_t left, Instant now) {
    if (left == 0) return over(now);
    if (left_ == 0) begin_ = now, next_line_ = now + kProgressPace, done_ = 0, told_ = false;
    else if (left < left_) done_ += left_ - left;
    left_ = left;
    if (now < next_line_ || !worth_telling(now)) return std::nullopt;
    told_ = true;
    next_line_ = now + std::max(kProgressFrom, (now - begin_) / 2);
    return text(now);
  }
  // What is left, for `status`; empty when it is less than a second's work.
  std::string now_left(Instant now) const { return left_ > 0 && now - begin_ >= kProgressPace && worth_telling(now) ? text(now) : ""; }

 private:
  // By the pace so far; none while nothing has been done.
  std::optional<Duration> time_left(Instant now) const {
    if (done_ == 0) return std::nullopt;
    return Duration(static_cast<Duration::rep>(static_cast<double>((now - begin_).count()) / static_cast<double>(done_) * static_cast<double>(left_)));
  }
  bool worth_telling(Instant now) const {
    const auto time = time_left(now);
    return time ? *time > kProgressFrom : now - begin_ > kProgressFrom;
  }
  std::string text(Instant now) const {
    const auto time = time_left(now);
    return std::to_string(left_) + " children to be started or moved, " + std::to_string(done_) + " done in " + seconds(now - begin_) +
           (time ? ", about " + seconds(*time) + " left" : "");
  }
  std::optional<std::string> over(Instant now) {
    const bool tell = left_ > 0 && told_;
    done_ += left_;
    left_ = 0;
    if (!tell) return std::nullopt;
    return "no child is left to be started or moved: " + std::to_string(done_) + " done in " + seconds(now - begin_);
  }
  static std::string seconds(Duration duration) {
    const auto tenths = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count() / 100;
    return tenths >= 100 ? std::to_string(tenths / 10) + " s" : std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
  }

  std::size_t left_ = 0;
  std::size_t done_ = 0;
  Instant begin_{};
  Instant next_line_{};
  bool told_ = false;
};

}  // namespace supervisorring
