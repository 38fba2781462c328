// Before a child that became ours is started afresh: does a member of ours still run it? Then its state is on the way.
#include <algorithm>

#include "sup/child_manager.h"

namespace supervisorring {

void ChildManager::begin_ask(const Term& id, const std::optional<Term>& owner_before, Instant now) {
  Ask ask;
  const auto may_run_it = [&](const Term& node) {
    const PeerKind kind = kind_of(node);
    // One that is off the ring and still connected leaves or stands aside: it hands over what it runs.
    return node != self_ && (ours(node) || (kind == PeerKind::unknown && full_ring_->has(node)));
  };
  const bool owner_is_asked = owner_before && may_run_it(*owner_before);
  if (owner_is_asked) ask.from.push_back(*owner_before);
  if (owner_before) {
    const auto also = [&](const Term& node) {
      if (node != *owner_before && std::find(ask.from.begin(), ask.from.end(), node) == ask.from.end()) ask.from.push_back(node);
    };
    // One that leaves may have it still, from a time when the owner before had not taken it yet.
    for (const Term& node : leaving_peers_)
      if (may_run_it(node)) also(node);
    // While it left or joined others may have placed the child by another ring than ours, so any of them can have it.
    if (views_differ_)
      for (const Term& node : full_ring_->members())
        if (node != self_ && ours(node)) also(node);
  } else {
    for (const Term& node : full_ring_->members())
      if (may_run_it(node)) ask.from.push_back(node);
  }
  if (ask.from.empty()) return queue_start(id);
  const bool off_the_ring = owner_before && (!owner_is_asked || !full_ring_->has(*owner_before));
  ask.again_at = now + (off_the_ring ? kWhoRunsItOffTheRing : kWhoRunsItTimeout);
  if (off_the_ring) ask.unanswered = kMaxUnansweredAsks;  // it may as well be dead: asked once
  for (const Term& node : ask.from) asks_to_send_[node].push_back(id);
  asks_.try_emplace(id, std::move(ask));
}

void ChildManager::send_asks() {
  for (auto& [node, ids] : asks_to_send_) {
    for (std::size_t at = 0; at < ids.size(); at += kMaxIdsInAMessage) {
      const auto end = std::min(ids.size(), at + kMaxIdsInAMessage);
      effects_.push_back(MgrSend{node, PeerAsk{supervisor_, std::vector<Term>(ids.begin() + at, ids.begin() + end)}});
    }
  }
  asks_to_send_.clear();
}

// Whoever asks owns the child and is ready for it: a move that waits for its next try begins now. Where a child went just now the asker may
// not be known yet, nor may the asker know that member: it is asked again, or offered the child.
void ChildManager::handle_ask(const Term& node, const PeerAsk& ask, Instant now) {
  PeerAnswer answer{supervisor_, {}, {}};
  for (const Term& id : ask.ids) {
    const auto entry = entries_.find(id);
    const bool went_just_now = entry != entries_.end() && entry->second.went && now - *entry->second.went < kMovedJustNow;
    const bool here = went_just_now || busy_here(id) || out_.contains(id) || in_by_id_.contains(id) || starting_.contains(id) || queued_to_start_.contains(id);
    (here ? answer.here : answer.not_here).push_back(id);
    const auto retry = retries_.find(id);
    if (retry == retries_.end() || !retry->second.when_asked || entry == entries_.end() || entry->second.owner != node || out_.contains(id)) continue;
    retries_.erase(retry);
    place_elsewhere(id, entry->second, now);
  }
  effects_.push_back(MgrSend{node, std::move(answer)});
}

void ChildManager::handle_answer(const Term& node, const PeerAnswer& answer) {
  for (const Term& id : answer.here) ask_answered(node, id, true);
  for (const Term& id : answer.not_here) ask_answered(node, id, false);
}

void ChildManager::ask_answered(const Term& node, const Term& id, bool here) {
  const auto it = asks_.find(id);
  if (it == asks_.end()) return;
  it->second.unanswered = 0;
  if (here) return;  // it will be offered; asked again until then
  std::erase(it->second.from, node);
  if (!it->second.from.empty()) return;
  asks_.erase(it);
  queue_start(id);
}

void ChildManager::ask_lost(const Term& node) {
  std::vector<Term> free;
  for (auto& [id, ask] : asks_) {
    std::erase(ask.from, node);
    if (ask.from.empty()) free.push_back(id);
  }
  asks_to_send_.erase(node);
  for (const Term& id : free) {
    asks_.erase(id);
    queue_start(id);
  }
}

void ChildManager::ask_timeouts(Instant now) {
  std::vector<Term> given_up;
  for (auto& [id, ask] : asks_) {
    if (ask.again_at > now) continue;
    if (++ask.unanswered > kMaxUnansweredAsks) {
      given_up.push_back(id);
      continue;
    }
    ask.again_at = now + kWhoRunsItTimeout;
    for (const Term& node : ask.from) asks_to_send_[node].push_back(id);
  }
  for (const Term& id : given_up) {
    report(SupReport::Level::notice, "child " + to_text(id, 200) + " of " + to_text(supervisor_, 100) + " is started without its state: " +
                                         to_text(asks_.at(id).from.front()) + " did not say whether it runs there");
    asks_.erase(id);
    queue_start(id);
  }
}

}  // namespace supervisorring
