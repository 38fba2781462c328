// News: what has changed is told at once, without waiting for the next round of gossip.
//
// In a ring of few everybody is sent both sets, as gossip. In a great one (more than kMaxBurst others) what has changed is all that is sent, to members of ours
// that take it, {news, Nodes, Up}; the others get gossip, as many as the audience says. Whoever sends gossip or news that lacks what is known here is told that.
// There a round's gossip to a member of ours is a digest of both sets, {digest, Digest, Pid, Ref}: mostly they are the same.
#include <algorithm>

#include "ring/membership.h"

namespace supervisorring {

using namespace membership;

namespace {

struct Counts { std::size_t gossip, news; };

Counts counts_of(Membership::Audience audience) {
  switch (audience) {
    case Membership::Audience::few: return {kSeenByAll, kSeenByAll};
    case Membership::Audience::some: return {kPassedOn, kPassedOn};
    case Membership::Audience::all: return {kMaxBurst, kMaxLwwNames};
  }
  return {};
}

// What `ours` knows of the names in `theirs`.
LwwSet known_of(const LwwSet& ours, const LwwSet& theirs) {
  std::vector<Term> names;
  for (const auto& [name, stamps] : theirs.entries()) names.push_back(name);
  return ours.only(names);
}

}  // namespace

void Membership::takes(const Term& node, Takes takes) {
  if (phase_ == Phase::gone || !is_member_name(node)) return;
  if (takes.news || takes.digests || peers_.contains(node)) peers_[node].takes = takes;
}

Membership::Takes Membership::takes_now(const Term& node) const {
  const Peer* peer = peers_.find(node);
  return peer && peer->connected ? peer->takes : Takes{};
}

// ---- telling ----------------------------------------------------------------------------------------

void Membership::announce(const std::vector<Term>& names, Time time, Audience audience) {
  if (!takes_part()) return;
  unannounced_.insert(unannounced_.end(), names.begin(), names.end());
  announce_to_ = std::max(announce_to_, audience);
  // What is announced has been written to the ring file, and published here.
  const Instant earliest = changes_at_ ? *changes_at_ : time.now;
  const Instant at = announced_ ? std::max(earliest, *announced_ + kBurstPause) : earliest;
  if (at > time.now) announce_at_ = at;
  else announce_now(time);
}

void Membership::announce_now(Time time) {
  announce_at_.reset();
  const Audience audience = std::exchange(announce_to_, Audience::few);
  const std::vector<Term> names = std::exchange(unannounced_, {});
  if (!takes_part()) return;
  const std::vector<Term> others = other_up();
  if (others.empty()) return;
  announced_ = time.now;
  if (!is_great()) {
    for (const Term& node : others) send_ring(node, time);
    return;
  }
  std::vector<Term> by_news, by_gossip;
  for (const Term& node : others) (takes_news_now(node) ? by_news : by_gossip).push_back(node);
  const Counts counts = counts_of(audience);
  tell(some_of(std::move(by_news), counts.news), names);
  for (const Term& node : some_of(reachable(std::move(by_gossip)), counts.gossip)) send_ring(node, time);
}

// What both sets know of `names`.
void Membership::tell(const std::vector<Term>& members, const std::vector<Term>& names) {
  if (members.empty() || names.empty()) return;
  const Term body = news_body(nodes_.only(names), up_.only(names));
  for (const Term& node : members) effects_.push_back(Tell{node, body});
}

// One of ours that has just said what it knows is told what it does not.
void Membership::tell_what_lacks(const Term& node, const LwwSet& nodes, const LwwSet& up) {
  if (nodes.names() + up.names() > 0) effects_.push_back(Tell{node, news_body(nodes, up)});
}

// In the place of the gossip of a round: whoever knows something else answers with gossip. Acknowledged as gossip is.
void Membership::send_digest(const Term& node, Time time) {
  Term reference = make_ref_();
  effects_.push_back(Tell{node, digest_body(digest(), pid_, reference)});
  await_ack(std::move(reference), node, time);
}

const Bytes& Membership::digest() {
  const Versions versions{nodes_.version(), up_.version()};
  if (!digest_ || digest_->first != versions) digest_ = {versions, digest_of_sets(nodes_, up_)};
  return digest_->second;
}

// ---- hearing ----------------------------------------------------------------------------------------

void Membership::handle_news(const Term& sender, ring_message::News news, Time time) {
  if (phase_ == Phase::gone || sender == self_ || !is_member_name(sender)) return;
  if (forgets()) drop_old_and_unknown(news.nodes, news.up, time);
  if (!fits(nodes_, news.nodes) || !fits(up_, news.up)) {
    return refuse_input("news of " + to_text(sender) + ": the ring would hold more than " + std::to_string(kMaxLwwNames) + " names", time);
  }
  const bool was_away = nodes_.is_member(sender) && !up_.is_member(sender);
  nodes_.merge(news.nodes);
  up_.merge(contest(news.up, sender, time));
  end_contests(news.up);
  if (nodes_.contains(sender) || up_.contains(sender)) heard(sender, time);
  if (last_versions_ != std::pair(nodes_.version(), up_.version()) || phase_ == Phase::aside) sets_change_soon("news of " + to_text(sender), time);
  if (was_away) doubt_removal(sender, time);
  if (takes_part() && takes_news_now(sender)) tell_what_lacks(sender, known_of(nodes_, news.nodes).lacking_in(news.nodes), known_of(up_, news.up).lacking_in(news.up));
}

// One that counts as removed is asked, as one that gossips is; one that is not in yet, or stands aside, learns what it lacks in other ways.
void Membership::handle_digest(const Term& sender, const ring_message::SetsDigest& theirs, Time time) {
  if (phase_ == Phase::gone || sender == self_ || theirs.from.node() != sender || !is_member_name(sender)) return;
  effects_.push_back(Send{theirs.from, ack_message(theirs.reference)});
  if (nodes_.contains(sender) || up_.contains(sender)) heard(sender, time);
  if (!takes_part() || theirs.digest == digest()) return;
  const bool was_away = nodes_.is_member(sender) && !up_.is_member(sender);
  was_away ? doubt_removal(sender, time) : send_ring(sender, time);
}

// ---- questions that wait a moment ---------------------------------------------------------------------

// Others may be about to ask the same, and their answer be told to all: so where many are to be asked it is done one after the other, in an order of its own.
void Membership::ask_soon(const Term& node, Question::How how, Duration spread, Time time) {
  if (questions_.contains(node)) return;
  const Duration after(static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(spread.count())));
  ask_at(node, {time.now + after, how});
}

