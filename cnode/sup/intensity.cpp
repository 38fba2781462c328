#include "sup/intensity.h"

namespace supervisorring {

bool RestartIntensity::add(Instant now) {
  const std::int64_t second = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  while (!seconds_.empty() && second - seconds_.front().at > period_s_) {
    counted_ -= seconds_.front().restarts;
    seconds_.pop_front();
  }
  if (seconds_.empty() || seconds_.back().at != second) seconds_.push_back({second, 0});
  ++seconds_.back().restarts;
  return ++counted_ <= intensity_;
}

void RestartIntensity::take_over(const std::vector<Instant>& restarts) {
  for (const Instant at : restarts) (void)add(at);
}

std::vector<Instant> RestartIntensity::restarts() const {
  std::vector<Instant> out;
  for (const Second& second : seconds_)
    for (std::int64_t i = 0; i < second.restarts; ++i) out.emplace_back(std::chrono::seconds(second.at));
  return out;
}

}  // namespace supervisorring
