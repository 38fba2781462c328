#include "node/native_child.h"

#include "node/system_message.h"

namespace supervisorring {
namespace {

using Event = ChildEvent::Kind;
using Action = ChildAction::Kind;

const Term kGenCall = atom("$gen_call");
constexpr std::size_t kKeptActions = 4 * kEventsPerTurn;  // room that is kept
constexpr Duration kWarnEvery = std::chrono::seconds(10);

bool is_call(const Term& message) {
  return message.is_tuple(3) && message[0] == kGenCall && message[1].is_tuple(2) && message[1][0].is_pid();
}

// The reference of an alias that a call's tag names, or [].
Term alias_of(const Term& tag) {
  const bool is_alias = tag.type() == TermType::list && tag.size() == 1 && tag[0].is_atom("alias") && tag.tail().is_reference();
  return is_alias ? tag.tail() : Term();
}

bool is_quiet(const Term& reason) {
  return reason.is_atom("normal") || reason.is_atom("shutdown") || reason.is_tagged("shutdown", 2);
}

}  // namespace

void answer_call(ProcessContext& context, const Term& from, const Term& value) {
  if (!from.is_tuple(2)) return;
  const Term alias = alias_of(from[1]);
  context.send(alias.is_nil() ? from[0] : alias, tuple(from[1], value));
}

// gen:call waits for its alias's reply or its monitor's 'DOWN', which is what it gets; a caller without alias waits for the time-out.
void fail_call(ProcessContext& context, const Term& from, const Term& reason) {
  const Term alias = from.is_tuple(2) ? alias_of(from[1]) : Term();
  if (!alias.is_nil()) context.send(alias, tuple(atom("DOWN"), alias, atom("process"), context.self(), reason));
}

void NativeChild::started(ProcessContext& context) {
  ++runtime_.running;
  const auto words = context.make_ref();
  const std::uint64_t stem = static_cast<std::uint64_t>(words.reference_words()[2]) << 32 | words.reference_words()[1];
  NativeStart& start = starting_->start;
  strand_ = std::make_shared<ChildStrand>(runtime_.home, std::move(start.worker), ChildStrand::Identity{context.self(), stem, start.held == NativeHeld::yes});
  strand_->begin();
}

void NativeChild::ended(ProcessContext& context, const Term& reason) {
  if (starting_) answer_start(context, NativeStartFailed{reason});
  if (!strand_) return;
  if (rare_ && rare_->handing) end_of_handing(context);
  --runtime_.running;
  if (strand_->is_released()) return;
  const Worker& worker = strand_->worker();
  runtime_.dying.insert_or_assign(context.self(), StuckChild{context.self(), worker.name, worker.module, reason, context.time().now});
  strand_->kill();
}

// ---- messages ----------------------------------------------------------------------------------------------

// A call goes on to the strand without a copy: the other thread then holds the only reference.
void NativeChild::take_message(ProcessContext& context, Term&& message) {
  if (!is_call(message)) return handle_message(context, message);
  const Term& request = message[2];
  if (request.is_tuple() && request.size() >= 2 && request[0] == runtime_.control) {
    return handle_control(context, message[1], request);
  }
  deliver(context, std::move(message));
}

void NativeChild::handle_message(ProcessContext& context, const Term& message) {
  if (message.is_tuple(2) && message[0] == runtime_.control) {
    if (message[1].is_atom("unfreeze")) return handle_control_unfreeze(context);
    rare().forward_limit_reached = true;
    return finish_end(context);
  }
  if (message.is_tuple(3) && message[0] == runtime_.control) return handle_hand_message(context, message);
  if (rare_ && message.is_tuple(2) && !rare_->timer_token.is_nil() && message[0] == rare_->timer_token) {
    const auto number = static_cast<std::uint64_t>(message[1].to_int64());
    if (rare_->timers.erase(number) > 0 && phase_ != Phase::forwarding) strand_->push({Event::timer_fired, 0, number, {}});
    return;
  }
  if (message.is_tagged("EXIT", 3) && !parent_.is_nil() && message[1] == parent_) {
    return strand_->push_urgent({Event::stop, 0, 0, message[2]});
  }
  if (rare_ && message.is_tagged("DOWN", 5) && !rare_->monitors_by_node.empty()) return handle_down(context, message);
  if (message.is_tagged("system", 3)) return handle_system(context, message[1], message[2]);
  deliver(context, message);
}

void NativeChild::deliver(ProcessContext& context, Term message) {
  if (phase_ == Phase::forwarding) return forward(context, message);
  if (rare_ && rare_->handing) return keep_waiting(context, std::move(message));
  ChildEvent event{Event::message, 0, 0, std::move(message)};
  if (!strand_->push(std::move(event))) refuse(context, event.term);
}

void NativeChild::refuse(ProcessContext& context, const Term& message) {
  ++rare().dropped;
  if (is_call(message)) fail_call(context, message[1], tuple(atom("mailbox_full"), context.self()));
  const Instant now = context.time().now;
  if (now < rare_->next_full_warning) return;
  rare_->next_full_warning = now + kWarnEvery;
  context.log(LogLevel::warning, describe() + ": mailbox full, " + std::to_string(rare_->dropped) + " messages dropped so far");
}

void NativeChild::forward(ProcessContext& context, const Term& message) {
  if (!is_call(message)) return context.send(rare().new_pid, message);
  ++rare().open_forwards;
  context.call(rare_->new_pid, message[2], {kForwardLimit}, [this, from = message[1]](ProcessContext& own, CallResult result) {
    if (result.ok) answer_call(own, from, result.value);
    else fail_call(own, from, result.value);
    --rare_->open_forwards;
    finish_end(own);
  });
}

void NativeChild::handle_down(ProcessContext& context, const Term& message) {
  const auto known = rare_->monitors_by_node.find(message[1]);
  if (known == rare_->monitors_by_node.end()) return deliver(context, message);
  const Term reference = known->second;
  rare_->monitors.erase(reference);
  rare_->monitors_by_node.erase(known);
  deliver(context, tuple(message[0], reference, message[2], message[3], message[4]));
}

void NativeChild::handle_system(ProcessContext& context, const Term& from, const Term& request) {
  if (request.is_atom("get_state")) return answer_call(context, from, tuple(atom("cpp"), binary(class_name())));
  if (request.is_atom("get_status")) {
    const Term data = list({tuple(Term::string("Class"), binary(class_name()))});
    return answer_call(context, from, system_status(context.self(), strand_->worker().module, parent_, data));
  }
  if (request.is_tagged("terminate", 2)) {  // gen_server:stop/1 and proc_lib:stop/1
    answer_call(context, from, atom("ok"));
    return strand_->push_urgent({Event::stop, 0, 0, request[1]});
  }
  answer_call(context, from, tuple(atom("error"), tuple(atom("unknown_system_msg"), request)));
}

// ---- control -------------------------------------------------------------------------------------------------

// `wait` is answered by the end of the process, `stop` too.
void NativeChild::handle_control(ProcessContext& context, const Term& from, const Term& request) {
  const std::string_view what = request[1].atom_name();
  if (what == "stop") return strand_->push_urgent({Event::stop, 0, 0, atom("shutdown")});
  if (what == "freeze") return handle_control_freeze(from);
  if (what == "hand") return handle_control_hand(context, from, request[2]);
  if (what == "forward") return handle_control_forward(context, from, request[2]);
  // What the other copy passes on comes later than its state.
  if (what == "conflict") {
    if (phase_ != Phase::running) return fail_call(context, from, atom("busy"));
    strand_->push_urgent({Event::conflict, 0, 0, request[2]});
    return answer_call(context, from, atom("ok"));
  }
  if (what == "release") {
    rare().release_from = from;
    strand_->push_urgent({Event::release, 0, 0, request[2]});
  }
}

void NativeChild::handle_control_freeze(const Term& from) {
  if (phase_ != Phase::running) return;
  phase_ = Phase::freezing;
  rare().freeze_from = from;
  strand_->push_urgent({Event::freeze, 0, ++rare().freeze_request, {}});
}

void NativeChild::handle_control_unfreeze(ProcessContext& context) {
  if (phase_ == Phase::handing) return resume_after_handing(context);
  const bool goes = rare_ && rare_->new_pid.is_pid();
  if (goes || (phase_ != Phase::freezing && phase_ != Phase::frozen)) return;
  phase_ = Phase::running;
  rare().freeze_from.reset();
  strand_->push_urgent({Event::unfreeze});
}

void NativeChild::handle_control_forward(ProcessContext& context, const Term& from, const Term& new_pid) {
  if (phase_ == Phase::starting || phase_ == Phase::forwarding) return fail_call(context, from, atom("not_running"));
  // Nobody holds it any more: it must not go on, frozen or not.
  if (phase_ != Phase::frozen) return forward_when_frozen(new_pid);
  rare().new_pid = new_pid;
  begin_forwarding(context);
}

// REQUIRES: frozen
void NativeChild::begin_forwarding(ProcessContext& context) {
  phase_ = Phase::forwarding;
  const auto handing = std::move(rare().handing);
  for (const ChildEvent& event : strand_->take_mailbox()) {
    if (event.kind == Event::message) forward(context, event.term);
  }
  if (handing) {
    for (const Term& message : handing->waiting) forward(context, message);
    context.send(handing->way_in, tuple(runtime_.control, atom("over")));
    if (handing->tell.is_tuple()) context.send(handing->tell[0], handing->tell[1]);
  }
  strand_->push_urgent({Event::stop, 0, 0, atom("shutdown")});
  context.send_after(kForwardLimit, context.self(), tuple(runtime_.control, atom("forward_limit")));
}

// ---- what the strand wants done --------------------------------------------------------------------------------

void NativeChild::worker_ready(ProcessContext& context) {
  std::vector<ChildAction> actions = strand_->take_actions(starting_ ? std::vector<ChildAction>() : std::exchange(runtime_.actions, {}));
  for (ChildAction& action : actions) perform(context, action);
  actions.clear();
  if (actions.capacity() <= kKeptActions && actions.capacity() >= runtime_.actions.capacity()) runtime_.actions = std::move(actions);
}

void NativeChild::perform(ProcessContext& context, ChildAction& action) {
  switch (action.kind) {
    case Action::send: return context.send(action.to, action.term);
    case Action::reply: return answer_call(context, action.to, action.term);
    case Action::cast: return context.send(action.to, tuple(atom("$gen_cast"), action.term));
    case Action::call:
    case Action::erpc: return perform_request(context, action);
    case Action::start_timer:
    case Action::cancel_timer: return perform_timer(context, action);
    case Action::monitor:
    case Action::demonitor: return perform_monitor(context, action);
    case Action::link: return context.link(action.to);
    case Action::unlink: return context.unlink(action.to);
    case Action::trap_exit: return context.trap_exit(action.number ? TrapExit::yes : TrapExit::no);
    case Action::exit_signal: return context.exit_signal(action.to, action.term);
    case Action::log: return perform_log(context, action);
    case Action::frozen: return perform_frozen(context, action);
    case Action::init_done:
      return finish_start(context, action.term);
    case Action::released:
      if (rare().release_from) answer_call(context, *rare_->release_from, atom("ok"));
      return rare_->release_from.reset();
    case Action::end:
      rare().end_reason = action.term;
      return finish_end(context);
  }
}

void NativeChild::perform_request(ProcessContext& context, ChildAction& action) {
  auto then = [this, number = action.number](ProcessContext&, CallResult result) {
    if (phase_ == Phase::forwarding) return;
    strand_->push({result.ok ? Event::answer_ok : Event::answer_error, 0, number, std::move(result.value)});
  };
  if (action.kind == Action::call) return context.call(action.to, action.term, {action.delay}, std::move(then));
  const auto arguments = action.term[2].elements();
  context.erpc(action.to, action.term[0], action.term[1], {arguments.begin(), arguments.end()}, action.delay, std::move(then));
}

void NativeChild::perform_timer(ProcessContext& context, ChildAction& action) {
  if (action.kind == Action::start_timer) {
    if (rare().timer_token.is_nil()) rare().timer_token = context.make_ref();
    const Term message = tuple(rare().timer_token, integer(static_cast<std::int64_t>(action.number)));
    rare().timers.insert_or_assign(action.number, context.send_after(action.delay, context.self(), message));
    return;
  }
  const auto timer = rare().timers.find(action.number);
  if (timer == rare().timers.end()) return;
  context.cancel_timer(timer->second);
  rare().timers.erase(timer);
}

void NativeChild::perform_monitor(ProcessContext& context, ChildAction& action) {
  if (action.kind == Action::monitor) {
    const Term of_node = context.monitor(action.to);
    rare().monitors.insert_or_assign(action.term, of_node);
    rare().monitors_by_node.insert_or_assign(of_node, action.term);
    return;
  }
  const auto known = rare().monitors.find(action.term);
  if (known == rare().monitors.end()) return;
  context.demonitor(known->second);
  rare().monitors_by_node.erase(known->second);
  rare().monitors.erase(known);
}

void NativeChild::perform_log(ProcessContext& context, const ChildAction& action) {
  static_assert(static_cast<int>(gen_server::Severity::error) == static_cast<int>(LogLevel::error));
  context.log(static_cast<LogLevel>(action.number), describe() + ": " + std::string(action.term.bytes()));
}

void NativeChild::perform_frozen(ProcessContext& context, const ChildAction& action) {
  if (phase_ != Phase::freezing || action.number != rare().freeze_request) return;  // unfrozen meanwhile
  phase_ = Phase::frozen;
  if (rare_->new_pid.is_pid()) return begin_forwarding(context);
  answer_call(context, *rare().freeze_from, action.term);
  rare().freeze_from.reset();
}

// `result`: what init came to: ok | ignore | {error, Reason}.
void NativeChild::finish_start(ProcessContext& context, const Term& result) {
  phase_ = Phase::running;
  began_ = result.is_atom("ok");
  if (!began_ && !parent_.is_nil()) context.unlink(parent_);
  if (began_) answer_start(context, NativeStarted{context.self()});
  else if (result.is_atom("ignore")) answer_start(context, NativeIgnored{});
  else answer_start(context, NativeStartFailed{result[1]});
}

void NativeChild::answer_start(ProcessContext& context, NativeStartResult result) {
  const auto starting = std::move(starting_);
  context.run_in(starting->asker, [then = std::move(starting->then), result = std::move(result)](ProcessContext& asker) { then(asker, result); });
}

void NativeChild::finish_end(ProcessContext& context) {
  if (!rare_ || !rare_->end_reason || phase_ == Phase::starting) return;
  if (phase_ == Phase::forwarding && rare_->open_forwards > 0 && !rare_->forward_limit_reached) return;
  const Term& reason = *rare_->end_reason;
  if (began_ && !is_quiet(reason)) {
    context.log(LogLevel::error, describe() + " ended: " + to_text(reason, 500));
  }
  // Nothing that came is unanswered: whoever called too late for this copy may ask the new one.
  const bool all_passed_on = phase_ == Phase::forwarding && rare_->open_forwards == 0;
  context.exit(all_passed_on ? tuple(atom("shutdown"), tuple(atom("moved"), rare_->new_pid)) : reason);
}

std::string NativeChild::describe() const {
  const Worker& worker = strand_->worker();
  std::string text = "native child " + to_text(strand_->pid());
  if (!worker.name.is_nil()) text += " " + to_text(worker.name);
  return text + " (" + to_text(worker.module) + ")";
}

}  // namespace supervisorring
