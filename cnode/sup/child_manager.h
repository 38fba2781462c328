// ChildManager: which children of one supervisor run on this member, and how they get here and away.
//
// Follows supervisorring's child manager (sync_children): a child belongs to the owner of {Supervisor, Id} on the ring of
// the up members. At a ring change children that belong elsewhere go there, and children that belong here and do not
// run are started. What differs from the original: the old copy of a native child runs until the new one has its
// state; a failed move is tried again, with back-off; a child that another member of ours may still run is asked for before
// it is started afresh, so that its state arrives; nothing is done for children whose owner did not change.
//
// Keys are hashed once: the digest of each id is kept, and children are found by it, so that a change of the ring costs what it moves. Children are started, asked for and offered in the order in which they became known, members in
// the order of their first hello or of their names: nothing follows the order of a hash table.
//
// sans-IO: inputs are method calls with the time; take_effects() says what is to be done. It reads the local supervisor's
// table (supervisor.h) and never changes it: starts and stops are effects. The protocol of a move: peer_messages.h.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "ring/ring_view.h"
#include "sup/move_rate.h"
#include "sup/ordered_table.h"
#include "sup/peer_messages.h"
#include "sup/position_index.h"
#include "sup/supervisor.h"

namespace supervisorring {

inline constexpr std::size_t kMaxMovesInFlight = 64;     // outgoing: bounds frozen children and states in memory
inline constexpr std::size_t kMaxStartsInFlight = 256;   // unless limit_starts(): bounds what a ring change puts on the worker pool at once
inline constexpr std::size_t kMaxHeldCopies = 4'096;     // incoming: 64 from each of 64 members
inline constexpr Duration kMoveStepTimeout = std::chrono::seconds(20);      // a step in which no code of the user moves the state; else the time for that comes on top
inline constexpr Duration kMigrateTimeout = std::chrono::seconds(10);       // for the user's migrate, where nothing else is configured
inline constexpr Duration kWhoRunsItTimeout = std::chrono::seconds(2);
inline constexpr Duration kAskAgain = std::chrono::milliseconds(100);  // after the first `here`; then twice as long each time, up to the time-out
inline constexpr Duration kWhoRunsItOffTheRing = std::chrono::milliseconds(500);  // of a member that is connected and not up
inline constexpr int kMaxUnansweredAsks = 3;
inline constexpr Duration kOthersComeToLight = std::chrono::milliseconds(1500);  // members that join while another goes hear of each other by then
inline constexpr int kMaxAskRounds = 3;
inline constexpr std::size_t kMaxRecentArrivals = 1'024;  // moves that ended here, for a source that did not hear of it
inline constexpr Duration kQuietRetries = std::chrono::seconds(3);  // a child that waits longer than this is worth a line
inline constexpr Duration kLastTries = std::chrono::seconds(3);     // leaving: for how long nobody taking a child is no answer yet
inline constexpr Duration kMovedJustNow = std::chrono::seconds(2);  // a child that went to another member counts as `here` when a third one asks, while that one is up
inline constexpr Duration kViewsDiffer = std::chrono::seconds(5);  // after a ring change: members may not have the same view of it yet
inline constexpr Duration kUnnamedGrace = std::chrono::seconds(5);  // start_child tells the handler of a child when it runs already
inline constexpr Duration kDeletedGrace = std::chrono::seconds(5);  // delete_child tells the handler when the child is gone already
inline constexpr Duration kFirstRetry = std::chrono::milliseconds(200);
inline constexpr Duration kLastRetry = std::chrono::seconds(30);

// What is known of another up member.
enum class PeerKind : std::uint8_t {
  unknown,   // connected a moment ago: has not announced itself yet
  runs_it,   // a member of ours that runs this supervisor
  by_hand,   // the same, beside a BEAM: children go to it as to a legacy member
  lacks_it,  // a member of ours that does not
  legacy,    // has not announced itself: a BEAM member
};

struct NameOrder {
  bool operator()(const Term& a, const Term& b) const { return compare(a, b) < 0; }
};

// A move, by the member that began it and its number.
struct MoveKey {
  Term source;
  std::uint64_t number;
  bool operator==(const MoveKey&) const = default;
};
struct MoveKeyHash {
  std::size_t operator()(const MoveKey& key) const { return key.source.hash() * 31 + key.number; }
};

// Start a child here, as the supervisor's start_child (or restart_child when it is there and down): answered by start_done().
struct MgrStart { SharedSpec spec; bool is_there; };
// Forget a child that is down.
struct MgrDelete { Term id; };
// Terminate and forget a child (it runs elsewhere). Answered by stopped().
struct MgrStop { Term id; };
// Source of a move: freeze the child and take its state (frozen()), let it go on, or forward to the new copy and forget it (forwarded()).
struct MgrFreeze { Term id; Term pid; };
struct MgrUnfreeze { Term id; Term pid; };
struct MgrForward { Term id; Term pid; Term new_pid; };
// Target of a move: start a held copy (held()), give it its state and let it run (released()), or drop it.
struct MgrHold { MoveKey move; SharedSpec spec; };
struct MgrRelease { MoveKey move; Term id; std::optional<Term> state; };
// The child runs here and stays: give it the state of the copy that ran elsewhere. Answered by conflict_told().
struct MgrConflict { MoveKey move; Term id; Term state; };
struct MgrDrop { MoveKey move; Term id; };
// Start the child on a legacy member: 'Elixir.Supervisor':start_child(Sup, Spec) there. Answered by handed().
struct MgrHand { Term node; ChildSpec spec; std::uint64_t move; };
// Of a child that was handed: the new copy has its state, and what is held for it at the old owner goes there (new_pid); then, or when it stays: that move is over.
struct MgrHanded { Term id; Term new_pid; };
struct MgrHandOver { Term id; };
struct MgrSend { Term node; PeerBody body; };
struct MgrReport { SupReport::Level level; std::string text; };

using MgrEffect = std::variant<MgrStart, MgrDelete, MgrStop, MgrFreeze, MgrUnfreeze, MgrForward, MgrHold, MgrRelease, MgrConflict, MgrDrop, MgrHand, MgrHanded, MgrHandOver, MgrSend, MgrReport>;

class ChildManager {
 public:
  // `first_move`: the number of the first move; another one at every start of the program.
  ChildManager(Term supervisor, Term self, std::uint64_t first_move)
      : supervisor_(std::move(supervisor)), self_(std::move(self)), next_move_(first_move) {}

