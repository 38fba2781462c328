// Supervisor: the state machine of one local supervisor.
//
// Follows OTP 25's supervisor: strategies (simple_one_for_one apart), restart types, restart intensity, shutdown kinds, auto_shutdown,
// and the answers of start_child, terminate_child, delete_child, restart_child, which_children, count_children and get_childspec,
// return for return. The one difference: OTP's supervisor waits for a child that starts or stops and lets everybody
// wait; here only requests for that child wait (they are carried out in order when it is done).
//
// Group restarts (one_for_all: all children; rest_for_one: the one that ended and those after it in the table, which is in the order of
// their first start here): the members that run end one after the other, the newest first, then all start one after the other, the oldest
// first, those included that were down before; temporary ones are forgotten. From its end to its turn a member reads `restarting`. When one
// does not start, the group of that one is restarted, which counts. What ends by itself meanwhile joins in. Not members: children that a
// call is stopping, which stay down, and held copies, which have not begun to work.
//
// sans-IO: inputs are method calls with the time, what is to be done comes out of take_effects(). It does not know how
// a child is started, which children belong here (child_manager.h), nor processes: who drives it makes pids, exit signals, replies.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <variant>
#include <vector>

#include "sup/child_spec.h"
#include "term/hash_index.h"
#include "sup/intensity.h"
#include "sup/recent_changes.h"
#include "sup/seq_table.h"

namespace supervisorring {

inline constexpr std::size_t kMaxWaitingCalls = 100'000;  // of one supervisor, for children that start or stop; 1,000 members' worth of 100

using CallId = std::uint64_t;      // chosen by the driver: whose call it was
using StartToken = std::uint64_t;  // one attempt to start one child

// Start the child; answered by started() or start_failed() with the same token, once, at any later time.
// `hold`: [] or what start_held() was given. `replaces`: the pid of the child's last incarnation, or [].
// `call`: on whose behalf, 0 for none. `place`: in the supervisor's table; the oldest child's is the smallest.
struct SupStart { StartToken token; SharedSpec spec; Term hold; Term replaces; CallId call = 0; std::uint64_t place = 0; };
// The child of that start is not wanted any more: answer soon, either way.
struct SupAbandon { StartToken token; };
// Send the child an exit signal; answered by exited().
struct SupExitChild { Term pid; Term reason; };
struct SupReply { CallId call; Term value; };
struct SupReport { enum class Level { notice, error } level; std::string text; };
// The last effect: no child runs any more; the supervisor ends with `reason`. auto_shutdown: since its significant children have ended.
enum class SupEndCause : std::uint8_t { stopped, gave_up, auto_shutdown };
struct SupEnd { Term reason; SupEndCause cause = SupEndCause::stopped; };

using SupEffect = std::variant<SupStart, SupAbandon, SupExitChild, SupReply, SupReport, SupEnd>;

class Supervisor {
 public:
  enum class ChildState : std::uint8_t { down, starting, running, restarting, stopping };
  // A child as others may see it.
  struct View {
    const ChildSpec& spec;
    const SharedSpec& shared_spec;  // the same
    ChildState state;
    const Term& pid;  // running, stopping: its pid
    std::uint64_t place;
  };

  Supervisor(Term name, SupervisorFlags flags) : name_(std::move(name)), flags_(flags), intensity_(flags.intensity, flags.period) {}

