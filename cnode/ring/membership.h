// Membership: one member's half of nano_ring, with who is up decided by evidence.
//
// Speaks the protocol of NanoRing (nano_ring 0.0.3): every second one random other up member is sent both sets and must answer `is_up`; sets are
// merged, last writer wins. Where it differs from the original, on purpose:
//   - an answer counts until the next round, not for 100 ms, and so does a gossip that came from there meanwhile;
//   - one missed ack makes a suspect: it and a third member are asked, and only a suspect that stays silent is removed (Suspicion below);
//   - a removal that came from a third one, of a member that is heard here, is believed when the member does not answer; else that is added again;
//   - a closed connection is retried once, at once; refused or gone is down. A change made here is told to the other up members at once; where there
//     are more than kMaxBurst of them, what has changed is all that is told, and a round's gossip is a digest of both sets (membership_news.cpp);
//   - a member of ours whose gossip lacks what is known here is told that, at once;
//   - members that are not up are asked get_up now and then; one that answers (and counts itself up) is up again, so partitions heal;
//   - it puts itself back when it sees itself removed from up while it lives;
//   - timestamps never go backwards (crdt/lww_set.h).
//
// A member's way: asking (who else is there?) -> guarding (may this node run what they run?) -> entering (add_node, reconcile, wait for the
// ack, ask once more who is up: of two that enter at once one then knows of the other) -> member -> leaving -> gone. A node that is alone goes from asking to member. `aside`: out of up_set because the guard said no.
//
// Sans-IO: inputs with the time, Effects out. It does not place children (consistent_hash.h) nor know what they are.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "ring/membership_effect.h"
#include "ring/partition.h"
#include "ring/ring_file.h"
#include "supervisorring/time.h"
#include "term/term_table.h"

namespace supervisorring {

inline constexpr Duration kGossipInterval = std::chrono::seconds(1);          // nano_ring's
inline constexpr Duration kRemovedDelay = std::chrono::seconds(5);            // nano_ring's: from seeing one's own removal to the end
inline constexpr Duration kProbeInterval = std::chrono::seconds(2);           // between get_up questions to members that are not up
inline constexpr Duration kGuardInterval = std::chrono::seconds(10);          // between AskMayJoin without a change
inline constexpr Duration kRetryPause = std::chrono::seconds(1);              // between attempts that evidence could repeat for ever
inline constexpr Duration kBurstPause = std::chrono::milliseconds(50);        // between two announcements of changes made here
inline constexpr Duration kLateTick = std::chrono::milliseconds(250);         // later than this, we were asleep and judge nobody
inline constexpr Duration kPutBackAhead = 3 * kRetryPause;                    // a member puts itself back once in kRetryPause on average, and so much ahead of that
inline constexpr Duration kHeardRecently = std::chrono::seconds(5);           // what was heard for so long is evidence that the member lives
inline constexpr int kMostDoublings = 5;                                      // of kGossipInterval and kRetryPause for whom only we cannot reach
inline constexpr Duration kFirstBackOff = std::chrono::milliseconds(250);
inline constexpr Duration kLongestBackOff = std::chrono::seconds(5);
inline constexpr Duration kAskingPause = std::chrono::milliseconds(10);       // of one that starts, between its questions to kMaxBurst and to as many more; all are asked within half of join_timeout
inline constexpr Duration kAskTimeout = std::chrono::seconds(2);              // of AskSet and AskFormat
inline constexpr std::size_t kMaxBurst = 16;                                  // members sent gossip at once for a change that one has made, or asked at once by one that starts
inline constexpr std::size_t kPassedOn = 6;                                   // told by each that hears of it by gossip: all but one in 400 are reached so
inline constexpr std::size_t kSeenByAll = 2;                                  // told by each that has seen it itself, or was told as all others were
inline constexpr std::size_t kManyRemoved = 4;                                // that others have removed: more are told one by one, within kContestSpread; so many within kFewContestSpread
inline constexpr Duration kChangesPause = std::chrono::milliseconds(5);      // in which the changes of a great ring are gathered
inline constexpr Duration kContestSpread = std::chrono::milliseconds(100);
inline constexpr Duration kFewContestSpread = std::chrono::milliseconds(20);
inline constexpr Duration kContestPatience = std::chrono::milliseconds(500);  // for one that was told of its removal to put itself back
inline constexpr Duration kCutSuspected = std::chrono::seconds(10);           // after a member fell silent: in a great ring kGossipsInACut are sent a round
inline constexpr std::size_t kGossipsInACut = 3;
inline constexpr Duration kReturnSpread = std::chrono::milliseconds(200);     // between a sign of life of one that is not up and a question to it, in a great ring
inline constexpr std::size_t kMaxAwaitedAcks = 256;
inline constexpr Duration kForgetInterval = std::chrono::minutes(1);          // between two looks for names to be forgotten
inline constexpr int kMaxBadInputLines = 10;                                  // log lines about bad input per kBadInputWindow
inline constexpr Duration kBadInputWindow = std::chrono::seconds(10);

enum class FormatSource { none, hint, file, learnt, configured };  // later ones outweigh earlier ones; none: 25 is assumed

struct MembershipConfig {
  Term self;                           // "a@b", an atom
  std::vector<Term> join;              // --join: members to go in by, whichever answers; the own name counts as none
  std::optional<RingFile> ring_file;
  std::optional<RingFacts> facts;
  std::optional<HashFormat> format;    // --otp
  bool format_of_vm = false;           // `format` is that of the VM beside which this member lives
  // Drop-in: the sets of a predecessor that died in the ring a moment ago. Nobody knows, so this one goes on where it was.
  struct Sets { LwwSet nodes, up; };
  std::optional<Sets> resume;
  Duration join_timeout = std::chrono::seconds(5);
  // Names that are no members and were not used for so long are forgotten, where all members are ours; none: never.
  std::optional<std::chrono::seconds> forget_after;
  PartitionPolicy partitions = PartitionPolicy::keep_all;
  std::uint64_t seed = 1;
};

class Membership {
 public:
  // `pid`: of the process that this is the core of. `make_ref`: a reference of this node, each time another.
  Membership(MembershipConfig config, Term pid, std::function<Term()> make_ref);

