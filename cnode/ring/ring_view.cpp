#include "ring/ring_view.h"

#include <algorithm>
#include <iterator>

namespace supervisorring {

namespace {
constexpr std::size_t kMergedOneByOne = 4;  // more changes at once are cheaper as a new ring
}

RingView::Subscription RingView::subscribe(Callback callback) {
  subscribers_.emplace_back(next_subscription_, std::move(callback));
  return next_subscription_++;
}

void RingView::unsubscribe(Subscription subscription) {
  std::erase_if(subscribers_, [&](const auto& subscriber) { return subscriber.first == subscription; });
}

bool RingView::update(const RingState& state) {
  if (state == state_) return false;
  RingChange change;
  change.old_up = std::move(state_.up);
  change.old_nodes = std::move(state_.nodes);
  change.new_up = state.up;
  change.new_nodes = state.nodes;
  change.settled = state.settled;
  change.leaving = state.leaving;
  change.minority = state.minority;
  change.format_changed = state.format != state_.format;
  state_ = state;
  if (change.up_changed()) rebuild_ring(change.old_up);
  // A callback may change the list: go by the subscriptions that exist now, and skip those that are gone.
  std::vector<Subscription> now;
  for (const auto& subscriber : subscribers_) now.push_back(subscriber.first);
  for (const Subscription subscription : now) {
    const auto found = std::find_if(subscribers_.begin(), subscribers_.end(), [&](const auto& s) { return s.first == subscription; });
    if (found == subscribers_.end()) continue;
    const Callback callback = found->second;
    callback(change);
  }
  return true;
}

// A member more or less, the usual case, costs one merge; a greater change starts from the remembered points.
void RingView::rebuild_ring(const std::vector<Term>& old_up) {
  const auto before = [](const Term& a, const Term& b) { return compare(a, b) < 0; };
  std::vector<Term> gone, come;
  std::set_difference(old_up.begin(), old_up.end(), state_.up.begin(), state_.up.end(), std::back_inserter(gone), before);
  std::set_difference(state_.up.begin(), state_.up.end(), old_up.begin(), old_up.end(), std::back_inserter(come), before);
  if (gone.size() + come.size() > kMergedOneByOne) {
    ring_ = Ring::make(state_.up, &cache_);
    return;
  }
  for (const Term& member : gone) ring_ = ring_->without(member);
  for (const Term& member : come) ring_ = ring_->with(member, &cache_);
}

}  // namespace supervisorring
