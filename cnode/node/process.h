// Process: something with a pid that lives on the node's own thread, and what it may do.
//
// Semantics are Erlang's ("Processes" and "Communication in Erlang" of the Reference Manual): signals between
// one pair of processes arrive in order; links and monitors are by pid, by registered name or by {Name, Node};
// an exit signal other than `normal` ends a process that does not trap exits; trapped ones arrive as
// {'EXIT', From, Reason}; an ended monitor arrives as {'DOWN', Ref, process, PidOrNameAtNode, Reason}.
//
// Membership, supervisors, rex and every outgoing call are Processes. A native child (gen_server.h) is one too: its
// Process half hands messages to a worker thread and performs what comes back.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "node/effect.h"
#include "supervisorring/term.h"
#include "supervisorring/time.h"

namespace supervisorring {

class ProcessContext;

class Process {
 public:
  virtual ~Process() = default;

  // First call, once, after the pid exists and the name (if any) is registered.
  virtual void started(ProcessContext&) {}
  // A message from the run queue; for a process that keeps it. Default: handle_message.
  virtual void take_message(ProcessContext& context, Term&& message) { handle_message(context, message); }
  virtual void handle_message(ProcessContext&, const Term& message) = 0;
  // What sys:get_state/1 is told (system_message.h).
  virtual Term state_for_sys() const { return atom("cpp"); }
  // True: {system, From, Request} comes to handle_message like anything else.
  virtual bool handles_system_messages() const { return false; }
  // The worker half of a native child has results (worker_pool.h).
  virtual void worker_ready(ProcessContext&) {}
  // Last call, once: the process has ended for `reason`. It may still send; it may not spawn, link or monitor.
  // Links and monitors are told after it returns.
  virtual void ended(ProcessContext&, const Term& reason) { (void)reason; }
};

enum class TrapExit : bool { no, yes };

struct SpawnOptions {
  Term name;                        // an atom, or [] for none
  TrapExit trap_exit = TrapExit::no;
  Term link_to;                     // a pid linked before started(), or []
  Term proxy = {};                  // drop-in: the pid of the BEAM process that stands for it (port_link.h), or []
};

struct CallOptions {
  Duration timeout = std::chrono::seconds(5);
};

// What a call ended with: the reply, or why there is none (`noproc`, `noconnection`, `timeout`, or the exit reason).
struct CallResult {
  bool ok;
  Term value;  // the reply, or the reason
};
using CallContinuation = std::function<void(ProcessContext&, CallResult)>;
using ProcessWork = std::function<void(ProcessContext&)>;

// The node as one of its processes sees it. Valid only during the callback that it is passed to.
class ProcessContext {
 public:
  virtual ~ProcessContext() = default;

  virtual const Term& self() const = 0;       // own pid
  virtual const Term& node_name() const = 0;  // own node, an atom
  virtual Time time() const = 0;
  virtual std::uint64_t random() = 0;         // from the node's seeded generator

  // ---- messages ---------------------------------------------------------------------------------
  // `to`: a pid, an alias (reference), a registered name (atom) or {Name, Node}. Never fails, as in Erlang; a remote
  // node is connected to on demand.
  virtual void send(const Term& to, const Term& message) = 0;
  // As send(), but only when the node of `to` is connected already (erlang:send/3 with noconnect).
  virtual void send_noconnect(const Term& to, const Term& message) = 0;
  void cast(const Term& to, const Term& request);  // {'$gen_cast', Request}
  // Answers a '$gen_call' whose From is `from` = {Pid, Tag}: to the alias where Tag is [alias|Ref].
  void reply(const Term& from, const Term& value);
  // gen_server:call: monitor, alias, request, time-out. `then` runs in this process, once, unless the process has ended.
  virtual void call(const Term& to, const Term& request, CallOptions options, CallContinuation then) = 0;
  // erpc:call(Node, M, F, A, Timeout): ok with the value, or not ok with {'EXIT', Reason}-less reason:
  // {exception, R, Stack} | {exit, R} | {throw, T} | {erpc, noconnection | timeout | notsup}. To the own node as well.
  virtual void erpc(const Term& node, const Term& module, const Term& function, std::vector<Term> arguments,
                    Duration timeout, CallContinuation then) = 0;

  // Runs `work` in the local process `pid`, in its context, in order with the messages sent to it from here. Never, when it has ended by then.
  virtual void run_in(const Term& pid, ProcessWork work) = 0;

  // ---- timers -----------------------------------------------------------------------------------
  virtual Term send_after(Duration delay, const Term& to, const Term& message) = 0;  // a reference
  virtual bool cancel_timer(const Term& timer) = 0;                                  // false: fired or unknown

  // ---- links, monitors, names --------------------------------------------------------------------
  virtual void link(const Term& pid) = 0;
  virtual void unlink(const Term& pid) = 0;
  virtual Term monitor(const Term& target) = 0;        // pid, name or {Name, Node}; a reference
  virtual void demonitor(const Term& reference) = 0;   // and flushes: no 'DOWN' arrives after it
  virtual void exit_signal(const Term& to, const Term& reason) = 0;  // exit(Pid, Reason)
  virtual void trap_exit(TrapExit) = 0;
  virtual void monitor_nodes() = 0;                    // from now on {nodeup, Node} and {nodedown, Node} messages arrive
  virtual bool register_name(const Term& name) = 0;    // the own pid; false when the name is taken
  virtual std::optional<Term> whereis(const Term& name) const = 0;
  virtual bool is_alive(const Term& local_pid) const = 0;
  virtual bool is_connected(const Term& node) const = 0;
  virtual Term make_ref() = 0;

  // ---- life ---------------------------------------------------------------------------------------
  virtual std::optional<Term> spawn(std::unique_ptr<Process>, SpawnOptions) = 0;  // nullopt: name taken or table full
  virtual void exit(const Term& reason) = 0;           // ends the own process when the callback returns

  // ---- the node's surroundings ----------------------------------------------------------------------
  virtual void log(LogLevel, std::string text) = 0;
  // Writes `name` in the data directory atomically and synced, before any message sent after this call leaves the node.
  virtual void persist(const std::string& name, Bytes content) = 0;
  virtual void remove_file(const std::string& name) = 0;
  // Ends the node: connections are flushed and closed, then the program's main loop returns `status`.
  virtual void halt(int status, const std::string& why) = 0;
  virtual void connect(const Term& node) = 0;          // tries once; {nodeup|nodedown, Node} tell how it went
};

}  // namespace supervisorring