  // ---- inputs; each may leave effects ----------------------------------------------------------------
  void start(Time);                                     // first, once
  void handle_message(const Term& message, Time);       // whatever came to 'Elixir.NanoRing'
  void node_up(const Term& node, Time);                 // a connection is open
  void node_down(const Term& node, Time);               // it closed, or could not be opened
  // What a member of ours has said, on the connection that is open, that it understands of Tell.
  struct Takes { bool news = false, digests = false; };
  void takes(const Term& node, Takes);
  void handle_news(const Term& sender, ring_message::News, Time);  // that came from a member of ours
  void handle_digest(const Term& sender, const ring_message::SetsDigest&, Time);  // the same
  void set_answered(const Term& node, RingSet, const Term& answer, Time);
  // unreachable: no connection, or no such process; silent: no answer in time.
  enum class Unanswered { unreachable, silent };
  void set_unanswered(const Term& node, RingSet, Unanswered, Time);
  // nullopt: the node does not say. `children_run`: whether any child runs here, which fixes the format.
  void format_answered(const Term& node, std::optional<HashFormat>, bool children_run, Time);
  // Error: no, and why.
  void guard_answered(const Result<bool>& may_join, Time);
  // The format of the node that supervisors are read from; taken while no better source is known.
  void hint_format(HashFormat, Time);
  // Whether every up member is one of ours, and no other member is known for a legacy one: only then are names forgotten.
  void all_are_ours(bool yes) { all_ours_ = yes; }
  // Hand over first: the view no longer holds this member, the others still do. `finish_leave` then tells them.
  enum class Forget : bool { no, yes };                 // yes: also out of node_set, and the ring file goes
  void begin_leave(Forget, Time);
  void finish_leave(Time);
  void timeout(Time);                                   // next_timeout() has come

  // ---- outputs ---------------------------------------------------------------------------------------
  membership::Effects take_effects();
  std::optional<Instant> next_timeout() const;

