#include "node/sup_local.h"

#include "ring/partition.h"

#include <algorithm>

#include "node/port_beam.h"

namespace supervisorring {

namespace {

const Term& supervisor_timeout() { static const Term message = atom("$supervisor_timeout"); return message; }

// What OTP's supervisor sees when the start function does not exist.
Term undefined_start(const ChildSpec& spec) {
  return tuple(atom("EXIT"), tuple(atom("undef"), list({tuple(spec.start[0], spec.start[1], spec.start[2], Term())})));
}

}  // namespace

void LocalSup::started(ProcessContext& context) {
  sup_->local = std::make_unique<Supervisor>(sup_->name, sup_->flags);
  sup_->local_process = this;
  sup_->local_end = SupEndCause::stopped;
  sup_->local_box.open(context.self());
  if (all_->beam) take_over(context);
}

void LocalSup::ended(ProcessContext&, const Term&) {
  sup_->local_box.close();
  sup_->local_process = nullptr;
  if (sup_->manager) sup_->manager->attach(nullptr, Instant{});
  sup_->local.reset();
}

void LocalSup::handle_message(ProcessContext& context, const Term& message) {
  if (sup_->local_box.handle(context, message)) {
  } else if (message.is_tagged("$gen_call", 3)) {
    handle_call(context, message[1], message[2]);
  } else if (message.is_tagged("EXIT", 3)) {
    handle_exit(context, message[1], message[2]);
  } else if (message.is_tagged("DOWN", 5) && all_->beam) {
    handle_proxy_down(context, message[1]);
  } else if (message == supervisor_timeout()) {
    timer_at_.reset();
    sup_->local->timeout(context.time().now);
  } else if (!message.is_tagged("$gen_cast", 2)) {
    context.log(LogLevel::warning, to_text(sup_->name) + " received an unexpected message: " + to_text(message, 200));
  }
  perform(context);
}

void LocalSup::handle_call(ProcessContext& context, const Term& from, const Term& request) {
  if (all_->beam && from.is_tuple(2)) {
    const auto begun = begun_before(from[1]);
    if (const Term* answer = std::get_if<Term>(&begun)) return context.reply(from, *answer);
    if (const CallId* call = std::get_if<CallId>(&begun)) return void(callers_[*call] = from);
  }
  if (const auto refused = refused_here(request)) return context.reply(from, *refused);
  const CallId id = next_call_++;
  callers_[id] = from;
  note_end_requested(context, request);
  sup_->local->call(id, request, context.time().now);
}

std::optional<Term> LocalSup::refused_here(const Term& request) const {
  if (!all_->ring.minority() || !(request.is_tagged("start_child", 2) || request.is_tagged("restart_child", 2))) return std::nullopt;
  return tuple(atom("error"), minority_term(all_->ring.nodes(), all_->ring.up()));
}

void LocalSup::note_end_requested(ProcessContext& context, const Term& request) {
  const bool terminate = request.is_tagged("terminate_child", 2);
  const bool forget = request.is_tagged("delete_child", 2);
  const auto view = terminate || forget ? sup_->local->find(request[1]) : std::nullopt;
  if (!view) return;
  const bool forgotten = forget && view->state == Supervisor::ChildState::down;
  to_manager(context, [child = request[1], forgotten](ChildManager& manager, Instant now) {
    manager.end_requested(child);
    if (forgotten) manager.delete_requested(child, now);
  });
}

void LocalSup::handle_exit(ProcessContext& context, const Term& pid, const Term& reason) {
  const Instant now = context.time().now;
  if (pid == parent_) return sup_->local->stop(reason, now);
  for (const auto& [token, held] : held_) {
    if (held.pid != pid) continue;
    const StartToken of = token;
    held_.erase(of);
    return sup_->local->start_failed(of, reason, now);
  }
  if (!stopping_.contains(pid)) sup_->local->exited(pid, reason, now);
}

void LocalSup::call(ProcessContext& context, const Term& request, Answer then) {
  const CallId id = next_call_++;
  answers_[id] = std::move(then);
  sup_->local->call(id, request, context.time().now);
  perform(context);
}

void LocalSup::start_children(ProcessContext& context, const std::vector<MgrStart>& starts) {
  const Instant now = context.time().now;
  for (const MgrStart& start : starts) {
    const CallId id = next_call_++;
    starts_.emplace(id, start.spec->id);
    if (start.is_there) sup_->local->call(id, tuple(atom("restart_child"), start.spec->id), now);
    else if (start.spec->significant) sup_->local->call(id, tuple(atom("start_child"), to_wire(*start.spec)), now);  // whether it may be is for this supervisor to say
    else sup_->local->start_child(id, start.spec, now);
  }
  perform(context);
}

void LocalSup::tell_starts_done(ProcessContext& context) {
  to_manager(context, [done = std::exchange(starts_done_, {})](ChildManager& manager, Instant now) {
    for (const StartDone& each : done) manager.start_done(each.id, each.result, now);
  });
}

// ---- effects ------------------------------------------------------------------------------------------

void LocalSup::perform(ProcessContext& context) {
  for (auto effects = sup_->local->take_effects(); !effects.empty(); effects = sup_->local->take_effects()) {
    for (const SupEffect& effect : effects) {
      if (auto* e = std::get_if<SupStart>(&effect)) start(context, *e);
      else if (auto* e = std::get_if<SupAbandon>(&effect)) abandon(context, e->token);
      else if (auto* e = std::get_if<SupExitChild>(&effect)) exit_child(context, *e);
      else if (auto* e = std::get_if<SupReply>(&effect)) answer(context, e->call, e->value);
      else if (auto* e = std::get_if<SupReport>(&effect)) context.log(e->level == SupReport::Level::error ? LogLevel::error : LogLevel::notice, e->text);
      else if (auto* e = std::get_if<SupEnd>(&effect)) sup_->local_end = e->cause, context.exit(e->reason);
    }
  }
  if (all_->beam) keep_changes(context);
  if (!starts_done_.empty()) tell_starts_done(context);
  set_timer(context);
}

void LocalSup::set_timer(ProcessContext& context) {
  const auto at = sup_->local->next_timeout();
  if (!at || (timer_at_ && *timer_at_ <= *at)) return;
  timer_at_ = at;
  context.send_after(std::max(Duration::zero(), *at - context.time().now), context.self(), supervisor_timeout());
}

void LocalSup::start(ProcessContext& context, const SupStart& start) {
  if (all_->beam && all_->workers.empty()) return start_on_beam(context, start);
  auto worker = all_->workers.resolve(start.spec->start);
  if (!worker && all_->beam) return start_on_beam(context, start);
  const Instant now = context.time().now;
  if (!worker) {
    context.log(LogLevel::error, "child " + to_text(start.spec->id, 200) + " of " + to_text(sup_->name) + ": " + worker.error());
    return sup_->local->start_failed(start.token, undefined_start(*start.spec), now);
  }
  NativeStart native{std::move(*worker), context.self(), NativeHeld::no, start.replaces};
  if (start.hold.is_tuple(2)) {
    native.held = NativeHeld::yes;
    held_[start.token] = Held{MoveKey{start.hold[0], static_cast<std::uint64_t>(start.hold[1].to_int64())}, Term()};
  }
  if (all_->beam) return start_proxy(context, start, std::move(native));
  start_here(context, start.token, std::move(native));
}

void LocalSup::start_here(ProcessContext& context, StartToken token, NativeStart native) {
  start_native(context, all_->native, std::move(native), [this, token](ProcessContext& ctx, NativeStartResult result) {
    start_answered(ctx, token, result);
    perform(ctx);
  });
}

void LocalSup::start_answered(ProcessContext& context, StartToken token, const NativeStartResult& result) {
  const Instant now = context.time().now;
  const bool unwanted = abandoned_.erase(token) > 0;
  const auto held = held_.find(token);
  if (auto* failed = std::get_if<NativeStartFailed>(&result)) {
    held_.erase(token);
    return sup_->local->start_failed(token, failed->reason, now);
  }
  if (std::holds_alternative<NativeIgnored>(result)) {
    if (held == held_.end()) return sup_->local->started(token, atom("undefined"), now);
    held_.erase(held);
    return sup_->local->start_failed(token, atom("ignore"), now);
  }
  const Term pid = std::get<NativeStarted>(result).pid;
  if (held == held_.end()) return sup_->local->started(token, pid, now);
  held->second.pid = pid;
  if (unwanted) return abandon(context, token);
  to_manager(context, [move = held->second.move, pid](ChildManager& manager, Instant at) { manager.held(move, pid, at); });
}

void LocalSup::abandon(ProcessContext& context, StartToken token) {
  const auto held = held_.find(token);
  if (held == held_.end()) return;  // an ordinary start ends by itself, then the child is stopped
  if (!held->second.pid.is_pid()) {
    abandoned_.insert(token);
    return;
  }
  const Term pid = held->second.pid;
  held_.erase(held);
  stop_native(context, all_->native, pid, NativeKill{}, [](ProcessContext&, Term) {});
  sup_->local->start_failed(token, atom("abandoned"), context.time().now);
}

void LocalSup::exit_child(ProcessContext& context, const SupExitChild& exit) {
  if (beam_pids_.contains(exit.pid)) return all_->beam->order(tuple(atom("exit_child"), sup_->name, exit.pid, exit.reason));
  const bool kill = exit.reason.is_atom("kill");
  if (!stopping_.insert(exit.pid).second) {
    if (kill) context.exit_signal(exit.pid, exit.reason);
    return;
  }
  const NativeShutdown how = kill ? NativeShutdown(NativeKill{}) : NativeShutdown(kForever);
  stop_native(context, all_->native, exit.pid, how, [this, pid = exit.pid](ProcessContext& ctx, Term reason) {
    stopping_.erase(pid);
    sup_->local->exited(pid, reason, ctx.time().now);
    perform(ctx);
  });
}

void LocalSup::answer(ProcessContext& context, CallId call, const Term& value) {
  if (all_->beam) tags_.erase(call);
  if (const auto start = starts_.find(call); start != starts_.end()) {
    starts_done_.push_back({std::move(start->second), value});
    starts_.erase(start);
  } else if (const auto caller = callers_.find(call); caller != callers_.end()) {
    context.reply(caller->second, value);
    callers_.erase(caller);
  } else if (const auto it = answers_.find(call); it != answers_.end()) {
    Answer then = std::move(it->second);
    answers_.erase(it);
    then(context, value);
  }
}

// ---- moves ----------------------------------------------------------------------------------------------

void LocalSup::to_manager(ProcessContext& context, std::function<void(ChildManager&, Instant)> what) {
  sup_->manager_box.put(context, [sup = sup_, what = std::move(what)](ProcessContext& ctx) { what(*sup->manager, ctx.time().now); });
}

std::optional<StartToken> LocalSup::token_of(const MoveKey& move) const {
  for (const auto& [token, held] : held_)
    if (held.move == move) return token;
  return std::nullopt;
}

void LocalSup::hold(ProcessContext& context, const MoveKey& move, const SharedSpec& spec) {
  const CallId id = next_call_++;
  // Success is told when the copy is held, not when it is released.
  answers_[id] = [this, move](ProcessContext& ctx, const Term& result) {
    if (result.is_tagged("ok", 2)) return;
    const Term reason = result.is_tagged("error", 2) && result[1].is_tuple(2) ? result[1][0] : result;
    to_manager(ctx, [move, text = to_text(reason, 300)](ChildManager& manager, Instant at) { manager.held(move, Error{text}, at); });
  };
  sup_->local->start_held(id, spec, tuple(move.source, Term::unsigned_integer(move.number)), context.time().now);
  perform(context);
}

void LocalSup::release(ProcessContext& context, const MoveKey& move, std::optional<Term> state) {
  const auto token = token_of(move);
  if (!token || !held_.at(*token).pid.is_pid())
    return to_manager(context, [move](ChildManager& manager, Instant at) { manager.released(move, Error{"the held copy has ended"}, at); });
  const Term pid = held_.at(*token).pid;
  held_.erase(*token);
  releasing_.emplace(pid, *token);
  release_native(context, all_->native, pid, std::move(state), [this, move, pid](ProcessContext& ctx, Result<Term> released) {
    const auto it = releasing_.find(pid);
    if (it == releasing_.end()) return;
    const StartToken of = it->second;
    releasing_.erase(it);
    if (released) {
      sup_->local->started(of, pid, ctx.time().now);
      to_manager(ctx, [move, pid](ChildManager& manager, Instant at) { manager.released(move, pid, at); });
    } else {
      sup_->local->start_failed(of, Term::binary(released.error()), ctx.time().now);
      to_manager(ctx, [move, text = released.error()](ChildManager& manager, Instant at) { manager.released(move, Error{text}, at); });
    }
    perform(ctx);
  });
}

void LocalSup::conflict(ProcessContext& context, const MoveKey& move, const Term& id, Term state) {
  const auto view = sup_->local->find(id);
  if (!view || view->state != Supervisor::ChildState::running || !view->pid.is_pid())
    return to_manager(context, [move](ChildManager& manager, Instant at) { manager.conflict_told(move, Error{"it does not run any more"}, at); });
  conflict_native(context, all_->native, view->pid, std::move(state), [this, move](ProcessContext& ctx, Result<Term> told) {
    to_manager(ctx, [move, told](ChildManager& manager, Instant at) { manager.conflict_told(move, told, at); });
  });
}

void LocalSup::drop(ProcessContext& context, const MoveKey& move) {
  if (const auto token = token_of(move)) abandon(context, *token);
  perform(context);
}

void LocalSup::freeze(ProcessContext& context, const Term& id, const Term& pid) {
  const auto [known, first] = freezing_.try_emplace(pid, false);
  if (!first) return void(known->second = true);
  freeze_native(context, all_->native, pid, all_->migrate_timeout, [this, id, pid](ProcessContext& ctx, Result<std::optional<Term>> state) {
    const bool asked_again = freezing_.extract(pid).mapped();
    if (!state && asked_again) return freeze(ctx, id, pid);  // the time that it had was counted from an earlier question
    to_manager(ctx, [id, pid, state](ChildManager& manager, Instant at) { manager.frozen(id, pid, state, at); });
  });
}

void LocalSup::unfreeze(ProcessContext& context, const Term& id, const Term& pid) {
  const auto view = sup_->local->find(id);
  if (view && view->pid == pid) unfreeze_native(context, all_->native, pid);
}

void LocalSup::forward(ProcessContext& context, const Term& id, const Term& pid, const Term& new_pid) {
  const auto view = sup_->local->find(id);
  const bool still_ours = view && view->pid == pid && view->state == Supervisor::ChildState::running;
  if (still_ours) {
    ++passing_on_;
    forward_native(context, all_->native, pid, new_pid, [this](ProcessContext&, Term) { --passing_on_; });
    sup_->local->moved_away(id, context.time().now);
  }
  to_manager(context, [id](ChildManager& manager, Instant at) { manager.forwarded(id, at); });
  perform(context);
}

}  // namespace supervisorring
