// LocalSup: the process `<Sup>`. Drives a Supervisor (sup/supervisor.h) whose children are native.
//
// Answers OTP's supervisor calls, from here and from other members. Linked to its global supervisor, whose exit ends it and its
// children in order. The child manager hands it what belongs to moves through its post box, by the functions below.
#pragma once

#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <variant>

#include "node/native_process.h"
#include "node/process.h"
#include "node/sup_shared.h"

namespace supervisorring {

class LocalSup : public Process {
 public:
  LocalSup(std::shared_ptr<SupervisionState> all, std::shared_ptr<SupervisorState> sup, Term parent)
      : all_(std::move(all)), sup_(std::move(sup)), parent_(std::move(parent)) {}

  void started(ProcessContext&) override;
  void handle_message(ProcessContext&, const Term& message) override;
  void ended(ProcessContext&, const Term& reason) override;
  using Answer = std::function<void(ProcessContext&, const Term& result)>;
  Term state_for_sys() const override { return sup_->local ? sup_->local->which_children() : Term(); }

  // Drop-in: a request of the application's API, by its tag; as call(), but a predecessor may have begun to carry it out.
  void request(ProcessContext&, const Term& tag, const Term& request, Answer then);
  // Drop-in: what the BEAM says of its children and proxies (sup_local_beam.cpp).
  void beam_started(ProcessContext&, StartToken, const Term& result);
  void beam_exited(ProcessContext&, const Term& pid, const Term& reason);
  void proxy_started(ProcessContext&, StartToken, const Term& result);
  void end_native(ProcessContext&, const Term& pid);

  // For the child manager, in this process's context. The answers come in this process's context too.
  void call(ProcessContext&, const Term& request, Answer then);
  void start_children(ProcessContext&, const std::vector<MgrStart>&);  // each answered by the manager's start_done()
  void hold(ProcessContext&, const MoveKey&, const SharedSpec&);
  void release(ProcessContext&, const MoveKey&, std::optional<Term> state);
  void conflict(ProcessContext&, const MoveKey&, const Term& id, Term state);
  void drop(ProcessContext&, const MoveKey&);
  // Asked again before the child has answered: one question is under way at a time, its answer is for whoever wants it by then.
  void freeze(ProcessContext&, const Term& id, const Term& pid);
  void unfreeze(ProcessContext&, const Term& id, const Term& pid);
  void forward(ProcessContext&, const Term& id, const Term& pid, const Term& new_pid);
  // Copies that have moved, and wait for answers that they pass on.
  std::size_t passing_on() const { return passing_on_; }

 private:
  struct Held { MoveKey move; Term pid; };  // pid: [] while it starts

  void handle_exit(ProcessContext&, const Term& pid, const Term& reason);
  void handle_call(ProcessContext&, const Term& from, const Term& request);
  void perform(ProcessContext&);
  void start(ProcessContext&, const SupStart&);
  void start_answered(ProcessContext&, StartToken, const NativeStartResult&);
  void abandon(ProcessContext&, StartToken);
  void exit_child(ProcessContext&, const SupExitChild&);
  void answer(ProcessContext&, CallId, const Term& value);
  void tell_starts_done(ProcessContext&);
  void set_timer(ProcessContext&);
  void to_manager(ProcessContext&, std::function<void(ChildManager&, Instant)>);
  std::optional<StartToken> token_of(const MoveKey&) const;

  std::shared_ptr<SupervisionState> all_;
  std::shared_ptr<SupervisorState> sup_;
  const Term parent_;
  CallId next_call_ = 1;
  std::unordered_map<CallId, Term> callers_;      // From
  std::unordered_map<CallId, Answer> answers_;
  std::unordered_map<CallId, Term> tags_;         // of request()s
  std::unordered_map<CallId, Term> starts_;       // of start_children(): the child's id
  struct StartDone { Term id, result; };
  std::vector<StartDone> starts_done_;            // since the manager was told last
  std::unordered_map<StartToken, Held> held_;
  std::unordered_map<Term, StartToken> releasing_; // pids of copies that are given their state
  std::unordered_set<Term> stopping_;             // pids
  std::unordered_map<Term, bool> freezing_;       // pids; whether it was asked again
  std::unordered_set<StartToken> abandoned_;
  std::size_t passing_on_ = 0;
  std::optional<Instant> timer_at_;

  // sup_local_beam.cpp: children on the BEAM beside which the program runs, and what a successor is handed
  void take_over(ProcessContext&);
  void take_over_children(ProcessContext&, Instant now);
  void take_over_history(ProcessContext&);
  SupEndCause kept_end() const;
  // A request that a predecessor began to carry out: [] when this is none, its answer, or the number of the call that its child's start answers.
  std::variant<std::monostate, Term, CallId> begun_before(const Term& tag);
  void note_end_requested(ProcessContext&, const Term& request);
  std::optional<Term> refused_here(const Term& request) const;  // in a minority nothing is started
  void start_on_beam(ProcessContext&, const SupStart&);
  void start_proxy(ProcessContext&, const SupStart&, NativeStart);
  void handle_proxy_down(ProcessContext&, const Term& monitor);
  void end_proxy(const Term& started);
  void start_here(ProcessContext&, StartToken, NativeStart);
  void keep_changes(ProcessContext&);
  Term request_of(const SupStart&) const;

  std::unordered_set<Term> beam_pids_;
  std::unordered_map<StartToken, NativeStart> awaiting_proxy_;
  std::unordered_map<Term, Term> proxies_;            // by name: the last proxy that had it
  struct ProxyWait { Term name, order; };             // of a new proxy, for the end of the last one of its name
  std::unordered_map<Term, ProxyWait> proxy_waits_;   // by monitor
  std::unordered_map<Term, Term> adopted_requests_;  // tag -> id of the child that was started on its behalf
};

}  // namespace supervisorring