  // ---- inputs: what there is -----------------------------------------------------------------------
  // The local supervisor, or null while it is being restarted. Not owned. A new one starts with no children.
  void attach(const Supervisor* local, Instant now);
  // All children there should be: static ones and those of the handlers. Ids that were not known before are placed.
  void set_children(const SharedSpecs& children, Instant now);
  // As set_children() with those given last. Costs what has changed in the local supervisor since.
  void same_children(Instant now);
  // The children given last are all there are: every handler has answered. As the original's sync, the first of these after a change
  // of the ring ends what runs here and is named by nobody; what is not named for a moment only (kUnnamedGrace) by a later one.
  void all_are_named(Instant now);
  // Which children are native here, so that their state can be taken; the others go to every member by hand. Default: all.
  void set_native(std::function<bool(const ChildSpec&)> native) { native_ = std::move(native); }
  // How long the user's migrate may take.
  void set_migrate_timeout(Duration timeout) { step_with_migrate_ = kMoveStepTimeout + timeout, by_hand_ = 4 * kMoveStepTimeout + 2 * timeout; }
  // How many children may be starting at once. REQUIRES: > 0
  void limit_starts(std::size_t most) { max_starts_ = most; }
  // How many children may move away a second; not owned, may be shared with other supervisors'. None: as many as kMaxMovesInFlight allow.
  void set_move_rate(MoveRate* rate) { move_rate_ = rate; }
  // Where the rings that it is given come from; without it, a store of its own.
  void share_rings(std::shared_ptr<RingStore> rings) { rings_ = std::move(rings); }
  // The ring of all up members as it is now, and the ring of those that own the children (owner_rings.h). `leaving`: hand everything over.
  void ring_changed(std::shared_ptr<const Ring> up, std::shared_ptr<const Ring> owners, HashFormat format, bool settled, bool leaving, Instant now);
  void ring_changed(std::shared_ptr<const Ring> ring, HashFormat format, bool settled, bool leaving, Instant now) {
    ring_changed(ring, ring, format, settled, leaving, now);
  }
  // A ring_changed() follows: until then, or until it does not after all, what peers are is taken up, and no move begins by the ring of before.
  void ring_will_change(bool will) { ring_will_change_ = will; }
  // Which children stay with a cordoned member that is up, whatever the ring says; null: none. Before ring_changed(), which follows.
  void keep(std::shared_ptr<const KeptIds> kept);
  // In a minority under the policy quorum (ring/partition.h): ends what runs and begins nothing. REQUIRES: the ring is not settled while it is so.
  void stand_down(bool down, Instant now);
  void peer_is(const Term& node, PeerKind kind, Instant now);
  void peer_is_leaving(const Term& node, Instant now);
  // Not connected any more. While it counts as up it may be back at once: it is lost when the ring does without it.
  void peer_gone(const Term& node, Instant now);

