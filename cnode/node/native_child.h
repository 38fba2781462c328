// NativeChild: the process half of a native child, on the node's thread.
//
// Hands messages to its ChildStrand and performs what comes back. Control requests of native_process.h arrive as calls whose request is
// {Control, What, ...}, Control being a reference that only this node's NativeRuntime knows.
//
// System messages: sys:get_state/1 answers {cpp, <<"class">>}, sys:get_status/1 a status, sys:terminate/2 (gen_server:stop/1) ends the child
// with its reason; others {error, {unknown_system_msg, Msg}}.
#pragma once

#include <unordered_map>

#include "node/child_strand.h"
#include "node/native_process.h"

namespace supervisorring {

struct NativeRuntime::Impl {
  explicit Impl(StrandPool& strands) : pool(strands), released(std::make_shared<ReleasedChildren>()) {}
  // The process that hears of released strands; spawned with the first child. False: no room for it.
  bool ensure_janitor(ProcessContext& context);

  StrandPool& pool;
  std::shared_ptr<ReleasedChildren> released;
  Term control;   // a reference, once there is a janitor
  Term janitor;   // a pid
  std::size_t running = 0;
  std::vector<ChildAction> actions;  // of the child whose results are being performed; keeps its room
  std::unordered_map<Term, StuckChild> dying;                // by pid: ended, code not known to have returned
  std::unordered_map<Term, std::vector<Term>> waiting;       // by pid: the From of when_released()
};

class NativeChild : public Process {
 public:
  NativeChild(NativeRuntime::Impl& runtime, NativeStart start) : runtime_(runtime), start_(std::move(start)) {}

  void started(ProcessContext&) override;
  void take_message(ProcessContext&, Term&& message) override;
  void handle_message(ProcessContext&, const Term& message) override;
  bool handles_system_messages() const override { return true; }
  void worker_ready(ProcessContext&) override;
  void ended(ProcessContext&, const Term& reason) override;

 private:
  enum class Phase { starting, running, freezing, frozen, forwarding };

  void handle_control(ProcessContext&, const Term& from, const Term& request);
  void handle_control_start(ProcessContext&, const Term& from);
  void handle_control_freeze(const Term& from);
  void handle_control_unfreeze();
  void handle_control_forward(ProcessContext&, const Term& from, const Term& new_pid);
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
  void finish_start(ProcessContext&);
  void finish_end(ProcessContext&);
  std::string describe() const;

  NativeRuntime::Impl& runtime_;
  NativeStart start_;
  std::shared_ptr<ChildStrand> strand_;
  Term self_;
  Term timer_token_;                  // first element of the timer messages to itself
  Phase phase_ = Phase::starting;
  std::string class_name_;
  std::optional<Term> init_result_;   // ok | ignore | {error, Reason}
  std::optional<Term> start_from_;    // who waits for the start
  std::optional<Term> release_from_;
  std::optional<Term> freeze_from_;
  std::uint64_t freeze_request_ = 0;
  std::optional<Term> end_reason_;    // what the strand ended with
  Term new_pid_;                      // where messages go, when forwarding
  std::size_t open_forwards_ = 0;
  bool forward_limit_reached_ = false;
  std::unordered_map<std::uint64_t, Term> timers_;     // the child's number -> the node's reference
  std::unordered_map<Term, Term> monitors_;            // the child's reference -> the node's
  std::unordered_map<Term, Term> monitors_by_node_;    // and back
  Instant next_full_warning_{};
  std::uint64_t dropped_ = 0;
};

// A reply to the caller `from`, and the end of its call with `reason` as if this process had ended of it.
void answer_call(ProcessContext&, const Term& from, const Term& value);
void fail_call(ProcessContext&, const Term& from, const Term& reason);

}  // namespace supervisorring
