// How a member gets in: whom it asks, when it may, and in which hash format.
#include <algorithm>
#include <utility>

#include "crdt/mutation.h"
#include "ring/membership.h"

namespace supervisorring {

using namespace membership;

void Membership::start(Time time) {
  bad_inputs_since_ = time.now;
  if (config_.resume) {
    nodes_ = std::move(config_.resume->nodes);
    up_ = std::move(config_.resume->up);
    config_.resume.reset();
    last_nodes_ = nodes_.members();
    last_up_ = up_.members();
    std::reverse(last_nodes_.begin(), last_nodes_.end());
    std::reverse(last_up_.begin(), last_up_.end());
    return become_member("goes on for a program that died", time);
  }
  if (config_.ring_file && !nodes_.is_member(self_) && !joins()) {
    sets_changed("ring file", time);
    return tell_removed("the ring file says that it was removed");
  }
  if (!config_.ring_file) nodes_.put(self_, time.wall);
  sets_changed(config_.ring_file ? "ring file" : "start", time);
  waits_for_join_ = joins() && other_members().empty();
  begin_asking(time);
}

std::vector<Term> Membership::other_members() const {
  std::vector<Term> members = nodes_.members();
  std::erase(members, self_);
  return members;
}

void Membership::begin_asking(Time time) {
  phase_ = Phase::asking;
  const Term lost = std::exchange(contact_, Term());
  knock_at_.reset();
  candidates_.clear();
  schedule_questions(other_members(), time);
  for (const Term& member : join_) candidates_[member].ask_at = time.now;
  if (candidates_.empty() || mutated(Mutation::start_before_answer)) return become_member("it is alone", time);
  ask_until_.reset();
  if (!waits_for_join_) ask_until_ = time.now + config_.join_timeout;
  if (!lost.is_nil() && candidates_.contains(lost)) candidates_[lost].ask_at = time.now + kFirstBackOff;
  ask_candidates(time);
}

// Each answer is as long as the ring: of many members some are asked, from anywhere in the file on, and after a pause some more, while none has answered.
void Membership::schedule_questions(std::vector<Term> members, Time time) {
  Duration pause{};
  if (members.size() > kMaxBurst) {
    std::rotate(members.begin(), members.begin() + static_cast<std::ptrdiff_t>(random_() % members.size()), members.end());
    pause = std::min(kAskingPause, config_.join_timeout / 2 / static_cast<std::int64_t>(members.size() / kMaxBurst));
  }
  for (std::size_t i = 0; i < members.size(); ++i) {
    candidates_[members[i]].in_file = true;
    candidates_[members[i]].ask_at = time.now + pause * static_cast<std::int64_t>(i / kMaxBurst);
  }
}

void Membership::ask_candidates(Time time) {
  for (auto& [node, candidate] : candidates_) {
    if (candidate.answers_due > 0 || candidate.ask_at > time.now) continue;
    candidate.answers_due = 2;
    candidate.nodes.reset();
    candidate.up.reset();
    effects_.push_back(AskSet{node, RingSet::nodes});
    effects_.push_back(AskSet{node, RingSet::up});
  }
}

void Membership::set_answered(const Term& node, RingSet set, const Term& answer, Time time) {
  Peer* const asked = peers_.find(node);
  const bool outdated = asked && asked->removed_since;
  if (asked) asked->asked = asked->removed_since = false;
  if (phase_ == Phase::asking) return candidate_answered(node, set, answer, time);
  const bool confirms = phase_ == Phase::entering && confirming_ && node == contact_ && set == RingSet::up;
  const bool of_use = phase_ == Phase::aside || confirms || (takes_part() && set == RingSet::up);
  if (!of_use) return;  // of one that was asked as well, before another let this member in
  const auto parsed = parse_set_answer(answer);
  if (!parsed) return refuse_input("answer of " + to_text(node) + ": " + parsed.error(), time);
  if (!fits(set == RingSet::nodes ? nodes_ : up_, *parsed)) return refuse_input("answer of " + to_text(node) + " holds too many names", time);
  if (phase_ == Phase::aside) return merge_aside(set, *parsed, time);
  if (confirms) return confirmed(node, &*parsed, time);
  if (nodes_.contains(node)) heard(node, time);
  // It may have left after it answered, and another have told us first.
  if (outdated) return ask_up(node);
  up_answered(node, *parsed, time);
}

void Membership::set_unanswered(const Term& node, RingSet, Unanswered how, Time time) {
  Peer* const asked = peers_.find(node);
  if (asked) asked->asked = asked->removed_since = false;
  // The node may be connected and its NanoRing be gone.
  if (takes_part() && how == Unanswered::unreachable && asked && asked->connected && suspicions_.contains(node) && up_.is_member(node)) {
    return found_down(node, "no answer to gossip, and no NanoRing to ask", time);
  }
  if (takes_part()) concede(node, time);
  if (phase_ == Phase::entering && confirming_ && node == contact_) return confirmed(node, nullptr, time);
  const auto found = candidates_.find(node);
  if (phase_ != Phase::asking || found == candidates_.end()) return;
  if (how == Unanswered::unreachable) found->second.state = Candidate::State::down;
  candidate_round_over(node, found->second, time);
}

void Membership::candidate_answered(const Term& node, RingSet set, const Term& answer, Time time) {
  const auto found = candidates_.find(node);
  if (found == candidates_.end()) return;
  Candidate& candidate = found->second;
  auto parsed = parse_set_answer(answer);
  if (!parsed) {
    refuse_input("answer of " + to_text(node) + ": " + parsed.error(), time);
  } else {
    (set == RingSet::nodes ? candidate.nodes : candidate.up) = *std::move(parsed);
  }
  if (!candidate.nodes || !candidate.up) return candidate_round_over(node, candidate, time);
  if (!candidate.up->is_member(node)) {
    candidate.state = Candidate::State::waiting;
    return candidate_round_over(node, candidate, time);
  }
  if (!fits(nodes_, *candidate.nodes) || !fits(up_, *candidate.up)) {
    refuse_input("the ring of " + to_text(node) + " holds too many names", time);
    return candidate_round_over(node, candidate, time);
  }
  note_earlier_life(*candidate.nodes);
  nodes_.merge(*candidate.nodes);
  up_.merge(*candidate.up);
  found_contact(node, time);
}

// Both questions are over, and it is not a member to go in by. Asked again after a growing pause.
void Membership::candidate_round_over(const Term& node, Candidate& candidate, Time time) {
  if (candidate.answers_due > 0 && --candidate.answers_due > 0) return;
  if (waits_for_join_) log(Level::notice, "waiting for " + to_text(node) + " to answer");
  candidate.ask_at = time.now + candidate.back_off;
  // One that is starting too will have made up its mind soon.
  if (candidate.state != Candidate::State::waiting) candidate.back_off = std::min(2 * candidate.back_off, kLongestBackOff);
  decide_alone(time);
}

// Every other member of the file is down, or its time is over; of those that start together the one whose name sorts first goes ahead.
void Membership::decide_alone(Time time) {
  if (waits_for_join_ || phase_ != Phase::asking) return;
  const bool time_over = !ask_until_ || *ask_until_ <= time.now;
  for (const auto& [node, candidate] : candidates_) {
    if (time_over) continue;
    if (candidate.state == Candidate::State::silent) return;  // a --join target too: the file may be old
    if (!candidate.in_file) continue;
    if (candidate.state == Candidate::State::waiting && compare(node, self_) < 0) return;
  }
  become_member("no other member answered", time);
}

void Membership::found_contact(const Term& node, Time time) {
  contact_ = node;
  formats_awaited_.clear();
  first_with_format_.reset();
  guard_passed_ = false;
  ask_until_.reset();
  knock_back_off_ = kFirstBackOff;
  if (!up_.is_member(node)) up_.put(node, time.wall);  // it answered
  sets_changed("ring of " + to_text(node), time);
  phase_ = Phase::guarding;
  for (const Term& member : other_up()) ask_format(member);
  guard_asked_ = false;
  ask_guard(time);
}

void Membership::lost_contact(const std::string& why, Time time) {
  log(Level::notice, to_text(contact_) + " " + why + " before this member was in");
  begin_asking(time);
}

void Membership::format_answered(const Term& node, std::optional<HashFormat> format, bool children_run, Time time) {
  if (phase_ == Phase::guarding) {
    std::erase(formats_awaited_, node);
    if (format && up_.is_member(node)) joining_format_answered(node, *format, time);
    return enter_when_allowed(time);
  }
  if (format && *format == format_) {
    std::erase(other_format_, node);
    if (format_source_ < FormatSource::learnt) set_format(*format, FormatSource::learnt);
  } else if (format && format_source_ <= FormatSource::hint && !children_run) {
    set_format(*format, FormatSource::learnt);
  } else if (format && up_.is_member(node) && std::find(other_format_.begin(), other_format_.end(), node) == other_format_.end()) {
    if (other_format_.size() < kMaxLwwNames) other_format_.push_back(node);
    log(Level::error, to_text(node) + " hashes as OTP " + std::to_string(otp_of_hash_format(*format)) + " does and this member as OTP " +
                          std::to_string(otp_of_hash_format(format_)) + ": they disagree on where children belong");
  }
}

// Every up member is asked, not only the one to go in by: in a ring whose members hash in two ways children have two owners or none.
void Membership::joining_format_answered(const Term& node, HashFormat format, Time time) {
  const auto as = [](HashFormat each) { return "hashes as OTP " + std::to_string(otp_of_hash_format(each)) + " does"; };
  if (format_source_ == FormatSource::configured && format != format_)
    return refuse(to_text(node) + " " + as(format) + ", and " + (config_.format_of_vm ? "this BEAM is OTP " : "--otp says ") + std::to_string(otp_of_hash_format(format_)) +
                      ": they disagree on where children belong", time);
  if (first_with_format_ && format != format_)
    return refuse(to_text(node) + " " + as(format) + " and " + to_text(*first_with_format_) + " as OTP " + std::to_string(otp_of_hash_format(format_)) +
                      ": they disagree on where children belong", time);
  if (!first_with_format_) first_with_format_ = node;
  if (format != format_ || format_source_ < FormatSource::learnt) set_format(format, std::max(format_source_, FormatSource::learnt));
}

void Membership::ask_format(const Term& node) {
  if (phase_ == Phase::guarding) formats_awaited_.push_back(node);
  effects_.push_back(AskFormat{node});
}

void Membership::hint_format(HashFormat format, Time) {
  if (format_source_ == FormatSource::none) set_format(format, FormatSource::hint);
}

void Membership::set_format(HashFormat format, FormatSource source) {
  const bool changed = format != format_;
  format_ = format;
  format_source_ = source;
  persist_format();
  if (changed) log(Level::notice, "placement as OTP " + std::to_string(otp_of_hash_format(format)) + " hashes");
  if (changed && persisted_) {
    persisted_.reset();
    persist_nodes();
  }
  publish();
}

// What is only assumed is not written down: it may turn out otherwise.
void Membership::persist_format() {
  if (format_source_ == FormatSource::none || persisted_format_ == format_) return;
  effects_.push_back(Persist{kRingFactsFileName, write_ring_facts({format_})});
  persisted_format_ = format_;
}

void Membership::enter_when_allowed(Time time) {
  if (phase_ == Phase::guarding && guard_passed_ && formats_awaited_.empty()) enter(time);
}

// Somebody may know a removal that ended the earlier life and that the contact has missed. The own clock may be behind, so this life is made later
// than all that the contact does know.
void Membership::note_earlier_life(const LwwSet& nodes) {
  if (!config_.ring_file && nodes.is_member(self_)) named_before_ = true;
}

void Membership::enter(Time time) {
  if (!nodes_.is_member(self_) && !joins()) return tell_removed("another member removed it (del_node) while it was away");
  phase_ = Phase::entering;
  confirming_ = false;
  if (std::exchange(named_before_, false)) nodes_.put(self_, time.wall, std::max(nodes_.newest(), up_.newest()));
  else if (!nodes_.is_member(self_)) nodes_.put(self_, time.wall);
  up_.put(self_, time.wall);  // newer than whatever the others know of an earlier life
  sets_changed("joining by " + to_text(contact_), time);
  knock(time);
}

void Membership::knock(Time time) {
  if (phase_ != Phase::entering) return;
  if (!up_.is_member(contact_)) return lost_contact("is not up any more", time);
  effects_.push_back(Send{nano_ring_at(contact_), add_node_message(self_)});
  send_ring(contact_, time);
  knock_at_ = time.now + knock_back_off_;
  knock_back_off_ = std::min(2 * knock_back_off_, kLongestBackOff);
}

// The contact has counted this member in. Who came in just before may not have been in its sets when it was asked first.
void Membership::confirm() {
  if (std::exchange(confirming_, true)) return;
  effects_.push_back(AskSet{contact_, RingSet::up});
}

void Membership::confirmed(const Term& node, const LwwSet* up, Time time) {
  if (up != nullptr && !up->is_member(self_)) {
    confirming_ = false;  // dropped again meanwhile: knocking goes on
    return;
  }
  if (up != nullptr) up_.merge(*up);
  become_member(to_text(node) + " answered", time);
}

void Membership::become_member(const std::string& why, Time time) {
  phase_ = Phase::member;
  settled_ = true;
  waits_for_join_ = false;
  persist_format();
  candidates_.clear();
  ask_until_.reset();
  knock_at_.reset();
  gossip_at_ = time.now + kGossipInterval;
  probe_at_ = time.now + kProbeInterval;
  guard_at_ = time.now + kGuardInterval;
  if (!up_.is_member(self_)) up_.put(self_, time.wall);
  log(Level::info, "settled: " + why);
  sets_changed("settled", time);
  // sets_changed() publishes and asks only where the sets did change.
  publish();
  connect_to_new_members(other_up(), time);
  announce({self_}, time);
}

// Nobody has been told of this member, unless it was up a moment ago, in an earlier life.
void Membership::refuse(const std::string& why, Time time) {
  const std::vector<Term> others = other_up();
  if (up_.is_member(self_)) {
    up_.remove(self_, time.wall);
    tell_own_removal(others, time);
  }
  phase_ = Phase::gone;
  ask_until_.reset();
  knock_at_.reset();
  effects_.push_back(Refused{why});
}

}  // namespace supervisorring
