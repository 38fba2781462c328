// NativeChild: the process half of a native child, on the node's thread.
//
// Hands messages to its ChildStrand and performs what comes back. Control requests of native_process.h arrive as calls whose request is
// {Control, What, ...}, Control being a reference that only this node's NativeRuntime knows.
//
// System messages: sys:get_state/1 answers {cpp, <<"class">>}, sys:get_status/1 a status, sys:terminate/2 (gen_server:stop/1) ends the child
// with its reason; others {error, {unknown_system_msg, Msg}}.
#pragma once

#include <deque>
#include <memory>
#include <unordered_map>

#include "node/child_strand.h"
#include "node/native_process.h"

namespace supervisorring {

struct NativeRuntime::Impl {
  explicit Impl(StrandPool& strands) : home(std::make_shared<StrandHome>(strands)) {}
  // The process that hears of released strands; spawned with the first child. False: no room for it.
  bool ensure_janitor(ProcessContext& context);

  const std::shared_ptr<StrandHome> home;  // its janitor: a pid, once there is one
  Term control;   // a reference, once there is a janitor
  std::size_t running = 0;
  std::vector<ChildAction> actions;  // of the child whose results are being performed; keeps its room
  std::unordered_map<Term, StuckChild> dying;                // by pid: ended, code not known to have returned
  std::unordered_map<Term, std::vector<Term>> waiting;       // by pid: the From of when_released()
};

class NativeChild : public Process {
 public:
  // `then` runs in the process `asker`, once.
  NativeChild(NativeRuntime::Impl& runtime, NativeStart start, Term asker, NativeStartContinuation then)
      : runtime_(runtime), starting_(std::make_unique<Starting>(std::move(start), std::move(asker), std::move(then))), parent_(starting_->start.parent) {}

  void started(ProcessContext&) override;
  void take_message(ProcessContext&, Term&& message) override;
  void handle_message(ProcessContext&, const Term& message) override;
  bool handles_system_messages() const override { return true; }
  void worker_ready(ProcessContext&) override;
  void ended(ProcessContext&, const Term& reason) override;

 private:
  enum class Phase { starting, running, freezing, frozen, handing, forwarding };

  void handle_control(ProcessContext&, const Term& from, const Term& request);
  void handle_control_freeze(const Term& from);
  void handle_control_unfreeze(ProcessContext&);
  void handle_control_forward(ProcessContext&, const Term& from, const Term& new_pid);
  void begin_forwarding(ProcessContext&);
  // native_child_hand.cpp: while it is given to a BEAM
  void handle_control_hand(ProcessContext&, const Term& from, const Term& asked);
  void handle_hand_message(ProcessContext&, const Term& message);
  void keep_waiting(ProcessContext&, Term message);
  void resume_after_handing(ProcessContext&);
  void forward_when_frozen(const Term& new_pid);
  void end_of_handing(ProcessContext&);
  void handle_system(ProcessContext&, const Term& from, const Term& request);
  void handle_down(ProcessContext&, const Term& message);
  void deliver(ProcessContext&, Term message);
  void forward(ProcessContext&, const Term& message);
  void refuse(ProcessContext&, const Term& message);

  void perform(ProcessContext&, ChildAction& action);
  void perform_request(ProcessContext&, ChildAction& action);
  void perform_timer(ProcessContext&, ChildAction& action);
  void perform_monitor(ProcessContext&, ChildAction& action);
  void perform_log(ProcessContext&, const ChildAction& action);
  void perform_frozen(ProcessContext&, const ChildAction& action);
  void finish_start(ProcessContext&, const Term& result);
  void answer_start(ProcessContext&, NativeStartResult result);
  void finish_end(ProcessContext&);
  std::string class_name() const { return phase_ == Phase::starting ? "" : strand_->class_name(); }
  std::string describe() const;

  // Until the start has been answered.
  struct Starting {
    NativeStart start;
    Term asker;
    NativeStartContinuation then;
  };
  // While it is given to a BEAM, until it stays or messages are forwarded.
  struct Handing {
    Term tell;                         // {To, Forwarded, Stays} or []
    Term way_in;                       // the pid by which migrate/3 gets at the child
    std::deque<Term> waiting;          // what came for it otherwise
    std::size_t bytes = 0;             // of that
  };
  // What few children need, and those not always.
  struct Rare {
    Term timer_token;                  // first element of the timer messages to itself; [] before the first
    std::optional<Term> release_from;
    std::optional<Term> freeze_from;
    std::uint64_t freeze_request = 0;
    std::optional<Term> end_reason;    // what the strand ended with
    Term new_pid;                      // where messages go, when forwarding
    std::size_t open_forwards = 0;
    bool forward_limit_reached = false;
    std::unordered_map<std::uint64_t, Term> timers;     // the child's number -> the node's reference
    std::unordered_map<Term, Term> monitors;            // the child's reference -> the node's
    std::unordered_map<Term, Term> monitors_by_node;    // and back
    Instant next_full_warning{};
    std::uint64_t dropped = 0;
    std::unique_ptr<Handing> handing;
  };
  Rare& rare() {
    if (!rare_) rare_ = std::make_unique<Rare>();
    return *rare_;
  }

  NativeRuntime::Impl& runtime_;
  std::unique_ptr<Starting> starting_;
  std::shared_ptr<ChildStrand> strand_;
  std::unique_ptr<Rare> rare_;
  const Term parent_;
  Phase phase_ = Phase::starting;
  bool began_ = false;                 // its init answered ok
};

// A reply to the caller `from`, and the end of its call with `reason` as if this process had ended of it.
void answer_call(ProcessContext&, const Term& from, const Term& value);
void fail_call(ProcessContext&, const Term& from, const Term& reason);

}  // namespace supervisorring
