// Evidence before verdicts: what is heard of a member, what is missed, what others say of it, and what this node's own stalls are worth.
#include <algorithm>

#include "ring/membership.h"

namespace supervisorring {

using namespace membership;

// An ack, a gossip or an answer of its own has come from there.
void Membership::heard(const Term& node, Time time) {
  peers_[node].heard = time.now;
  if (const auto trouble = troubles_.find(node); trouble != troubles_.end()) trouble->second.in_vain = 0;
  if (suspicions_.erase(node) == 0) return;
  log(Level::info, to_text(node) + " answers after all");
}

// Acks that are a round late, and nothing else has come from there since.
void Membership::judge_acks(Time time) {
  std::vector<Term> silent;
  for (Awaited& awaited : awaited_) {
    if (awaited.judged || time.now - awaited.at < kGossipInterval) continue;
    awaited.judged = true;
    const Peer* peer = peers_.find(awaited.node);
    const bool answered = peer && peer->heard >= awaited.at;
    if (!answered && up_.is_member(awaited.node) && !suspicions_.contains(awaited.node)) suspect(awaited.node, time), silent.push_back(awaited.node);
  }
  for (const Term& node : silent) {
    if (up_.is_member(node)) send_ring(node, time);
  }
}

// It gets another round, and is asked; so is one that answers: has it removed it as well? What that one only still counts is hearsay.
void Membership::suspect(const Term& node, Time time) {
  suspicions_[node] = {time.now, time.now + patience(node, kGossipInterval)};
  ask_up(node);
  std::vector<Term> thirds = other_up();
  std::erase_if(thirds, [&](const Term& each) {
    const Peer* other = peers_.find(each);
    return each == node || suspicions_.contains(each) || (other && other->asked);
  });
  std::string text = "no answer of " + to_text(node) + " to gossip; it is asked again";
  if (!thirds.empty()) {
    const Term& third = thirds[random_() % thirds.size()];
    ask_up(third);
    text += ", and " + to_text(third) + " what it knows";
  }
  log(Level::info, text);
}

void Membership::judge_suspects(Time time) {
  std::vector<Term> given_up;
  for (const auto& [node, suspicion] : suspicions_)
    if (!up_.is_member(node) || suspicion.until <= time.now) given_up.push_back(node);
  for (const Term& node : given_up) {
    if (up_.is_member(node)) silent_at_ = time.now, found_down(node, "no answer to gossip, nor when it was asked again", time);
    else suspicions_.erase(node);
  }
}

// Who cannot be reached from here but is put back by others is judged more and more slowly, so that the ring does not swing.
Duration Membership::patience(const Term& node, Duration once) const {
  const auto trouble = troubles_.find(node);
  return trouble == troubles_.end() ? once : once * (1 << std::clamp(trouble->second.in_vain - 1, 0, kMostDoublings));
}

// Its connection closed, or its name has a new creation: what was heard was another life's.
void Membership::end_of_life(const Term& node) {
  peers_[node].heard = kNever;
  suspicions_.erase(node);
  std::erase_if(awaited_, [&](const Awaited& awaited) { return awaited.node == node; });
}

// Answers may stand in the queue behind this input: what is overdue gets one more round.
void Membership::doubt_self_when_late(Time time) {
  const auto next = next_timeout();
  if (!next || time.now - *next <= kLateTick) return;
  const Duration late = time.now - *next;
  if (awake_since_ != time.now) {
    log(late < kGossipInterval ? Level::info : Level::notice,
        "this node was held up for " + std::to_string(late / std::chrono::milliseconds(1)) + " ms: nobody is judged by what it missed");
  }
  awake_since_ = time.now;
  for (Awaited& awaited : awaited_) awaited.at = time.now;
  for (auto& [node, suspicion] : suspicions_) suspicion.until = std::max(suspicion.until, time.now + kGossipInterval + kLateTick);
}

// Up here, and removed there.
std::vector<Term> Membership::removed_by(const LwwSet& up) const {
  std::vector<Term> removed;
  for (const auto& [node, stamps] : up.entries()) {
    if (stamps.is_member() || node == self_) continue;
    const LwwSet::Stamps* ours = up_.find(node);
    if (ours != nullptr && ours->is_member() && stamps.removed > ours->added) removed.push_back(node);
  }
  return removed;
}

// Gives what is to be believed at once. A third one's removal of a member that is heard here is not: the member is asked, and put back when it
// answers, since one that leaves answers nothing after its remove. What it said itself (`sender`; our own name stands for one that leaves) is believed.
LwwSet Membership::contest(LwwSet up, const Term& sender, Time time) {
  std::vector<Term> to_ask;
  for (const Term& node : removed_by(up)) {
    Peer* const peer = peers_.find(node);
    if (!peer) continue;
    // In a great ring two members seldom hear each other; a program of ours that is connected takes part in the ring.
    const bool was_heard = peer->heard >= time.now - kHeardRecently || (is_great() && peer->takes.news);
    const bool is_heard = peer->connected && !suspicions_.contains(node) && was_heard;
    const bool believed = !takes_part() || !is_heard || sender == self_ || sender == node || !nodes_.is_member(node);
    if (believed) contested_.extract(node);
    const bool known = !believed && !contested_.merge(up.extract(node));
    if (known) continue;
    if (peer->asked) peer->removed_since = true;
    if (!believed) to_ask.push_back(node);
  }
  if (!to_ask.empty()) ask_removed(to_ask, sender, time);
  return up;
}

void Membership::ask_removed(const std::vector<Term>& nodes, const Term& sender, Time time) {
  if (nodes.size() == 1) log(Level::info, to_text(sender) + " has removed " + to_text(nodes.front()) + ", which is heard here: it is asked");
  else log(Level::info, to_text(sender) + " has removed " + to_text(nodes.front()) + " and " + std::to_string(nodes.size() - 1) + " more that are heard here: they are asked");
  for (const Term& node : nodes) {
    if (!is_great() || !takes_news_now(node)) ask_up(node);
    else ask_soon(node, Question::How::tell_first, nodes.size() > kManyRemoved ? kContestSpread : kFewContestSpread, time);
  }
}

// It did not answer, or does not count itself up any more.
void Membership::concede(const Term& node, Time time) {
  const LwwSet removal = contested_.extract(node);
  if (removal.names() == 0 || !up_.merge(removal)) return;
  silent_at_ = time.now;
  sets_change_soon("another member removed it, and it does not answer", time);
}

// Two that miss it are enough: the third has removed it, too. That it still counts it says no more than that it has not noticed; a member heard a
// moment ago gets another round for it.
void Membership::third_answered(const Term& third, const LwwSet& up, Time time) {
  const std::vector<Term> removed = removed_by(up);
  std::vector<Term> gone;
  for (auto& [node, suspicion] : suspicions_) {
    if (node == third || !up_.is_member(node)) continue;
    const Peer* peer = peers_.find(node);
    if (std::find(removed.begin(), removed.end(), node) != removed.end()) {
      gone.push_back(node);
    } else if (peer && peer->heard >= suspicion.since - kHeardRecently) {
      suspicion.until = std::max(suspicion.until, suspicion.since + 2 * kGossipInterval);
    }
  }
  for (const Term& node : gone) found_down(node, "no answer to gossip, and " + to_text(third) + " has removed it, too", time);
}

}  // namespace supervisorring
