// gen_server: a child of a cluster's supervisor that is written in C++.
//
// Derive from it, register the class under the name that child specs use (factory.h), and Erlang and Elixir call the object with
// gen_server:call/GenServer.call, link to it, monitor it and stop it like any gen_server:
//
//     class counter : public supervisorring::gen_server {
//       CallReaction handle_call(const Term& request, const From&) override {
//         if (request.is_atom("increment")) return reply(supervisorring::integer(++count_));
//         return stop(tuple(atom("bad_call"), request));
//       }
//       std::int64_t count_ = 0;
//     };
//     SUPERVISORRING_WORKERS(registry) { registry.add<counter>("Elixir.Counter"); }
//
// Follows OTP's gen_server(3): the callbacks, their results and the exit reasons mean the same. What differs is said below.
//
// Threads. The object is made, called and destroyed on its strand: one callback at a time, in the order of the messages, but not
// always on the same thread (unless WorkerOptions::own_thread). It needs no locks. A callback may take as long as it likes: only
// this child waits (others that share its threads at most a tenth of a second). The services below may be called from callbacks only (init
// included, the constructor not: std::logic_error).
//
// Exits. An exception that leaves a callback ends the child: the exit reason is {cpp_exception, <<"what()">>}, or the reason
// given when an Exit is thrown. terminate() is then called with it, as after stop().
// When the supervisor stops the child, terminate(shutdown) is called and the exit reason is `shutdown`, whether the child traps exits or
// not (a gen_server that does not trap exits gets no terminate call). Trapping, the child first handles the messages
// that came before the stop; not trapping, it drops them. An exit signal from anyone else ends a child that does not trap exits at once,
// without terminate; one that traps gets {'EXIT', Pid, Reason} in handle_info.
// Code that does not return cannot be stopped: after the shutdown time, or `kill`, the child is dead for the cluster, nothing that it
// still does has an effect, and its replacement starts when the callback has returned.
//
// Limits. A child's mailbox holds kMaxMailboxMessages messages or about kMaxMailboxBytes; beyond that messages are dropped with a
// warning in the log, and a call exits in the caller with {mailbox_full, Pid}.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "supervisorring/term.h"
#include "supervisorring/time.h"

namespace supervisorring {

class ChildStrand;  // the program's side of a child

class gen_server {
 public:
  // Who waits for a reply: {Pid, Tag}. May be kept, also in the state that migrate() gives, and answered later with reply().
  struct From {
    Term term;
    const Term& pid() const { return term[0]; }
  };

  // How a callback asks for the end of the child.
  struct Stop {
    Term reason;
    std::optional<Term> reply;  // handle_call only
  };
  struct Ignore {};
  struct Ok {};
  struct NoReply {};
  struct Reply { Term value; };

  using InitResult = std::variant<Ok, Ignore, Stop>;
  using CallReaction = std::variant<Reply, NoReply, Stop>;
  using Reaction = std::variant<NoReply, Stop>;  // of handle_cast and handle_info; a reply in Stop is not used

  // Thrown by a callback: ends the child with exactly this reason, as exit/1 does.
  struct Exit { Term reason; };

  // What an asynchronous request ended with. Not ok: `value` is the reason (noproc, timeout, noconnection, the exit reason of the other side).
  struct Answer {
    bool ok;
    Term value;
  };
  using Continuation = std::function<void(const Answer&)>;

  struct Timer { std::uint64_t id = 0; };

  enum class Severity { debug, info, notice, warning, error };

  gen_server() = default;
  virtual ~gen_server() = default;
  gen_server(const gen_server&) = delete;
  gen_server& operator=(const gen_server&) = delete;

