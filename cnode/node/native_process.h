// Native children on the node's thread: starting, stopping and moving them.
//
// A native child is two halves. NativeProcess (native_child.h) is its process on the node's thread: pid, name, links, monitors. ChildStrand
// (child_strand.h) is the user's gen_server on the worker pool. What a supervisor does with a child is here. All of it is asynchronous:
// every callback runs in the process that asked (in its context), once, unless that process has ended before.
//
// Semantics: start as gen_server:start_link/4, stop as supervisor:shutdown/2, except that terminate(shutdown) is called also when the child
// does not trap exits. Moving is our own: held start, state taken, kept messages forwarded.
//
// Every `pid` REQUIRES: started here with start_native() (alive or not).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "node/process.h"
#include "supervisorring/factory.h"
#include "supervisorring/result.h"

namespace supervisorring {

class StrandPool;

// Longer than any run, and still addable to an Instant: the time-out `infinity`.
inline constexpr Duration kForever = std::chrono::hours(24 * 365 * 50);

// Types here begin with Native: sup/ has its own words for the same things.

// A dead child whose callback has not returned yet.
struct StuckChild {
  Term pid;
  Term name;               // an atom, or []
  Term module;             // the registered module
  Term reason;             // what it died of, to the cluster
  Instant since;           // when it died
};

// What all native children of a node share. Outlives the node's processes; the pool outlives it.
class NativeRuntime {
 public:
  explicit NativeRuntime(StrandPool& pool);
  ~NativeRuntime();

  // True: `pid` has ended but its code still runs, so its replacement has to wait.
  bool stuck(const Term& pid) const;
  std::vector<StuckChild> stuck_children() const;
  std::size_t running() const;  // living children

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

enum class NativeHeld : bool { no, yes };

struct NativeStart {
  Worker worker;              // worker_registry::resolve()
  Term parent;                // the supervisor's pid: linked to the child; [] for none
  NativeHeld held = NativeHeld::no;  // yes: after init the child handles no message until release()
  Term replaces;              // a pid whose code may still run (stuck()): the start waits for its return; [] for none
  Term proxy = {};            // drop-in: the pid of the BEAM process that stands for it
};

struct NativeStarted { Term pid; };
struct NativeIgnored {};
struct NativeStartFailed { Term reason; };  // {already_started, Pid}, the reason of init's stop, {cpp_exception, What}, system_limit
using NativeStartResult = std::variant<NativeStarted, NativeIgnored, NativeStartFailed>;
using NativeStartContinuation = std::function<void(ProcessContext&, NativeStartResult)>;

// `then` may be called before start_native() returns ({already_started, Pid}).
// A failed or ignored start sends the parent no 'EXIT'.
void start_native(ProcessContext&, NativeRuntime&, NativeStart, NativeStartContinuation then);

// Shutdown as in a child spec: a time (0 is allowed), kForever for infinity, or NativeKill.
struct NativeKill {};
using NativeShutdown = std::variant<NativeKill, Duration>;
using NativeStopContinuation = std::function<void(ProcessContext&, Term reason)>;

// REQUIRES: called by the child's parent. Unlinks the child first, so no 'EXIT' of it arrives from here on. `then` gets the
// exit reason: `shutdown`, `killed` (also after the time), what terminate threw, or `noproc` when it was gone already.
void stop_native(ProcessContext&, NativeRuntime&, const Term& pid, NativeShutdown, NativeStopContinuation then);

// `then` runs when the code of the ended child `pid` does not run any more: at once when it is not stuck().
void when_released(ProcessContext&, NativeRuntime&, const Term& pid, std::function<void(ProcessContext&)> then);

// ---- moving -------------------------------------------------------------------------------------------------
// The new copy (started held): gives it the state (none: moves without) and lets it handle its messages. `then`: ok when migrate(state) has
// returned; else the child has ended, and the error says of what.
using NativeReleaseContinuation = std::function<void(ProcessContext&, Result<Term>)>;
void release_native(ProcessContext&, NativeRuntime&, const Term& pid, std::optional<Term> state, NativeReleaseContinuation then);

// A copy that runs and stays: conflict(state) with the state of another one, before its next message. Error: it is moving itself, or gone.
void conflict_native(ProcessContext&, NativeRuntime&, const Term& pid, Term state, NativeReleaseContinuation then);

// The old copy: when the current message is done migrate() is called; messages from then on are kept. Error: it threw (the child
// has ended), is gone, or was not done within `timeout` (then it goes on as if nothing had been asked).
using NativeStateContinuation = std::function<void(ProcessContext&, Result<std::optional<Term>>)>;
void freeze_native(ProcessContext&, NativeRuntime&, const Term& pid, Duration timeout, NativeStateContinuation then);
// The move failed: the kept messages are handled in order, as if nothing had been asked.
void unfreeze_native(ProcessContext&, NativeRuntime&, const Term& pid);
// Towards a BEAM, whose migrate/3 asks the old copy: messages from now on are kept, but for those that come by way of the pid that `then` gets. Ended by unfreeze_native() or
// forward_native(), or when `limit` is over, as by the first. Error: it is moving already, or gone.
// Of these messages `to` gets one: the first behind what has been forwarded, the second when the child stays, or ends before.
struct NativeHandTold { Term to, forwarded, stays; };
void hand_native(ProcessContext&, NativeRuntime&, const Term& pid, Duration limit, std::optional<NativeHandTold>, NativeReleaseContinuation then);
// The move worked: kept messages, and those that still come, go to `new_pid`; calls are made for their callers and their replies passed
// on. terminate(shutdown) is called, and the old copy ends with `shutdown` when no such call is open, at the latest after kForwardLimit.
// Unlinks the child first, as stop_native().
inline constexpr Duration kForwardLimit = std::chrono::seconds(5);
void forward_native(ProcessContext&, NativeRuntime&, const Term& pid, const Term& new_pid, NativeStopContinuation then);

}  // namespace supervisorring
