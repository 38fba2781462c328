// Before a child that became ours is started afresh: does a member of ours still run it? Then its state is on the way.
#include <algorithm>
#include <iterator>

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
  ask.asked = ask.from;
  std::ranges::copy_if(ask.from, std::back_inserter(ask.leaving), [&](const Term& node) { return leaving_peers_.contains(node); });
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
    const Went* const went = entry == entries_.end() ? nullptr : entry->second.went.get();
    const bool went_just_now = went && now - went->at < kMovedJustNow && went->to != node && full_ring_ && full_ring_->has(went->to);
    const bool here = went_just_now || busy_here(id) || out_.contains(id) || in_by_id_.contains(id) || starting_.contains(id) || queued_to_start(id);
    (here ? answer.here : answer.not_here).push_back(id);
    const auto retry = retries_.find(id);
    if (retry == retries_.end() || !retry->second.when_asked || entry == entries_.end() || entry->second.owner != node || out_.contains(id)) continue;
    retries_.erase(retry);
    place_elsewhere(id, entry->second, now);
  }
  effects_.push_back(MgrSend{node, std::move(answer)});
}

void ChildManager::handle_answer(const Term& node, const PeerAnswer& answer, Instant now) {
  for (const Term& id : answer.here) ask_answered(node, id, true, now);
  for (const Term& id : answer.not_here) ask_answered(node, id, false, now);
}

void ChildManager::ask_answered(const Term& node, const Term& id, bool here, Instant now) {
  const auto it = asks_.find(id);
  if (it == asks_.end()) return;
  it->second.unanswered = 0;
  if (here) {  // it will be offered; asked again until then
    it->second.again_at = std::min(it->second.again_at, now + it->second.pause);
    it->second.pause = std::min(2 * it->second.pause, kWhoRunsItTimeout);
    return;
  }
  if (std::erase(it->second.from, node) > 0 && it->second.from.empty()) ask_round_over(id, now);
}

void ChildManager::ask_lost(const Term& node, Instant now) {
  asks_to_send_.erase(node);
  std::vector<Term> over;
  for (auto& [id, ask] : asks_) {
    if (std::erase(ask.from, node) == 0) continue;
    if (std::ranges::count(ask.leaving, node)) ask.one_has_left = true;
    if (ask.from.empty()) over.push_back(id);
  }
  for (const Term& id : over) ask_round_over(id, now);
}

// Nobody of those that were asked has it. While one leaves and others come, it can be with a member that was not known here when they were asked.
void ChildManager::ask_round_over(const Term& id, Instant now) {
  Ask& ask = asks_.at(id);
  if (ask.rounds < kMaxAskRounds && ask.one_has_left) {
    ++ask.rounds;
    ask.one_has_left = false;
    ask.asked.clear();
    ask.again_at = now + kOthersComeToLight;
    return;
  }
  if (ask.rounds < kMaxAskRounds) ask_others(ask, now);
  if (!ask.from.empty()) {
    ++ask.rounds;
    for (const Term& node : ask.from) asks_to_send_[node].push_back(id);
    return;
  }
  asks_.erase(id);
  queue_start(id);
}

// All that run the supervisor and were not asked in this round.
void ChildManager::ask_others(Ask& ask, Instant now) {
  for (const Term& node : full_ring_->members()) {
    if (node != self_ && kind_of(node) == PeerKind::runs_it && std::ranges::count(ask.asked, node) == 0) ask.from.push_back(node);
  }
  ask.asked.insert(ask.asked.end(), ask.from.begin(), ask.from.end());
  ask.again_at = now + kWhoRunsItTimeout;
}

void ChildManager::ask_timeouts(Instant now) {
  std::vector<Term> given_up, next_round;
  for (auto& [id, ask] : asks_) {
    if (ask.again_at > now) continue;
    if (ask.from.empty()) {
      next_round.push_back(id);
      continue;
    }
    if (++ask.unanswered > kMaxUnansweredAsks) {
      given_up.push_back(id);
      continue;
    }
    ask.again_at = now + kWhoRunsItTimeout;
    for (const Term& node : ask.from) asks_to_send_[node].push_back(id);
  }
  for (const Term& id : next_round) ask_round_over(id, now);
  for (const Term& id : given_up) {
    report(SupReport::Level::notice, "child " + to_text(id, 200) + " of " + to_text(supervisor_, 100) + " is started without its state: " +
                                         to_text(asks_.at(id).from.front()) + " did not say whether it runs there");
    asks_.erase(id);
    queue_start(id);
  }
}

}  // namespace supervisorring