  // Who is told of a change in a great ring. Each: gossip to how many that do not take news; news to how many.
  enum class Audience : std::uint8_t { few, some, all };

  // ---- looking ---------------------------------------------------------------------------------------
  enum class Phase { asking, guarding, entering, member, aside, leaving, gone };
  Phase phase() const { return phase_; }
  const LwwSet& node_set() const { return nodes_; }
  const LwwSet& up_set() const { return up_; }
  HashFormat format() const { return format_; }
  FormatSource format_source() const { return format_source_; }
  // Members whose hash format is another than the ring's: placement disagrees with theirs.
  const std::vector<Term>& other_format() const { return other_format_; }

 private:
  static constexpr Instant kNever = Instant::min();
  struct Peer {
    Instant heard = kNever;                // the last ack, gossip or answer, of this life
    MapSetForm form;
    bool connected = false;
    Takes takes;                           // as it said on this connection
    bool retrying = false;                 // its connection closed; one attempt to open it again is under way
    bool asked = false;                    // a get_up is under way
    bool removed_since = false;            // a removal of it has arrived since then: the answer may be older than that
  };
  // Of one whose connection closed, or that was found down.
  struct Trouble {
    Instant retried = kNever;              // the last attempt after a closed connection
    Instant failed = kNever;               // the last time it was found down
    int in_vain = 0;                       // how often it was found down since it was heard: others may reach it
  };
  // It has missed an ack. Given up when it is silent until then, or a third member has removed it, too.
  struct Suspicion { Instant since, until; };
  // A member that could tell about the ring, while asking.
  struct Candidate {
    enum class State { silent, waiting, down } state = State::silent;  // waiting: alive, not up itself
    std::optional<LwwSet> nodes, up;       // its answers
    bool in_file = false;                  // else only a --join target
    int answers_due = 0;                   // of the two questions under way
    Instant ask_at;
    Duration back_off = kFirstBackOff;
  };
  // To a member that is not up, or whose removal is contested. tell_first: of its removal, so that it puts itself back; told: it had the time to.
  struct Question {
    enum class How : std::uint8_t { ask, tell_first, told };
    Instant at;
    How how = How::ask;
  };
  using Versions = std::pair<std::uint64_t, std::uint64_t>;  // of node_set and up_set
  // What Publish showed last.
  struct Shown {
    Versions members;                      // LwwSet::membership_version()
    bool settled, leaving, minority;
    bool hides_self;                       // this member is up and not shown
    HashFormat format;
    bool operator==(const Shown&) const = default;
  };
  // An ack that is due: of gossip and of announcements.
  struct Awaited { Term reference; Term node; Instant at; bool judged = false; };

  // membership.cpp: messages, sets, sending
  void handle_reconcile(const ring_message::Reconcile&, Time);
  void handle_add_node(const ring_message::AddNode&, Time);
  void handle_del_node(const ring_message::DelNode&, Time);
  void handle_get_set(const ring_message::GetSet&);
  void handle_ack(const ring_message::Ack&, Time);
  void refuse_input(const std::string& line, Time);
  bool fits(const LwwSet& ours, const LwwSet& theirs) const;
  void sets_changed(const std::string& why, Time);   // after any change of the sets: log, persist, publish, ask, connect
  void note_changed(const std::string& why);
  void meet_new_members(const std::vector<Term>& before, Time);
  // In a great ring a moment later, with what else changes until then: there each change costs a new ring.
  void sets_change_soon(const std::string& why, Time);
  void flush_changes(Time);
  void persist_nodes();
  void publish();
  void send_ring(const Term& node, Time);
  void await_ack(Term reference, const Term& node, Time);
  const Term& ring_in_form(const MapSetForm& form);
  MapSetForm form_for(const Term& node) const;
  std::vector<Term> other_up() const;
  std::vector<Term> other_members() const;
  bool joins() const { return !join_.empty(); }
  // One that leaves before it was in, or while it stands aside, is not settled: it tells nobody that it is up.
  bool takes_part() const { return phase_ == Phase::member || (phase_ == Phase::leaving && settled_); }
  void log(membership::Level level, std::string text);