  // ---- inputs -----------------------------------------------------------------------------------
  // One of OTP's supervisor calls. Answered by one SupReply, unless the supervisor ends first.
  void call(CallId, const Term& request, Instant now);
  // As {start_child, Spec} with a spec that has been checked.
  void start_child(CallId, const SharedSpec& spec, Instant now);
  // The same; the start carries `hold`, by which the driver knows that the child waits for its state.
  void start_held(CallId, const SharedSpec& spec, Term hold, Instant now);
  // `pid`: a pid, or `undefined` when the child's start function answered `ignore`.
  // `info`: of a start function that answered {ok, Pid, Info}.
  void started(StartToken, const Term& pid, Instant now, const std::optional<Term>& info = std::nullopt);
  void start_failed(StartToken, const Term& reason, Instant now);
  void exited(const Term& pid, const Term& reason, Instant now);
  // The running child `id` has been moved to another member: it is forgotten, its pid is of no interest from here on.
  void moved_away(const Term& id, Instant now);
  // The running child of that pid is to end and stay down, as by terminate_child. False: there is none.
  bool end_child(const Term& pid, Instant now);
  void timeout(Instant now);
  // Ends all children, the newest first, then itself with `reason`.
  void stop(const Term& reason, Instant now);

  // ---- taking over from a predecessor (drop-in), before any call ---------------------------------------
  // REQUIRES of each: the id is not there yet.
  enum class Takeover : std::uint8_t { terminated, running, stopping, starting, restarting, to_restart };
  // running, stopping (whose end is asked for again): `pid`. starting, restarting: `token` is answered as any other; restarting without a token is tried
  // by taken_over(). to_restart: a member of a group restart that had not ended, `pid` or `token`. `place`: as its SupStart had it; one that is taken, or 0,
  // is the last.
  void take_over(Takeover, const SharedSpec& spec, const Term& pid, StartToken token, std::uint64_t place, Instant now);
  // After the last of them: restarts that a predecessor had begun go on, or its end.
  void taken_over(Instant now, SupEndCause ending = SupEndCause::stopped);
  // The tokens of starts from here on are above this.
  void tokens_above(StartToken token) { next_token_ = token + 1; }
  void take_over_history(std::vector<Instant> restarts) { intensity_.take_over(restarts); }
  // A call is made again for a child whose start is under way on its behalf: answered when that ends. False: it is not under way.
  bool adopt_call(CallId, const Term& id);
  // Ids whose place in the table changed since the last time; empty unless they are tracked. True in `restarts`: so did the history.
  void track_changes() { tracks_ = true; }
  struct Changes { std::vector<Term> ids; bool restarts = false; };
  Changes take_changes() { return std::exchange(changes_, {}); }
  const RestartIntensity& intensity() const { return intensity_; }

  // The same, the latest only, for who looks at the table now and then.
  const RecentChanges& recent_changes() const { return recent_; }

  // ---- outputs ----------------------------------------------------------------------------------
  std::vector<SupEffect> take_effects() { return std::exchange(effects_, {}); }
  std::optional<Instant> next_timeout() const;

  // ---- looking ----------------------------------------------------------------------------------
  const Term& name() const { return name_; }
  const SupervisorFlags& flags() const { return flags_; }
  bool stopping() const { return stop_reason_.has_value(); }
  SupEndCause end_cause() const { return cause_; }
  std::optional<View> find(const Term& id) const;
  std::optional<Term> id_of(const Term& pid) const;  // of a running or stopping child
  // A member of a group restart that has not ended yet.
  bool is_to_restart(const Term& id) const;
  std::size_t size() const { return children_.size(); }
  std::size_t active() const { return by_pid_.size(); }
  // Newest first, as which_children lists them.
  void for_each(const std::function<void(const View&)>&) const;
  Term which_children() const;
  Term count_children() const;  // OTP's proplist

 private:
  enum class StartKind : std::uint8_t { first, restart, on_call };
  void changed(const Term& id) { recent_.add(id); if (tracks_) changes_.ids.push_back(id); }
  struct Waiting { CallId call; Term request; SharedSpec spec; Term hold; };  // spec: none but for start_child
  struct Child {
    SharedSpec spec;
    Term pid;                        // while running or stopping
    Term last_pid;                   // of the last incarnation that ended
    StartToken token = 0;            // while starting, or restarting with an attempt under way; else 0
    CallId call = 0;                 // whom the start or stop answers
    std::optional<Instant> kill_at;  // while stopping
    std::unique_ptr<std::vector<Waiting>> waiting;  // null: none
    ChildState state = ChildState::down;
    StartKind start_kind = StartKind::first;
    bool answer = false;
    bool abandoned = false;
    bool held = false;               // the start under way is that of a held copy
  };
  using Seq = std::uint64_t;
  using Children = SeqTable<Child>;

