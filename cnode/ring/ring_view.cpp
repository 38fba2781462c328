#include "ring/ring_view.h"

#include <algorithm>

namespace supervisorring {

RingView::RingView(Term self, std::shared_ptr<RingStore> rings)
    : self_(std::move(self)), ring_(Ring::make({})), rings_(rings ? std::move(rings) : std::make_shared<RingStore>()) {}

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
  if (change.up_changed()) ring_ = rings_->ring_of(state_.up, ring_, change.old_up);
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

}  // namespace supervisorring