  // membership_join.cpp: asking, guarding, entering, the hash format
  void begin_asking(Time);
  void schedule_questions(std::vector<Term> members, Time);
  void ask_candidates(Time);
  void candidate_answered(const Term& node, RingSet, const Term& answer, Time);
  void candidate_round_over(const Term& node, Candidate&, Time);
  void decide_alone(Time);
  void found_contact(const Term& node, Time);
  void lost_contact(const std::string& why, Time);
  void enter_when_allowed(Time);
  void note_earlier_life(const LwwSet& nodes);
  void enter(Time);
  void knock(Time);
  void confirm();
  void confirmed(const Term& node, const LwwSet* up, Time);
  void refuse(const std::string& why, Time);
  void become_member(const std::string& why, Time);
  void ask_format(const Term& node);
  void joining_format_answered(const Term& node, HashFormat, Time);
  void set_format(HashFormat, FormatSource);
  void persist_format();

  // membership_evidence.cpp: gossip rounds, connections, probes
  void gossip_round(Time);
  bool is_connected(const Term& node) const;
  std::vector<Term> reachable(std::vector<Term> nodes) const;
  std::vector<Term> some_of(std::vector<Term> nodes, std::size_t most);
  void found_down(const Term& node, const std::string& why, Time, Audience = Audience::all);
  void found_up(const Term& node, const std::string& why, Time);
  void probe(Time);
  void ask_up(const Term& node);
  void doubt_removal(const Term& node, Time);
  void up_answered(const Term& node, const LwwSet& up, Time);
  void connect_to_new_members(const std::vector<Term>& members, Time);
  void put_self_back(Time);
  bool may_put_back(Time time) const { return put_back_paid_ <= time.now + kPutBackAhead; }
  void note_put_back(Time time) { put_back_paid_ = std::max(put_back_paid_, time.now) + kRetryPause; }

  // membership_news.cpp: what has changed is told
  bool is_great() const { return last_up_.size() > kMaxBurst + 1; }
  bool takes_news_now(const Term& node) const { return takes_now(node).news; }
  Takes takes_now(const Term& node) const;
  // Tells the other up members soon, where they are more than kMaxBurst of `names` only.
  void announce(const std::vector<Term>& names, Time, Audience = Audience::all);
  void announce_now(Time);
  void tell(const std::vector<Term>& members, const std::vector<Term>& names);
  void tell_what_lacks(const Term& node, const LwwSet& nodes, const LwwSet& up);
  void send_digest(const Term& node, Time);
  const Bytes& digest();
  void ask_soon(const Term& node, Question::How, Duration spread, Time);
  void ask_at(const Term& node, Question);
  void wake_for(const Question&);
  void ask_due_questions(Time);
  void tell_removed_one(const Term& node);
  void end_contests(const LwwSet& news);

  // membership_forget.cpp: names that were not used for long
  bool forgets() const { return config_.forget_after && all_ours_ && takes_part(); }
  void forget_old_names(Time);
  void forget_name(const Term& name);
  void forget_peer(const Term& name);
  void drop_forgotten(ring_message::Reconcile&, Time);
  void drop_old_and_unknown(LwwSet& nodes, LwwSet& up, Time) const;
  // membership_suspicion.cpp: what is heard, what is missed, what others say
  void heard(const Term& node, Time);
  void judge_acks(Time);
  void suspect(const Term& node, Time);
  void judge_suspects(Time);
  Duration patience(const Term& node, Duration once) const;
  void end_of_life(const Term& node);
  void doubt_self_when_late(Time);
  std::vector<Term> removed_by(const LwwSet& up) const;
  LwwSet contest(LwwSet up, const Term& sender, Time);
  void ask_removed(const std::vector<Term>& nodes, const Term& sender, Time);
  void concede(const Term& node, Time);
  void third_answered(const Term& third, const LwwSet& up, Time);