  // ---- inputs: answers to effects ----------------------------------------------------------------------
  void start_done(const Term& id, const Term& result, Instant now);  // as supervisor:start_child/2 or restart_child/2
  void stopped(const Term& id, Instant now);
  // Somebody asked for the end of a child that is here (terminate_child, delete_child): what was about to start it does so no more.
  void end_requested(const Term& id);
  // Somebody asked for it to be forgotten (delete_child). Its handler is told after that, so lists that name it count for nothing for a moment (kDeletedGrace).
  void delete_requested(const Term& id, Instant now);
  void frozen(const Term& id, const Term& pid, const Result<std::optional<Term>>& state, Instant now);
  void forwarded(const Term& id, Instant now);
  // What start_child returned there; the new copy has the state, where that could be carried. `waits`: the pid of the old copy, for which messages wait; [] for none.
  void handed(const Term& id, std::uint64_t move, const Result<Term>& result, Instant now, const Term& waits = Term());
  void held(const MoveKey& move, const Result<Term>& pid, Instant now);
  void released(const MoveKey& move, const Result<Term>& pid, Instant now);
  void conflict_told(const MoveKey& move, const Result<Term>& pid, Instant now);

  // ---- inputs: messages and time ------------------------------------------------------------------------
  void received(const Term& node, const PeerBody& body, Instant now);  // ask, answer, move of this supervisor
  void timeout(Instant now);

  // ---- outputs ---------------------------------------------------------------------------------------------
  std::vector<MgrEffect> take_effects() { return std::exchange(effects_, {}); }
  std::optional<Instant> next_timeout() const;

