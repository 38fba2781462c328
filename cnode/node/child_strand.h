// ChildStrand: the worker half of a native child: its mailbox, the user's gen_server, and what that wants done.
//
// The node's thread pushes events; turns on the pool handle them, and leave actions for the node's thread (NativeChild performs them). Nothing is
// encoded here and nothing of the node is touched: terms in, terms out.
//
// Two queues come in: urgent events (init, stop, freeze, ...), handled before the next message, and the mailbox, in order. While the child is
// held or frozen the mailbox waits. kill() makes the child dead: no further event is handled, and what a running callback still asks for is dropped.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <typeinfo>
#include <vector>

#include "node/small_mutex.h"
#include "node/strand_pool.h"
#include "supervisorring/factory.h"
#include "supervisorring/gen_server.h"

namespace supervisorring {

inline constexpr std::size_t kMaxMailboxMessages = 1'000'000;     // one child's share of memory: a BEAM has no bound, a program needs one
inline constexpr std::size_t kMaxMailboxBytes = 256 * 1024 * 1024;  // as estimated by approximate_size()
inline constexpr int kEventsPerTurn = 256;                        // then the other strands of the thread get theirs

// Bytes that a term holds, seen no deeper than 64 terms: a bound for queues, not an account.
std::size_t approximate_size(const Term& term);

struct ChildEvent {
  enum class Kind : std::uint8_t {
    message,       // term
    timer_fired,   // number
    answer_ok,     // number, term: the reply
    answer_error,  // number, term: the reason
    // urgent:
    stop,          // term: the reason. Ordered by the parent
    freeze,        // number: the request; migrate(), unless term is no_state
    unfreeze,
    release,       // term: {State} or []
    conflict,      // term: {State} of another copy, which ends
  };
  Kind kind;
  std::uint32_t size = 0;  // approximate_size(term), set by push()
  std::uint64_t number = 0;
  Term term;
};

struct ChildAction {
  enum class Kind : std::uint8_t {
    send,         // to, term
    reply,        // to: From, term
    cast,         // to, term
    call,         // to, term, number: the request, delay
    erpc,         // to: node, term: {Module, Function, Arguments}, number, delay
    start_timer,  // number, delay
    cancel_timer,  // number
    monitor,      // to, term: the child's reference
    demonitor,    // term
    link,         // to
    unlink,       // to
    trap_exit,    // number: 0 or 1
    exit_signal,  // to, term
    log,          // term: text as a binary, number: gen_server::Severity
    init_done,    // term: ok | ignore | {error, Reason}
    frozen,       // term: {State} or [], number: the request; what waits stays in the mailbox
    released,
    end,          // term: the exit reason
  };
  Kind kind;
  Term to;
  Term term;
  std::uint64_t number = 0;
  Duration delay{};
};

// The children that were killed and whose code has returned: told to the runtime.
struct ReleasedChildren {
  std::mutex mutex;
  std::vector<Term> pids;
};

// What all strands of a node share. Threads that are left behind may still use it.
struct StrandHome {
  StrandPool& pool;
  Term node = {};           // its name. This and the next: set before the first strand begins, not changed afterwards
  Term janitor = {};        // whom to make ready when a killed child's code has returned
  ReleasedChildren released = {};
};

class ChildStrand : public Strand, public std::enable_shared_from_this<ChildStrand> {
 public:
  struct Identity {
    Term pid;
    std::uint64_t reference = 0;  // the counter of a make_ref() of this child: the stem of its own references
    bool held = false;
  };

  ChildStrand(std::shared_ptr<StrandHome> home, Worker worker, Identity identity);

  // ---- the node's thread ---------------------------------------------------------------------------
  void begin();  // makes the object. Once, before the next ones
  // False: the mailbox is full and the event was not taken (nor moved from).
  bool push(ChildEvent&& event);
  void push_urgent(ChildEvent event);
  void kill();  // the process has ended. The object is destroyed on the pool, when no callback runs
  // What the child wants done since the last call. `room`: an empty vector for what comes next.
  std::vector<ChildAction> take_actions(std::vector<ChildAction> room = {});
  // What waits, oldest first. REQUIRES: a `frozen` was taken and no unfreeze pushed.
  std::vector<ChildEvent> take_mailbox();
  const Worker& worker() const { return worker_; }
  std::string class_name() const;  // REQUIRES: an init_done with `ok` was taken
  // The callback that was running at kill() has returned and the object is gone.
  bool is_released() const { return released_.load(std::memory_order_acquire); }