  // membership_leave.cpp: guard, standing aside, leaving, being removed
  void ask_guard(Time);
  void stand_aside(const std::string& why, Time);
  void come_back(Time);
  void merge_aside(RingSet, const LwwSet&, Time);
  void tell_own_removal(const std::vector<Term>& members, Time);
  void check_removed(Time);
  void tell_removed(const std::string& why);

  MembershipConfig config_;                          // but for the sets, which are taken out
  const Term self_;
  const Term pid_;
  const std::function<Term()> make_ref_;
  std::vector<Term> join_;                           // of the configuration, without the own name
  std::mt19937_64 random_;
  membership::Effects effects_;

  Phase phase_ = Phase::asking;
  LwwSet nodes_, up_;
  std::vector<Term> last_nodes_, last_up_;           // members when sets_changed() last looked
  std::uint64_t news_ = 0;                           // how often they had changed then
  std::vector<Term> last_changed_;                   // those that had come or gone the last time they changed
  Versions last_versions_;                           // LwwSet::version() then
  std::optional<Versions> last_members_;             // LwwSet::membership_version() then
  std::optional<std::uint64_t> persisted_;           // the version of nodes_ that the ring file holds
  MapSetForm file_form_;
  std::map<MapSetForm, Term> ring_terms_;            // of the present sets, by form
  Versions ring_terms_versions_;                     // LwwSet::version() of what they are of
  std::optional<std::pair<Versions, Bytes>> digest_; // of the sets with these
  std::optional<Shown> published_;
  std::string soon_why_;                             // what changes_at_ is for
  bool minority_ = false;                            // told in the log

  TermTable<Peer> peers_;
  TermTable<Term> pids_;                             // of the NanoRings that have gossiped since they were connected
  std::map<Term, Trouble, LwwSet::KeyOrder> troubles_;
  std::map<Term, Suspicion, LwwSet::KeyOrder> suspicions_;
  std::map<Term, Candidate, LwwSet::KeyOrder> candidates_;
  bool waits_for_join_ = false;                      // --join without others in a ring file: wait for it for ever
  Term contact_;                                     // guarding, entering: whom we go in by
  std::vector<Term> formats_awaited_;                // guarding: up members that have not said how they hash
  std::optional<Term> first_with_format_;            // guarding: the first that said it; the others must say the same
  bool guard_passed_ = false;
  bool named_before_ = false;                        // the ring names this member, which remembers nothing of it
  bool confirming_ = false;                          // entering: acked, and asked who else is up by now
  Duration knock_back_off_ = kFirstBackOff;

  std::vector<Awaited> awaited_;                     // oldest first
  LwwSet contested_;                                 // what third members said of those they removed and that are heard here
  std::optional<Instant> awake_since_;               // the last time this node was found to have been stopped
  bool guard_asked_ = false, guard_stale_ = false;   // a question is under way; the members changed meanwhile
  bool settled_ = false;
  bool removed_told_ = false;
  bool all_ours_ = false;
  std::optional<Instant> forgot_at_;                 // the last look for old names
  Forget forget_ = Forget::no;

  HashFormat format_ = HashFormat::minor_version_1;
  FormatSource format_source_ = FormatSource::none;
  std::optional<HashFormat> persisted_format_;       // what ring.supervisorring holds
  std::vector<Term> other_format_;

  // Timers; nullopt: not running.
  std::optional<Instant> ask_until_, knock_at_, gossip_at_, probe_at_, guard_at_, announce_at_, put_back_at_, removed_at_;
  std::optional<Instant> changes_at_;                // sets_change_soon()
  std::optional<Instant> question_at_;               // not later than the first of questions_
  std::map<Term, Instant, LwwSet::KeyOrder> connect_at_;
  std::map<Term, Question, LwwSet::KeyOrder> questions_;  // that wait a moment
  Audience announce_to_ = Audience::few;
  std::vector<Term> unannounced_;                    // what announce_at_ is for
  std::optional<Instant> announced_;                 // when it was last done
  Instant put_back_paid_{};                          // until then it has put itself back once in each kRetryPause
  std::optional<Instant> silent_at_;                 // when a member was last found silent
  int bad_inputs_ = 0;
  Instant bad_inputs_since_;
};

}  // namespace supervisorring