  // ---- looking -----------------------------------------------------------------------------------------------
  Result<Term> owner_of(const Term& id) const;  // by the ring without the members that leave
  // Leaving: nothing runs here any more that another member could have.
  bool drained() const;
  // Leaving: what still runs here was refused for good by its owner, for kLastTries.
  bool nobody_takes(Instant now) const;
  bool settled() const { return settled_; }
  std::size_t moves_in_flight() const { return out_.size(); }
  std::size_t known_children() const { return entries_.size(); }
  struct Status {
    std::size_t waiting_to_start, starting, asked_for, waiting_to_move, moving, arriving;
    std::size_t all() const { return waiting_to_start + starting + asked_for + waiting_to_move + moving + arriving; }
  };
  Status status() const;
  // Children that run here and belong elsewhere, and what they wait for: at most `limit`.
  std::vector<std::pair<Term, std::string>> left_here(std::size_t limit) const;
  // Children that move, wait, or failed to: {Id, What}, at most `limit`.
  std::vector<std::pair<Term, std::string>> pending(std::size_t limit) const;
  // Why a child is where it is. Error: its id cannot be placed, or nobody is up.
  struct Explained {
    Digest key;
    Digest point;                    // the first of the ring at or after the key
    std::uint32_t point_number;      // 1..300, of its member
    Term point_member;
    Term owner;                      // the same, or a cordoned member that keeps it
    std::vector<Term> leaving;       // members that are up and not counted
    std::vector<Term> not_in_set;    // up members that own none of this supervisor's children
    bool named = false;              // by the supervisor's definition or a handler's last list
    std::string doing;               // what it waits for, or is in; empty: nothing
    std::optional<Duration> next_try;
  };
  Result<Explained> explain(const Term& id, Instant now) const;
  // The ids of all children that are known here, in the order in which they became known, at most `limit`.
  std::vector<Term> known_ids(std::size_t limit) const;
  // Children that belong here now: those that run here, or are about to. Not those that are to move away.
  std::vector<Term> belonging() const;
  bool belongs(const Term& id) const;

 private:
  struct Went { Instant at; Term to; };
  struct Entry {
    // What a change of the ring reads of every child it concerns, first.
    std::optional<Digest> digest;   // none: the id cannot be placed
    bool wanted = false;            // static or named by a handler; else only seen running here
    bool seen_here = false;         // it has run, or was about to, since it became ours
    bool in_table = false;          // of the local supervisor, when it was placed last
    bool queued_to_start = false;   // it is in to_start_
    std::optional<Term> owner;      // by the last settled ring; none before the first
    std::uint64_t number = 0;       // in the order in which they became known
    std::uint64_t named_in = 0;     // the last set_children() that named it
    std::unique_ptr<Went> went;     // the last move of it to another member; null: none
    SharedSpec spec;
  };
  using Entries = OrderedTable<Term, Entry>;
  using EntryItem = std::pair<const Term, Entry>;
  struct Placed { std::uint64_t number; EntryItem* item; };
  enum class OutPhase : std::uint8_t { offered, freezing, state_sent, forwarding, stopping, handing };
  struct MoveOut {
    std::uint64_t number;
    Term target;
    Term pid;
    OutPhase phase;
    std::optional<Instant> deadline;
    bool by_hand = false;
    Term twin = {};                 // the child ran twice: the pid of the copy that stays
    Term state = {};                // as it was sent; sent again when the connection was lost meanwhile
  };
  enum class InPhase : std::uint8_t { starting, held, releasing };
  struct MoveIn {
    Term id;
    InPhase phase;
    bool orphan = false;            // its source is gone: released without state as soon as it is held
    bool dropped = false;           // aborted while it started
    Term pid;
    std::optional<Instant> deadline;
  };
  struct Ask {
    std::vector<Term> from;         // members that have not said `not here`; empty: the next round begins at again_at
    std::vector<Term> asked;        // in this round
    Duration pause = kAskAgain;     // after the next `here`
    int unanswered = 0;
    int rounds = 1;
    std::vector<Term> leaving;      // of those that were asked
    bool one_has_left = false;      // before it answered: it may have handed the child over, to a member that is not known here yet
    Instant again_at;
  };
  bool was_just_deleted(const Term& id, Instant now);
  struct Unnamed { Instant since; bool unwanted; };  // unwanted: the ring has changed since
  // hope: none when the owner cannot run it, as far as it says. when_asked: the owner was not ready, and asks for the child when it is.
  enum class Hope : bool { none, some };
  struct Retry { Duration delay{}; Instant at{}; Instant since{}; std::string why; Hope hope = Hope::some; bool when_asked = false; };

