// Who is up: gossip rounds, connections that open and close, and questions to those that are away.
#include <algorithm>

#include "crdt/mutation.h"
#include "ring/membership.h"

namespace supervisorring {

using namespace membership;

void Membership::gossip_round(Time time) {
  gossip_at_ = time.now + kGossipInterval;
  if (!takes_part()) return gossip_at_.reset();
  judge_suspects(time);
  judge_acks(time);
  check_removed(time);
  // One that fell silent may be one of many, behind a cut: each is to be tried soon.
  const bool may_be_cut = is_great() && silent_at_ && time.now - *silent_at_ < kCutSuspected;
  for (const Term& node : some_of(reachable(other_up()), may_be_cut ? kGossipsInACut : 1)) is_great() && takes_now(node).digests ? send_digest(node, time) : send_ring(node, time);
}

bool Membership::is_connected(const Term& node) const {
  const Peer* peer = peers_.find(node);
  return peer && peer->connected;
}

// In a great ring not those that are still being connected to, where others are connected: they may be names that never answer, many of them.
std::vector<Term> Membership::reachable(std::vector<Term> nodes) const {
  const auto connected = [this](const Term& node) { return is_connected(node); };
  if (is_great() && std::ranges::any_of(nodes, connected)) std::erase_if(nodes, std::not_fn(connected));
  return nodes;
}

// At most so many, by chance.
std::vector<Term> Membership::some_of(std::vector<Term> nodes, std::size_t most) {
  if (most >= nodes.size()) return nodes;
  std::vector<Term> some;
  while (some.size() < most && !nodes.empty()) {
    std::swap(nodes[random_() % nodes.size()], nodes.back());
    some.push_back(std::move(nodes.back()));
    nodes.pop_back();
  }
  return some;
}

void Membership::found_down(const Term& node, const std::string& why, Time time, Audience audience) {
  Trouble& trouble = troubles_[node];
  trouble.failed = time.now;
  trouble.in_vain = std::min(trouble.in_vain + 1, kMostDoublings + 1);
  suspicions_.erase(node);
  peers_[node].retrying = false;
  contested_.extract(node);
  connect_at_.erase(node);
  up_.remove(node, time.wall);
  sets_change_soon(why, time);
  announce({node}, time, audience);
}

// REQUIRES: `node` is a member of node_set. Its new add comes first, then gossip with it.
void Membership::found_up(const Term& node, const std::string& why, Time time) {
  up_.merge(contested_.extract(node));
  up_.put(node, time.wall);
  sets_change_soon(why, time);
  send_ring(node, time);
  announce({node}, time);
}

void Membership::node_up(const Term& node, Time time) {
  if (!is_member_name(node) || phase_ == Phase::gone) return;
  Peer& peer = peers_[node];
  peer.connected = true;
  peer.retrying = false;
  connect_at_.erase(node);
  const auto candidate = candidates_.find(node);
  if (phase_ == Phase::asking && candidate != candidates_.end() && candidate->second.answers_due == 0) {
    candidate->second.ask_at = time.now;
    ask_candidates(time);
  }
  doubt_removal(node, time);
}

void Membership::node_down(const Term& node, Time time) {
  if (phase_ == Phase::gone) return;
  doubt_self_when_late(time);
  Peer* const known = peers_.find(node);
  const bool was_connected = known && known->connected;
  if (known) {
    known->connected = false;
    known->takes = {};
    pids_.erase(node);
    if (was_connected) end_of_life(node);
    if (!nodes_.contains(node) && !up_.contains(node)) forget_peer(node);
  }
  const auto candidate = candidates_.find(node);
  if (phase_ == Phase::asking && candidate != candidates_.end()) {
    candidate->second.state = Candidate::State::down;
    return decide_alone(time);
  }
  if ((phase_ == Phase::guarding || phase_ == Phase::entering) && node == contact_) return lost_contact("went down", time);
  if (!takes_part() || !up_.is_member(node)) return;
  // Others vouch for it: connect_at_ says when it is this one's turn to try again.
  if (!was_connected && connect_at_.contains(node)) return;
  // An attempt that failed while this node was stopped says nothing.
  const bool just_awake = awake_since_ && time.now - *awake_since_ < kGossipInterval;
  const auto trouble = troubles_.find(node);
  const bool retried = trouble != troubles_.end() && trouble->second.retried > time.now - kRetryPause;
  if (!was_connected && (!just_awake || retried)) return found_down(node, "cannot be connected to", time, Audience::few);
  // Connections also close when two simultaneous connects resolve, so one is tried again; but not in a loop.
  if (retried) return found_down(node, "its connection closed again", time, Audience::few);
  troubles_[node].retried = time.now;
  peers_[node].retrying = true;
  effects_.push_back(Connect{node});
}

// One of the members that are not up is asked whether it lives; a stopped NanoRing on a live BEAM does not answer.
void Membership::probe(Time time) {
  if (phase_ == Phase::aside) {
    probe_at_ = time.now + kGossipInterval;
    const std::vector<Term> others = other_up();
    if (others.empty()) return;
    const Term& node = others[random_() % others.size()];
    effects_.push_back(AskSet{node, RingSet::nodes});
    effects_.push_back(AskSet{node, RingSet::up});
    return;
  }
  if (!takes_part()) return;
  probe_at_ = time.now + kProbeInterval;
  std::vector<Term> away;
  const auto consider = [&](const Term& node) {
    if (node == self_ || up_.is_member(node)) return;
    const Peer* peer = peers_.find(node);
    if (!peer || !peer->asked) away.push_back(node);
  };
  for (const Term& node : nodes_.members()) consider(node);
  for (const Term& node : join_) {
    if (!nodes_.is_member(node)) consider(node);
  }
  if (!away.empty()) ask_up(away[random_() % away.size()]);
}

void Membership::ask_up(const Term& node) {
  Peer& peer = peers_[node];
  if (peer.asked) return;
  peer.asked = true;
  peer.removed_since = false;
  effects_.push_back(AskSet{node, RingSet::up});
}

// One that counts as removed shows that it lives. In a great ring it does so to all, and is asked by few: the first answer is told.
void Membership::doubt_removal(const Term& node, Time time) {
  if (!takes_part() || !nodes_.is_member(node) || up_.is_member(node)) return;
  if (is_great()) ask_soon(node, Question::How::ask, kReturnSpread, time);
  else ask_up(node);
}

// One that does not count itself up is leaving, standing aside or only starting: its own affair.
void Membership::up_answered(const Term& node, const LwwSet& up, Time time) {
  if (!up.is_member(node)) return concede(node, time);
  if (!nodes_.is_member(node)) {
    // A --join target, met after this member had started without it.
    if (std::find(join_.begin(), join_.end(), node) != join_.end() && nodes_.is_member(self_)) effects_.push_back(Send{nano_ring_at(node), add_node_message(self_)});
    return;
  }
  third_answered(node, up, time);
  const bool contested = contested_.contains(node);
  if (up_.is_member(node) && !contested) return;
  up_.merge(contest(up, node, time));
  if (contested) log(Level::info, to_text(node) + " answers: it stays up");
  found_up(node, to_text(node) + (contested ? " was removed by another member and answers" : " answers again"), time);
  // What kept it away may be over for others too.
  probe_at_ = time.now + kBurstPause;
}

// Closed connections are the fastest evidence, so there is one to every up member. Each begins with those behind its own name, so that many that
// start at once do not all begin with the same one.
void Membership::connect_to_new_members(const std::vector<Term>& members, Time time) {
  std::vector<Term> in_order = members;
  std::rotate(in_order.begin(), std::partition_point(in_order.begin(), in_order.end(), [this](const Term& node) { return compare(node, self_) < 0; }), in_order.end());
  for (const Term& node : in_order) {
    if (node == self_ || !up_.is_member(node)) continue;
    const Peer& peer = peers_[node];
    if (peer.connected || peer.retrying) continue;
    // Another member reaches it and this one does not: do not fight over it at the speed of the network.
    const auto trouble = troubles_.find(node);
    if (trouble != troubles_.end() && trouble->second.failed > time.now - patience(node, kRetryPause)) {
      connect_at_[node] = trouble->second.failed + patience(node, kRetryPause);
      continue;
    }
    effects_.push_back(Connect{node});
  }
}

// It lives and is not leaving: back into up_set. Standing aside: out again.
void Membership::put_self_back(Time time) {
  const bool aside = phase_ == Phase::aside;
  if (!aside && mutated(Mutation::no_self_re_add)) return;
  if (!aside && (phase_ != Phase::member || !nodes_.is_member(self_))) return;
  if (up_.is_member(self_) != aside) return;
  if (!may_put_back(time)) {
    put_back_at_ = put_back_paid_ - kPutBackAhead;
    return;
  }
  note_put_back(time);
  if (aside) {
    up_.remove(self_, time.wall);
    sets_changed("still standing aside", time);
    return tell_own_removal(other_up(), time);
  }
  up_.put(self_, time.wall);
  sets_changed("it lives", time);
  announce({self_}, time);
}

}  // namespace supervisorring