  void handle_start_child(CallId, const Term& spec, Term hold, Instant now);
  void begin_start_child(CallId, const SharedSpec& spec, Term hold, Instant now);
  void handle_terminate_child(CallId, const Term& request, Instant now);
  void handle_restart_child(CallId, const Term& request, Instant now);
  void handle_delete_child(CallId, const Term& request, Instant now);
  void handle_get_childspec(CallId, const Term& request);
  bool wait_for_child(CallId, const Term& id, const Term& request);  // true: the child is busy and the request waits

  Children::Item* find_item(const Term& id);         // null: none
  const Children::Item* find_item(const Term& id) const;
  Children::Item* find_by_pid(const Term& pid);      // null: none
  const Children::Item* find_by_pid(const Term& pid) const;
  Child* find_child(const Term& id);
  Child& add_child(Seq, const SharedSpec& spec);
  void erase_child(Seq);
  void give_pid(Seq, Child&, const Term& pid);
  void wait(Child&, Waiting);
  std::vector<Waiting> take_waiting(Child&);
  void attempt(Seq, Child&, StartKind, Term hold);
  void restart(Seq, Child&, Instant now);
  void give_up(Child&, Instant now);
  void end(const Term& reason, SupEndCause cause, Instant now);
  // supervisor_group.cpp
  void restart_group(Seq failed, Instant now);
  void await_turn(Seq, Child&);
  void go_on_with_group(Instant now);
  void ended_in_group(Seq, Child&, const Term& reason, Instant now);
  void others_stay_down(Seq failed);
  void leave_group(Seq);
  void child_ended_for_good(Seq, Child&, Instant now);
  void check_auto_shutdown(bool significant, Instant now);
  void begin_stopping(Seq, Child&, Instant now);
  void stopped(Seq, Child&, const Term& reason, Instant now);
  void forget_pid(Seq, Child&);
  void clear(Seq, Child&);             // OTP's del_child: a temporary child is forgotten, another is down
  void forget(Seq, const Term& id, Instant now);
  void run_waiting(const Term& id, Instant now);
  void run_all(std::vector<Waiting>, Instant now);
  void continue_stop(Instant now);
  void report_error(std::string_view what, const Child&, const Term& reason);
  void report_shutdown(const Child&, const Term& reason);
  void reply(CallId call, Term value) { effects_.push_back(SupReply{call, std::move(value)}); }

  const Term name_;
  const SupervisorFlags flags_;
  RestartIntensity intensity_;
  Children children_;                            // in the order of their start
  HashIndex by_id_;                              // invariant: one entry for each of children_
  HashIndex by_pid_;                             // invariant: one for each child that runs or stops
  std::unordered_map<StartToken, Seq> by_token_; // invariant: one for each attempt under way
  std::set<std::pair<Instant, Seq>> kill_times_; // invariant: one for each child with kill_at
  Seq next_seq_ = 1;
  StartToken next_token_ = 1;
  std::size_t waiting_ = 0;
  // A group restart: no member is in both. Empty when the supervisor stops.
  std::set<Seq> group_stops_;                    // members that have not ended; the newest is next
  std::set<Seq> group_starts_;                   // members that wait for their turn, or (the first) start; none starts before the others have ended
  std::optional<Term> stop_reason_;
  SupEndCause cause_ = SupEndCause::stopped;
  bool ended_ = false;
  bool tracks_ = false;
  Changes changes_;
  RecentChanges recent_;
  std::vector<SupEffect> effects_;
};

}  // namespace supervisorring
