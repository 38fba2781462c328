#include "node/timers.h"

#include <algorithm>

namespace supervisorring {

void Timers::set(RefKey id, Instant at, Timer timer) {
  timers_.emplace(id, std::move(timer));
  heap_.push_back({at, ++order_, id});
  std::push_heap(heap_.begin(), heap_.end(), later);
}

bool Timers::cancel(RefKey id) {
  if (timers_.erase(id) == 0) return false;
  drop_cancelled_top();
  if (heap_.size() > 1024 && heap_.size() > 2 * timers_.size()) compact();
  return true;
}

std::optional<Instant> Timers::next() const {
  if (heap_.empty()) return std::nullopt;
  return heap_.front().at;
}

std::optional<Timer> Timers::take_due(Instant now) {
  if (heap_.empty() || heap_.front().at > now) return std::nullopt;
  const auto found = timers_.find(heap_.front().id);
  Timer due = std::move(found->second);
  timers_.erase(found);
  drop_cancelled_top();
  return due;
}

void Timers::drop_cancelled_top() {
  while (!heap_.empty() && !timers_.contains(heap_.front().id)) {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    heap_.pop_back();
  }
}

void Timers::compact() {
  std::erase_if(heap_, [this](const Place& place) { return !timers_.contains(place.id); });
  std::make_heap(heap_.begin(), heap_.end(), later);
}

}  // namespace supervisorring
