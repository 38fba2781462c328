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

const LwwSet::Stamps* stamps_in(const LwwSet& set, const Term& name) {
  const auto found = set.entries().find(name);
  return found == set.entries().end() ? nullptr : &found->second;
}

// The last use of a name that both sets tell of; none: neither knows it.
std::optional<Timestamp> last_use(const LwwSet& nodes, const LwwSet& up, const Term& name) {
  std::optional<Timestamp> last;
  for (const LwwSet* set : {&nodes, &up})
    if (const auto* stamps = stamps_in(*set, name)) last = std::max({last, stamps->added, stamps->removed});
  return last;
}

bool is_old(const std::optional<Timestamp>& used, std::chrono::seconds limit, Time time) { return used && *used < Timestamp::of_wall(time.wall - limit); }

std::vector<Term> names_of(const LwwSet& nodes, const LwwSet& up) {
  std::vector<Term> names;
  for (const auto& [name, stamps] : nodes.entries()) names.push_back(name);
  for (const auto& [name, stamps] : up.entries())
    if (!nodes.entries().contains(name)) names.push_back(name);
  return names;
}

}  // namespace

void Membership::forget_old_names(Time time) {
  forgot_at_ = time.now;
  std::size_t forgotten = 0;
  for (const Term& name : names_of(nodes_, up_)) {
    if (name == self_ || nodes_.is_member(name) || up_.is_member(name) || !is_old(last_use(nodes_, up_, name), *config_.forget_after, time)) continue;
    nodes_.forget(name);
    up_.forget(name);
    peers_.erase(name);
    ++forgotten;
  }
  if (forgotten == 0) return;
  log(membership::Level::info, "forgot " + std::to_string(forgotten) + " names that were not used for long");
  sets_changed("names that were not used for long", time);
}

ring_message::Reconcile Membership::without_forgotten(const ring_message::Reconcile& gossip, Time time) {
  ring_message::Reconcile taken = gossip;
  for (const Term& name : names_of(gossip.nodes, gossip.up)) {
    if (last_use(nodes_, up_, name) || gossip.up.is_member(name) || !is_old(last_use(gossip.nodes, gossip.up, name), *config_.forget_after, time)) continue;
    taken.nodes.forget(name);
    taken.up.forget(name);
  }
  const Term sender = gossip.from.node();
  if (sender == self_ || !gossip.up.is_member(sender) || !gossip.nodes.is_member(self_)) return taken;
  for (const Term& name : names_of(nodes_, up_)) {
    const bool known_there = last_use(gossip.nodes, gossip.up, name).has_value();
    if (known_there || name == self_ || up_.is_member(name) || !is_old(last_use(nodes_, up_, name), *config_.forget_after, time)) continue;
    if (nodes_.is_member(name)) log(membership::Level::notice, to_text(name) + " is forgotten: it was not used for long, and " + to_text(sender) + " has forgotten it");
    nodes_.forget(name);
    up_.forget(name);
    peers_.erase(name);
  }
  return taken;
}

}  // namespace supervisorring