  // child_plan.cpp: what belongs where
  Entry& entry_for(const SharedSpec& spec);
  Entries::iterator forget_entry(Entries::iterator);
  void adopt_running();
  void replan(Instant now, bool ring_change);
  void replan_all(Instant now, bool ring_change);
  bool replan_changed(Instant now);
  void name_all(Instant now);
  bool name_changed(const SharedSpecs& children, Instant now);
  void absorb_changes();
  enum class Table : std::uint8_t { unknown, absent };  // of the local supervisor: is it there?
  void place(const Term& id, Entry&, Instant now, bool ring_change, Table table = Table::unknown);
  void place_here(const Term& id, Entry&, const std::optional<Term>& owner_before, Instant now, bool ring_change, Table table = Table::unknown);
  void place_elsewhere(const Term& id, Entry&, Instant now);
  std::optional<Term> effective_owner(const Entry&) const;
  const Term* keeper_of(const Term& id) const;  // a cordoned member that is up; null: none
  void rebuild_ring();
  void note_ring_change(Instant now);

  // child_stand_down.cpp
  void end_all();

  // child_manager.cpp
  void end_unnamed(const Supervisor::View& view);
  bool changed_since_naming(std::vector<Supervisor::View>& views) const;
  bool queued_to_start(const Term& id) const;
  void queue_start(const Term& id);
  void pump(Instant now);
  void pump_starts(Instant now);
  void run_retries(Instant now);
  // now: a line in the log when the reason is a new one; late: only when it lasts.
  enum class Tell : std::uint8_t { now, late };
  void retry_later(const Term& id, std::string why, Instant now, Tell tell = Tell::now, Hope hope = Hope::some);
  void peer_lost(const Term& node, Instant now);
  void peer_back(const Term& node);
  PeerKind kind_of(const Term& node) const;
  bool ours(const Term& node) const;      // a member of ours that runs this supervisor
  bool running_here(const Term& id) const;
  bool busy_here(const Term& id) const;   // in the supervisor's table and not down

  // child_explain.cpp
  std::string doing(const Term& id) const;

  // child_asks.cpp: who runs it now?
  void begin_ask(const Term& id, const std::optional<Term>& owner_before, Instant now);
  void send_asks();
  void ask_answered(const Term& node, const Term& id, bool here, Instant now);
  void ask_lost(const Term& node, Instant now);
  void ask_round_over(const Term& id, Instant now);
  void ask_others(Ask&, Instant now);
  void ask_timeouts(Instant now);
  void handle_ask(const Term& node, const PeerAsk&, Instant now);
  void handle_answer(const Term& node, const PeerAnswer&, Instant now);

  // child_moves_out.cpp: this member is the source
  void pump_moves(Instant now);
  void begin_move(const Term& id, const Term& target, Instant now);
  void abandon_move(const Term& id, std::string_view why, Instant now);
  void move_failed(const Term& id, const std::string& why, Instant now, Tell tell = Tell::now, Hope hope = Hope::some);
  void handle_refused(const Term& id, const Term& why, Instant now);
  void handle_started(const Term& id, MoveOut&, Instant now);
  void handle_running(const Term& id, MoveOut&, const Term& new_pid);
  void stop_twin(const Term& id, MoveOut&);
  void handle_taken(const Term& id, MoveOut&, const Term& new_pid);
  void finish_move(const Term& id, Instant now);
  void send_step(const Term& node, MoveStep step, std::uint64_t number, Term value);
  void out_timeouts(Instant now);
  void out_peer_gone(const Term& node, Instant now);

  // child_moves_in.cpp: this member is the target
  void handle_offer(const Term& node, const PeerMove&);
  void handle_state(const MoveKey&, const Term& value);
  bool give_up_older(const MoveKey& offered, const Term& id);
  void handle_abort(const MoveKey&, Instant now);
  void arrived_not(const MoveKey&, Instant now);  // forgets the incoming move of a child that does not run here after all
  void release(const MoveKey&, MoveIn&, std::optional<Term> state);
  void has_arrived(const MoveKey&, const Term& pid);
  void in_timeouts(Instant now);
  void in_peer_gone(const Term& node);

