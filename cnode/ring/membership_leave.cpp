// How a member gets out: by its guard's no, by its own wish, or because another removed it.
#include <algorithm>
#include <utility>

#include "ring/membership.h"

namespace supervisorring {

using namespace membership;

void Membership::ask_guard(Time time) {
  if (phase_ != Phase::guarding && phase_ != Phase::aside && phase_ != Phase::member) return;
  guard_at_ = time.now + kGuardInterval;
  if (guard_asked_) {
    guard_stale_ = true;
    return;
  }
  std::vector<Term> others = other_up();
  if (others.empty()) {
    // Nobody runs anything that it could lose.
    if (phase_ == Phase::aside) come_back(time);
    if (phase_ == Phase::guarding) lost_contact("is not up any more", time);
    return;
  }
  guard_asked_ = true;
  effects_.push_back(AskMayJoin{std::move(others)});
}

void Membership::guard_answered(const Result<bool>& may_join, Time time) {
  if (phase_ == Phase::gone) return;
  guard_asked_ = false;
  const bool yes = may_join.ok() && *may_join;
  const std::string why = may_join.ok() ? "it cannot run every supervisor of the ring" : may_join.error();
  if (yes && std::exchange(guard_stale_, false)) return ask_guard(time);
  guard_stale_ = false;
  if (phase_ == Phase::guarding) {
    if (!yes) return refuse(why, time);
    guard_passed_ = true;
    return enter_when_allowed(time);
  }
  if (phase_ == Phase::member && !yes) return stand_aside(why, time);
  if (phase_ == Phase::aside && yes) come_back(time);
}

void Membership::stand_aside(const std::string& why, Time time) {
  log(Level::warning, "standing aside: " + why);
  phase_ = Phase::aside;
  settled_ = false;
  gossip_at_.reset();
  probe_at_ = time.now + kGossipInterval;
  up_.remove(self_, time.wall);
  note_put_back(time);
  sets_changed("standing aside", time);
  tell_own_removal(other_up(), time);
}

void Membership::come_back(Time time) {
  const std::vector<Term> others = other_up();
  if (others.empty()) return become_member("it is alone", time);
  contact_ = others[random_() % others.size()];
  knock_back_off_ = kFirstBackOff;
  enter(time);
}

void Membership::merge_aside(RingSet set, const LwwSet& theirs, Time time) {
  (set == RingSet::nodes ? nodes_ : up_).merge(theirs);
  sets_changed("asked while standing aside", time);
  if (!nodes_.is_member(self_)) tell_removed("another member removed it (del_node)");
}

void Membership::begin_leave(Forget forget, Time time) {
  if (phase_ == Phase::gone || phase_ == Phase::leaving) return;
  forget_ = forget;
  const bool was_member = phase_ == Phase::member;
  phase_ = Phase::leaving;
  ask_until_.reset();
  knock_at_.reset();
  guard_at_.reset();
  removed_at_.reset();
  if (!was_member) probe_at_.reset();
  log(Level::info, forget == Forget::yes ? "leaving for good" : "leaving");
  sets_changed("leaving", time);
}

void Membership::finish_leave(Time time) {
  if (phase_ == Phase::gone) return;
  const std::vector<Term> others = other_up();
  phase_ = Phase::gone;  // from here on nothing is answered, and nothing else is sent
  const bool was_up = up_.is_member(self_);
  if (was_up) up_.remove(self_, time.wall);
  if (forget_ == Forget::yes && nodes_.is_member(self_)) nodes_.remove(self_, time.wall);
  if (was_up || forget_ == Forget::yes) tell_own_removal(others, time);
  if (forget_ == Forget::yes) {
    effects_.push_back(RemoveFile{kRingFileName});
    effects_.push_back(RemoveFile{kRingFactsFileName});
  }
  for (auto* timer : {&gossip_at_, &probe_at_, &guard_at_, &announce_at_, &put_back_at_, &removed_at_, &changes_at_, &question_at_}) timer->reset();
  connect_at_.clear();
  questions_.clear();
  effects_.push_back(Left{});
}

// Each up member is told once. The sender of this gossip is the receiver's own NanoRing where its pid is known: a legacy member that has
// heard of the removal from a third one would take a gossip of the leaving one itself for a sign of life and put it back.
void Membership::tell_own_removal(const std::vector<Term>& members, Time) {
  std::vector<Term> by_news;
  for (const Term& node : members) {
    if (is_great() && takes_news_now(node)) {
      by_news.push_back(node);
      continue;
    }
    const Term* pid = pids_.find(node);
    effects_.push_back(Send{nano_ring_at(node), reconcile_message(ring_in_form(form_for(node)), pid ? *pid : pid_, make_ref_())});
  }
  tell(by_news, {self_});
}

void Membership::check_removed(Time time) {
  if (phase_ != Phase::member) return;
  if (nodes_.is_member(self_)) {
    if (removed_at_) log(Level::notice, "a member of the ring again");
    removed_at_.reset();
    return;
  }
  if (removed_at_ || removed_told_) return;
  removed_at_ = time.now + kRemovedDelay;
  log(Level::warning, "another member removed this one from the ring (del_node): leaving in 5 s");
}

void Membership::tell_removed(const std::string& why) {
  if (removed_told_) return;
  removed_told_ = true;
  log(Level::warning, "removed from the ring: " + why);
  effects_.push_back(Removed{});
}

}  // namespace supervisorring