  // ---- callbacks ------------------------------------------------------------------------------------
  // First. `argument` is what the child spec's start gives (factory.h). The supervisor waits for the result.
  virtual InitResult init(const Term& argument) { (void)argument; return ok(); }
  // gen_server:call. noreply() and reply(from, value) later, or never: then the caller's time-out strikes.
  // Default: stops with {bad_call, Request}.
  virtual CallReaction handle_call(const Term& request, const From& from);
  // gen_server:cast. Default: stops with {bad_cast, Request}.
  virtual Reaction handle_cast(const Term& request);
  // Any other message: plain sends, timers, {'DOWN', Ref, process, Pid, Reason}, {'EXIT', Pid, Reason}. Default: logs it.
  virtual Reaction handle_info(const Term& message);
  // Last, unless the child is killed or ended by a signal. What it sends is still sent.
  virtual void terminate(const Term& reason) { (void)reason; }

  // Moving to another member, when the ring changes. On the old owner the child is asked for its state, between two messages;
  // it handles no message after that unless the move fails. On the new owner migrate(state) follows init() and comes before the first message.
  // Calls and casts that wait meanwhile are handled by the new copy. Timers, monitors, links and running calls do not move. nullopt: moves without state, and
  // migrate(state) is not called.
  virtual std::optional<Term> migrate() { return std::nullopt; }
  virtual void migrate(const Term& state) { (void)state; }
  // The child ran twice: after a partition, or when this member had been taken for gone. This copy, the owner's, stays, and is given the state of the
  // other one (its migrate()) between two messages; then the other ends. Unless overridden it takes that state over, as the original's migrate/3 does.
  virtual void conflict(const Term& state) { migrate(state); }

 protected:
  // ---- results of callbacks ---------------------------------------------------------------------------
  static Ok ok() { return {}; }
  static Ignore ignore() { return {}; }
  static Stop stop(Term reason) { return {std::move(reason), std::nullopt}; }
  static Stop stop(Term reason, Term reply) { return {std::move(reason), std::move(reply)}; }
  static Reply reply(Term value) { return {std::move(value)}; }
  static NoReply noreply() { return {}; }

  // ---- services -----------------------------------------------------------------------------------------
  const Term& self() const;       // own pid
  const Term& node_name() const;  // own node, an atom
  Term make_ref();                // a reference that exists nowhere else

  // Messages. `to`: a pid, an alias, a registered name (atom) or {Name, Node}. They never fail, as in Erlang. They leave, in
  // this order, when the callback returns.
  void reply(const From& from, Term value);
  void send(const Term& to, Term message);
  void cast(const Term& to, Term request);

  // Calls: `then` runs on the strand of this child, once, between two messages; its exceptions count as those of a callback.
  void call(const Term& to, Term request, Duration timeout, Continuation then);
  // erpc:call(Node, Module, Function, Arguments). Not ok: {exception, Reason, Stack}, {exit, Reason}, {throw, Value} or {erpc, Why}.
  void erpc(const Term& node, std::string_view module, std::string_view function, std::vector<Term> arguments, Duration timeout,
            Continuation then);
  // supervisorring:find(Supervisor, Id): the member that owns the child, an atom.
  void find(const Term& supervisor, const Term& id, Continuation then);
  // supervisorring:start_child(Supervisor, ChildSpec): {ok, Pid} or {error, Reason} as `value`, as the function returns it.
  void start_child(const Term& supervisor, const Term& child_spec, Continuation then);

  // Timers. The message comes to handle_info, or goes to `to`.
  Timer send_after(Duration delay, Term message);
  Timer send_after(Duration delay, const Term& to, Term message);
  // True: it had not been delivered and will not be. False: it has been, or was cancelled before.
  bool cancel_timer(Timer timer);

  // Links and monitors. An ended monitor arrives in handle_info as {'DOWN', Reference, process, PidOrNameAtNode, Reason}.
  Term monitor(const Term& target);
  void demonitor(const Term& reference);  // and flushes: no 'DOWN' of it arrives after this
  void link(const Term& pid);
  void unlink(const Term& pid);
  void trap_exit(bool trap);
  void exit(const Term& pid, Term reason);  // exit(Pid, Reason): an exit signal; also to the own pid

  void log(Severity severity, std::string text);

 private:
  friend class ChildStrand;
  ChildStrand& strand() const;
  ChildStrand* strand_ = nullptr;
};

}  // namespace supervisorring