  void report(SupReport::Level level, std::string text) { effects_.push_back(MgrReport{level, std::move(text)}); }

  const Term supervisor_;
  const Term self_;
  std::uint64_t next_move_;
  std::size_t max_starts_ = kMaxStartsInFlight;
  MoveRate* move_rate_ = nullptr;
  const Supervisor* local_ = nullptr;
  std::function<bool(const ChildSpec&)> native_;

  std::shared_ptr<const Ring> full_ring_;       // of all up members
  std::shared_ptr<const Ring> owners_;          // of those of them that own the children
  std::shared_ptr<const Ring> ring_;            // the same without those that leave
  std::shared_ptr<RingStore> rings_ = std::make_shared<RingStore>();
  std::shared_ptr<const KeptIds> kept_;         // or null
  HashFormat format_ = HashFormat::minor_version_1;
  bool settled_ = false;
  bool leaving_ = false;
  bool stood_down_ = false;
  std::unordered_set<Term> ending_;      // stood down: those that are being stopped
  Instant leaving_since_{};
  OrderedTable<Term, PeerKind> peers_;
  std::set<Term, NameOrder> gone_;             // members that are up and not connected
  std::set<Term, NameOrder> leaving_peers_;

  Entries entries_;
  PositionIndex<EntryItem> places_;             // invariant: one for each of entries_ that has a digest
  std::uint64_t next_entry_ = 0;
  std::uint64_t naming_ = 0;                    // of the set_children() under way, or the last
  std::shared_ptr<const Ring> planned_ring_;    // every entry's owner is by this one; null: they are to be placed all
  std::uint64_t planned_until_ = 0;             // of the local supervisor's recent changes
  std::vector<Term> look_again_;                // at the next change of the ring
  SharedSpecs named_;                           // the children given last
  bool names_in_doubt_ = true;                  // the entries may not say of all of named_ that it is wanted: some are named twice, or were just deleted
  std::vector<Term> look_unnamed_;              // at the next all_are_named()
  bool look_unnamed_all_ = true;                // at everything in the supervisor's table
  std::uint64_t named_until_ = 0;               // of the local supervisor's recent changes
  std::deque<Term> to_start_;                   // ids; those whose entry says so wait
  std::unordered_set<Term> starting_;
  std::deque<Term> to_move_;
  std::unordered_set<Term> queued_to_move_;
  Duration step_with_migrate_ = kMoveStepTimeout + kMigrateTimeout;
  Duration by_hand_ = 4 * kMoveStepTimeout + 2 * kMigrateTimeout;  // all of it: start, calls that are waited for, migrate, and the new copy's end where that failed
  OrderedTable<Term, MoveOut> out_;             // by id
  std::unordered_map<std::uint64_t, Term> out_ids_;
  OrderedTable<MoveKey, MoveIn, MoveKeyHash> in_;
  OrderedTable<Term, MoveKey> in_by_id_;
  std::deque<std::pair<MoveKey, Term>> arrived_;  // what was taken here lately: move, pid
  std::deque<std::pair<MoveKey, Term>> twins_;    // what ran here already when it was offered: move, id
  OrderedTable<Term, Ask> asks_;
  OrderedTable<Term, std::vector<Term>> asks_to_send_;  // by member
  OrderedTable<Term, Retry> retries_;           // by id
  OrderedTable<Term, Instant> deleted_;         // by delete_child, oldest first, for kDeletedGrace
  std::unordered_map<Term, Unnamed> unnamed_;   // children in the supervisor's table that were not wanted at the last all_are_named()
  bool ring_will_change_ = false;
  bool ring_changed_ = false;                   // since the last all_are_named()
  Instant next_sweep_{};
  Instant views_differ_until_{};
  bool views_differ_ = false;                   // at the change that is being planned for: the one before was a moment ago
  std::vector<MgrEffect> effects_;
};

}  // namespace supervisorring