void Membership::ask_at(const Term& node, Question question) {
  questions_[node] = question;
  wake_for(question);
}

void Membership::wake_for(const Question& question) { question_at_ = std::min(question_at_.value_or(question.at), question.at); }

void Membership::ask_due_questions(Time time) {
  if (!question_at_ || *question_at_ > time.now) return;
  question_at_.reset();
  std::vector<std::pair<Term, Question::How>> due;
  for (const auto& [node, question] : questions_) {
    if (question.at <= time.now) due.emplace_back(node, question.how);
    else wake_for(question);
  }
  for (const auto& [node, how] : due) {
    questions_.erase(node);
    const bool contested = contested_.contains(node);
    const bool is_away = nodes_.is_member(node) && !up_.is_member(node);
    if (!takes_part() || (!contested && !is_away)) continue;
    if (how == Question::How::tell_first && contested && takes_news_now(node)) {
      tell_removed_one(node);
      ask_at(node, {time.now + kContestPatience, Question::How::told});
    } else if (how == Question::How::told && contested) {
      concede(node, time);
    } else {
      ask_up(node);
    }
  }
}

// It puts itself back when it lives, and tells all. One that leaves does not.
void Membership::tell_removed_one(const Term& node) {
  LwwSet up = up_.only({node});
  up.merge(contested_.only({node}));
  effects_.push_back(Tell{node, news_body({}, up)});
}

// Some of `news` are newer than the removals that are contested: settled.
void Membership::end_contests(const LwwSet& news) {
  if (contested_.names() == 0) return;
  for (const auto& [node, stamps] : news.entries()) {
    const LwwSet::Stamps* removal = contested_.find(node);
    const LwwSet::Stamps* ours = removal ? up_.find(node) : nullptr;
    if (ours != nullptr && ours->added && removal->removed && ours->added >= removal->removed) contested_.extract(node);
  }
}

}  // namespace supervisorring
