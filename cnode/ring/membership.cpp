#include "ring/membership.h"

#include <algorithm>
#include <utility>

#include "crdt/mutation.h"

namespace supervisorring {

using namespace membership;
using namespace ring_message;

namespace {

std::vector<Term> ascending(const LwwSet& set) {
  std::vector<Term> members = set.members();
  std::reverse(members.begin(), members.end());
  return members;
}

constexpr const char* kAndMore = " and more";

bool precedes(const Term& a, const Term& b) { return compare(a, b) < 0; }

// "+ a@h - b@h"; empty when both hold the same. Those are added to `changed`.
std::string difference(const std::vector<Term>& before, const std::vector<Term>& after, std::vector<Term>& changed) {
  std::string text;
  const auto add = [&](const std::vector<Term>& of, const std::vector<Term>& but, char sign) {
    std::vector<Term> only_here;
    std::ranges::set_difference(of, but, std::back_inserter(only_here), precedes);
    for (const Term& member : only_here) ((text += ' ') += sign) += std::string(member.atom_name());
    changed.insert(changed.end(), only_here.begin(), only_here.end());
  };
  add(after, before, '+');
  add(before, after, '-');
  return text;
}

}  // namespace

Membership::Membership(MembershipConfig config, Term pid, std::function<Term()> make_ref)
    : config_(std::move(config)), self_(config_.self), pid_(std::move(pid)), make_ref_(std::move(make_ref)), random_(config_.seed) {
  join_ = config_.join;
  std::erase(join_, self_);
  if (config_.ring_file) {
    nodes_ = std::exchange(config_.ring_file->nodes, {});
    file_form_ = config_.ring_file->form;
    persisted_ = nodes_.version();
  }
  if (config_.resume) peers_.reserve(config_.resume->nodes.names());
  if (config_.facts) persisted_format_ = config_.facts->format;
  if (config_.format) {
    format_ = *config_.format;
    format_source_ = FormatSource::configured;
  } else if (config_.facts) {
    format_ = config_.facts->format;
    format_source_ = FormatSource::file;
  } else if (config_.ring_file && config_.ring_file->format) {
    format_ = *config_.ring_file->format;
    format_source_ = FormatSource::file;
  }
}

Effects Membership::take_effects() {
  if (is_great()) ring_terms_.clear();  // they are large there, and seldom of use twice
  return std::exchange(effects_, {});
}

void Membership::handle_message(const Term& message, Time time) {
  if (phase_ == Phase::gone) return;
  auto parsed = parse_ring_message(message);
  if (!parsed) return refuse_input(parsed.error(), time);
  struct Dispatch {
    Membership& core;
    Time time;
    void operator()(Reconcile& m) {
      if (core.forgets()) core.drop_forgotten(m, time);
      core.handle_reconcile(m, time);
    }
    void operator()(const AddNode& m) { core.handle_add_node(m, time); }
    void operator()(const DelNode& m) { core.handle_del_node(m, time); }
    void operator()(const GetSet& m) { core.handle_get_set(m); }
    void operator()(const UnknownCall& m) { core.effects_.push_back(Reply{m.from, tuple(atom("error"), atom("unknown_call"))}); }
    void operator()(const Ack& m) { core.handle_ack(m, time); }
  };
  std::visit(Dispatch{*this, time}, *parsed);
}

void Membership::handle_reconcile(const Reconcile& gossip, Time time) {
  const Term sender = gossip.from.node();
  // A leaving member writes the receiver's own pid as the sender; that one needs no ack.
  if (sender != self_) effects_.push_back(Send{gossip.from, ack_message(gossip.reference)});
  if (!fits(nodes_, gossip.nodes) || !fits(up_, gossip.up)) {
    return refuse_input("gossip of " + to_text(sender) + ": the ring would hold more than " + std::to_string(kMaxLwwNames) + " names", time);
  }
  const bool was_up = up_.is_member(sender), was_away = nodes_.is_member(sender) && !was_up;
  if (phase_ == Phase::asking) note_earlier_life(gossip.nodes);
  nodes_.merge(gossip.nodes);
  up_.merge(contest(gossip.up, sender, time));
  end_contests(gossip.up);
  if (sender != self_ && (nodes_.contains(sender) || up_.contains(sender))) {
    const Term* pid = pids_.find(sender);
    if (pid && pid->creation() != gossip.from.creation()) end_of_life(sender);
    peers_[sender].form = gossip.form;
    pids_[sender] = gossip.from;
    heard(sender, time);
  }
  // A legacy member that was dropped from up_set says so itself in its gossip, and counts on this to come back. One that does not know it
  // is asked: it may have left since it sent this, and another have told us first.
  const bool ask_back = takes_part() && gossip.up.is_member(sender);
  if (was_away && sender != self_ && !ask_back) up_.put(sender, time.wall);
  const std::uint64_t news = news_;
  const bool changed = last_versions_ != std::pair(nodes_.version(), up_.version());
  if (changed || !up_.is_member(self_) || phase_ == Phase::aside) sets_changed("gossip of " + to_text(sender), time);
  // One that comes by this member is told to all.
  if (news_ != news && is_great()) announce(last_changed_, time, !was_up && up_.is_member(sender) ? Audience::all : Audience::some);
  if (was_away && sender != self_ && ask_back) doubt_removal(sender, time);
  if (phase_ == Phase::asking && gossip.up.is_member(sender)) found_contact(sender, time);
  if (phase_ == Phase::entering && gossip.up.is_member(self_)) become_member("gossip of " + to_text(sender) + " counts it up", time);
  if (takes_part() && takes_news_now(sender)) tell_what_lacks(sender, nodes_.lacking_in(gossip.nodes), up_.lacking_in(gossip.up));
}

void Membership::handle_add_node(const AddNode& request, Time time) {
  if (nodes_.is_member(request.node)) return;
  if (nodes_.names() >= kMaxLwwNames || up_.names() >= kMaxLwwNames) {
    return refuse_input("add_node of " + to_text(request.node) + ": the ring has used " + std::to_string(kMaxLwwNames) + " names", time);
  }
  nodes_.put(request.node, time.wall);
  up_.put(request.node, time.wall);
  sets_change_soon("add_node", time);
  announce({request.node}, time);
}

// It stays in up_set, so that gossip still reaches it and tells it.
void Membership::handle_del_node(const DelNode& request, Time time) {
  if (!nodes_.is_member(request.node)) return;
  if (minority_) return refuse_input("del_node of " + to_text(request.node) + ": this side is a minority (--partitions quorum)", time);
  nodes_.remove(request.node, time.wall);
  sets_change_soon("del_node", time);
  announce({request.node}, time);
}

void Membership::handle_get_set(const GetSet& call) {
  const MapSetForm form = form_for(call.from[0].node());
  effects_.push_back(Reply{call.from, (call.set == RingSet::nodes ? nodes_ : up_).to_term(form)});
}

void Membership::handle_ack(const Ack& ack, Time time) {
  const auto found = std::find_if(awaited_.begin(), awaited_.end(), [&](const auto& awaited) { return awaited.reference == ack.reference; });
  if (found == awaited_.end()) return;
  const Term node = found->node;
  awaited_.erase(found);
  heard(node, time);
  if (phase_ == Phase::entering && node == contact_) return confirm();
  // Too late for its round: it was given up and lives.
  doubt_removal(node, time);
}

void Membership::refuse_input(const std::string& line, Time time) {
  if (time.now - bad_inputs_since_ >= kBadInputWindow) {
    if (bad_inputs_ > kMaxBadInputLines) {
      log(Level::warning, std::to_string(bad_inputs_ - kMaxBadInputLines) + " more bad messages to 'Elixir.NanoRing' ignored");
    }
    bad_inputs_ = 0;
    bad_inputs_since_ = time.now;
  }
  if (++bad_inputs_ <= kMaxBadInputLines) log(Level::warning, "message to 'Elixir.NanoRing' ignored: " + line);
}

bool Membership::fits(const LwwSet& ours, const LwwSet& theirs) const {
  if (ours.names() + theirs.names() <= kMaxLwwNames) return true;
  std::size_t names = ours.names();
  for (const auto& [name, stamps] : theirs.entries()) names += ours.contains(name) ? 0 : 1;
  return names <= kMaxLwwNames;
}

void Membership::sets_changed(const std::string& why, Time time) {
  changes_at_.reset();
  // Before anybody sees a ring without it.
  const bool put_back = !mutated(Mutation::no_self_re_add) && phase_ == Phase::member && nodes_.is_member(self_) && !up_.is_member(self_) && may_put_back(time);
  if (put_back) {
    note_put_back(time);
    up_.put(self_, time.wall);
    log(Level::info, "another member removed this one from up, and it lives (" + why + ")");
  }
  last_versions_ = {nodes_.version(), up_.version()};
  const Versions members{nodes_.membership_version(), up_.membership_version()};
  const bool changed = std::exchange(last_members_, members) != members;
  const std::vector<Term> before = changed ? last_up_ : std::vector<Term>();
  if (changed) note_changed(why);
  persist_nodes();
  publish();
  if (phase_ == Phase::member && nodes_.is_member(self_) && !up_.is_member(self_)) put_self_back(time);
  if (phase_ == Phase::aside && up_.is_member(self_)) put_self_back(time);
  if (put_back) announce({self_}, time);
  if (changed && before != last_up_) meet_new_members(before, time);
}

// Who has come and gone since the last time.
void Membership::note_changed(const std::string& why) {
  std::vector<Term> now_nodes = ascending(nodes_), now_up = ascending(up_), changed;
  const std::string nodes_text = difference(last_nodes_, now_nodes, changed), up_text = difference(last_up_, now_up, changed);
  if (!nodes_text.empty()) log(Level::info, "members:" + nodes_text + " (" + why + ")");
  if (!up_text.empty()) log(Level::info, "up:" + up_text + " (" + why + ")");
  if (!changed.empty()) ++news_, last_changed_ = std::move(changed);
  last_nodes_ = std::move(now_nodes);
  last_up_ = std::move(now_up);
}

void Membership::meet_new_members(const std::vector<Term>& before, Time time) {
  std::erase_if(other_format_, [this](const Term& node) { return !up_.is_member(node); });
  std::vector<Term> come;
  std::ranges::set_difference(last_up_, before, std::back_inserter(come), precedes);
  std::erase(come, self_);
  connect_to_new_members(come, time);
  if (phase_ == Phase::guarding || phase_ == Phase::entering || takes_part())
    for (const Term& member : come) ask_format(member);
  if (takes_part()) ask_guard(time);
}

void Membership::sets_change_soon(const std::string& why, Time time) {
  const bool removed = phase_ == Phase::member && nodes_.is_member(self_) && !up_.is_member(self_);
  if (!is_great() || !takes_part() || removed) return sets_changed(why, time);
  if (!changes_at_) changes_at_ = time.now + kChangesPause, soon_why_ = why;
  else if (soon_why_ != why && !soon_why_.ends_with(kAndMore)) soon_why_ += kAndMore;
}

void Membership::flush_changes(Time time) {
  const std::uint64_t before = news_;
  sets_changed(std::exchange(soon_why_, {}), time);
  if (news_ != before && is_great()) announce(last_changed_, time, Audience::few);
}

// Only once this member is in the ring: a file that names no other says that there is none.
void Membership::persist_nodes() {
  const bool in_ring = phase_ == Phase::entering || phase_ == Phase::aside || takes_part();
  if (!in_ring || persisted_ == nodes_.version()) return;
  effects_.push_back(Persist{kRingFileName, write_ring_file(nodes_, file_form_, format_)});
  persisted_ = nodes_.version();
}

void Membership::publish() {
  RingState state;
  state.settled = settled_;
  state.leaving = phase_ == Phase::leaving || phase_ == Phase::gone;
  state.format = format_;
  if (config_.partitions == PartitionPolicy::quorum && takes_part()) state.minority = in_minority(last_nodes_, last_up_);
  if (state.minority) state.settled = false;
  if (state.minority != minority_) {
    minority_ = state.minority;
    const std::string count = std::to_string(last_up_.size()) + " of " + std::to_string(last_nodes_.size()) + " members are up";
    if (minority_) log(Level::warning, "in a minority: " + count + "; nothing runs here until there are more (--partitions quorum)");
    else log(Level::notice, "in a minority no more: " + count);
  }
  const Shown shown{last_members_.value_or(Versions()), state.settled, state.leaving, state.minority, state.leaving || phase_ == Phase::aside, state.format};
  if (published_ == shown) return;
  published_ = shown;
  state.up = last_up_;
  state.nodes = last_nodes_;
  if (shown.hides_self) std::erase(state.up, self_);
  effects_.push_back(Publish{std::move(state)});
}

// REQUIRES: `node` is a member of up_: told of its own removal, a member would drop itself from its own ring.
void Membership::send_ring(const Term& node, Time time) {
  Term reference = make_ref_();
  effects_.push_back(Send{nano_ring_at(node), reconcile_message(ring_in_form(form_for(node)), pid_, reference)});
  await_ack(std::move(reference), node, time);
}

void Membership::await_ack(Term reference, const Term& node, Time time) {
  if (awaited_.size() >= kMaxAwaitedAcks) awaited_.erase(awaited_.begin());
  awaited_.push_back({std::move(reference), node, time.now});
}

const Term& Membership::ring_in_form(const MapSetForm& form) {
  const Versions versions{nodes_.version(), up_.version()};
  if (std::exchange(ring_terms_versions_, versions) != versions) ring_terms_.clear();
  auto found = ring_terms_.find(form);
  if (found == ring_terms_.end()) found = ring_terms_.emplace(form, ring_term(nodes_.to_term(form), up_.to_term(form))).first;
  return found->second;
}

MapSetForm Membership::form_for(const Term& node) const {
  const Peer* peer = peers_.find(node);
  return peer ? peer->form : MapSetForm{};
}

std::vector<Term> Membership::other_up() const {
  std::vector<Term> members = ascending(up_);
  std::erase(members, self_);
  return members;
}

void Membership::log(Level level, std::string text) { effects_.push_back(Log{level, std::move(text)}); }

void Membership::timeout(Time time) {
  doubt_self_when_late(time);
  const auto due = [&](std::optional<Instant>& timer) {
    if (!timer || *timer > time.now) return false;
    if (&timer != &gossip_at_) timer.reset();
    return true;
  };
  if (phase_ == Phase::asking) {
    ask_candidates(time);
    if (due(ask_until_)) decide_alone(time);
  }
  if (due(knock_at_)) knock(time);
  if (due(gossip_at_)) gossip_round(time);
  if (due(probe_at_)) probe(time);
  if (due(guard_at_)) ask_guard(time);
  if (due(put_back_at_)) put_self_back(time);
  if (due(removed_at_) && phase_ == Phase::member && !nodes_.is_member(self_)) tell_removed("another member removed it (del_node)");
  std::vector<Term> due_connects;
  for (const auto& [node, at] : connect_at_) {
    if (at <= time.now) due_connects.push_back(node);
  }
  for (const Term& node : due_connects) connect_at_.erase(node);
  connect_to_new_members(due_connects, time);
  ask_due_questions(time);
  if (due(changes_at_)) flush_changes(time);
  if (due(announce_at_)) announce_now(time);
  if (forgets() && (!forgot_at_ || time.now - *forgot_at_ >= kForgetInterval)) forget_old_names(time);
}

std::optional<Instant> Membership::next_timeout() const {
  std::optional<Instant> next;
  const auto consider = [&next](const std::optional<Instant>& timer) {
    if (timer && (!next || *timer < *next)) next = timer;
  };
  for (const auto* timer : {&ask_until_, &knock_at_, &gossip_at_, &probe_at_, &guard_at_, &announce_at_, &put_back_at_, &removed_at_}) consider(*timer);
  for (const auto& [node, at] : connect_at_) consider(at);
  consider(changes_at_);
  consider(question_at_);
  if (phase_ == Phase::asking) {
    for (const auto& [node, candidate] : candidates_) {
      if (candidate.answers_due == 0) consider(candidate.ask_at);
    }
  }
  return next;
}

}  // namespace supervisorring