  // ---- the strand ------------------------------------------------------------------------------------
  Next run_turn() override;
  bool wants_own_thread() const override { return worker_.options.own_thread; }

  // Services of gen_server.
  const Term& pid() const { return identity_.pid; }
  const Term& node() const { return home_->node; }
  Term make_ref();
  void act(ChildAction action) { work().actions.push_back(std::move(action)); }
  void request(ChildAction action, gen_server::Continuation then);
  gen_server::Timer start_timer(Duration delay, std::optional<Term> to, Term message);
  bool cancel_timer(gen_server::Timer timer);
  Term monitor(const Term& target);
  void demonitor(const Term& reference);
  void trap_exit(bool trap);

 private:
  enum class State : std::uint8_t { fresh, held, running, frozen, ended };
  struct PendingTimer { std::optional<Term> to; Term message; };
  // What a child that has something to do needs; one that is idle since its start has none.
  struct Work {
    std::vector<ChildEvent> batch;      // taken from the mailbox, handled up to batch_next
    std::size_t batch_next = 0;
    std::size_t handled_bytes = 0;      // in this turn
    std::vector<ChildAction> actions;   // of this turn
    std::map<std::uint64_t, PendingTimer> timers;
    std::map<std::uint64_t, gen_server::Continuation> continuations;
    std::set<std::vector<std::uint32_t>> monitors;  // words of the references of live monitors

    bool idle() const { return batch_next == batch.size() && actions.empty() && timers.empty() && continuations.empty() && monitors.empty(); }
  };
  Work& work() {
    if (!work_) work_ = std::make_unique<Work>();
    return *work_;
  }

  void wake(std::unique_lock<SmallMutex> lock);
  int handle_mailbox();
  void handle_urgent();
  void dispatch(ChildEvent& event);
  void handle_init();
  void handle_stop(const Term& reason);
  void handle_freeze(std::uint64_t request, bool with_state);
  void handle_unfreeze();
  void handle_release(const Term& state);
  void handle_conflict(const Term& state);
  void handle_message(const Term& message);
  void handle_call(const Term& message);
  void handle_timer(std::uint64_t number);
  void handle_answer(std::uint64_t number, bool ok, const Term& value);
  template <class Callback> void guarded(Callback&& callback);
  void react(gen_server::Reaction reaction);
  enum class CallTerminate : bool { no, yes };
  void end(Term reason, CallTerminate, std::optional<ChildAction> last_reply = std::nullopt);
  void put_back_batch();
  bool take_batch();
  Next finish_turn(int handled);
  void clean_up();

  std::atomic<bool> dead_{false};      // set by the node's thread
  std::atomic<bool> released_{false};  // set by the strand
  std::atomic<bool> urgent_pending_{false};
  bool trapping_ = false;              // the strand only
  State state_ = State::fresh;         // the strand only
  bool scheduled_ = false;             // guarded by mutex_
  SmallMutex mutex_;                   // guards the next block
  std::uint32_t mailbox_count_ = 0;    // of mailbox_ and what is left of the batch
  std::size_t mailbox_bytes_ = 0;      // the same
  std::vector<ChildEvent> mailbox_;
  std::vector<ChildEvent> urgent_;
  std::vector<ChildAction> outbox_;

  const std::shared_ptr<StrandHome> home_;
  const Worker worker_;
  const Identity identity_;

  // The strand only.
  std::unique_ptr<gen_server> object_;
  const std::type_info* class_ = nullptr;  // of the object; also read by the node's thread, once it runs
  std::unique_ptr<Work> work_;
  std::uint64_t next_number_ = 1;
  std::uint64_t next_reference_ = 1;
};

}  // namespace supervisorring
