// Names that were not used for long are forgotten, where all members are ours: the sets do not grow with every name that a cluster ever had.
//
// A name is forgotten when it is no member and its newest add or remove, in both sets, is older than `forget_after` by this member's clock. Every member
// does so by itself, within about a minute of the others. One that was away for longer has it still, perhaps as a member. So that it does not come back:
//   - what another says of a name that is unknown here, as old as that, and not up there, is not taken;
//   - a member that is down here, as old as that, and that the sender of a gossip knows nothing of, has been forgotten by the others: it is forgotten here, too.
// A name that is up is never forgotten nor refused, however old: so two sides that were apart for that long still find each other's members.
#include <algorithm>

#include "ring/membership.h"

namespace supervisorring {

namespace {

bool is_old(Stamp used, std::chrono::seconds limit, Time time) { return used && used < Stamp(Timestamp::of_wall(time.wall - limit)); }

bool known_in(const LwwSet& nodes, const LwwSet& up, const Term& name) { return nodes.contains(name) || up.contains(name); }

// The names of either set whose last use in both is older than the limit.
std::vector<Term> old_names(const LwwSet& nodes, const LwwSet& up, std::chrono::seconds limit, Time time) {
  const auto was_old = [&](const LwwSet::Stamps* stamps) { return stamps == nullptr || is_old(std::max(stamps->added, stamps->removed), limit, time); };
  std::vector<Term> names;
  for (const auto& [name, stamps] : nodes.entries())
    if (was_old(&stamps) && was_old(up.find(name))) names.push_back(name);
  for (const auto& [name, stamps] : up.entries())
    if (was_old(&stamps) && !nodes.contains(name)) names.push_back(name);
  return names;
}

}  // namespace

void Membership::forget_name(const Term& name) {
  nodes_.forget(name);
  up_.forget(name);
  forget_peer(name);
}

void Membership::forget_peer(const Term& name) {
  peers_.erase(name);
  pids_.erase(name);
  troubles_.erase(name);
  suspicions_.erase(name);
}

void Membership::forget_old_names(Time time) {
  forgot_at_ = time.now;
  std::size_t forgotten = 0;
  for (const Term& name : old_names(nodes_, up_, *config_.forget_after, time)) {
    if (name == self_ || nodes_.is_member(name) || up_.is_member(name)) continue;
    forget_name(name);
    ++forgotten;
  }
  if (forgotten == 0) return;
  log(membership::Level::info, "forgot " + std::to_string(forgotten) + " names that were not used for long");
  sets_changed("names that were not used for long", time);
}

void Membership::drop_old_and_unknown(LwwSet& nodes, LwwSet& up, Time time) const {
  for (const Term& name : old_names(nodes, up, *config_.forget_after, time)) {
    if (known_in(nodes_, up_, name) || up.is_member(name)) continue;
    nodes.forget(name);
    up.forget(name);
  }
}

void Membership::drop_forgotten(ring_message::Reconcile& gossip, Time time) {
  const Term sender = gossip.from.node();
  const bool knows_us = sender != self_ && gossip.up.is_member(sender) && gossip.nodes.is_member(self_);
  std::vector<Term> forgotten_there;
  if (knows_us) {
    for (Term& name : old_names(nodes_, up_, *config_.forget_after, time)) {
      if (!known_in(gossip.nodes, gossip.up, name) && name != self_ && !up_.is_member(name)) forgotten_there.push_back(std::move(name));
    }
  }
  drop_old_and_unknown(gossip.nodes, gossip.up, time);
  for (const Term& name : forgotten_there) {
    if (nodes_.is_member(name)) log(membership::Level::notice, to_text(name) + " is forgotten: it was not used for long, and " + to_text(sender) + " has forgotten it");
    forget_name(name);
  }
}

}  // namespace supervisorring
