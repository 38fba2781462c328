#include "sup/supervisor.h"

#include <algorithm>
#include <iterator>

namespace supervisorring {

namespace {

constexpr std::uint64_t kMaxPlace = std::uint64_t{1} << 62;  // of one that is taken over: leaves room for those that come

bool is_quiet(const Term& reason) { return reason.is_atom("normal") || reason.is_atom("shutdown") || reason.is_tagged("shutdown", 2); }

}  // namespace

// ---- starting -------------------------------------------------------------------------------------

void Supervisor::attempt(Seq seq, Child& child, StartKind kind, Term hold) {
  child.state = kind == StartKind::restart ? ChildState::restarting : ChildState::starting;
  child.start_kind = kind;
  child.token = next_token_++;
  child.abandoned = false;
  child.held = !hold.is_nil();
  by_token_[child.token] = seq;
  changed(child.spec->id);
  effects_.push_back(SupStart{child.token, child.spec, std::move(hold), child.last_pid, child.answer ? child.call : 0, seq});
}

void Supervisor::started(StartToken token, const Term& pid, Instant now, const std::optional<Term>& info) {
  const auto it = by_token_.find(token);
  if (it == by_token_.end()) {
    if (pid.is_pid()) effects_.push_back(SupExitChild{pid, atom("kill")});
    return;
  }
  const Seq seq = it->second;
  by_token_.erase(it);
  group_starts_.erase(seq);
  Child& child = children_.at(seq);
  child.token = 0;
  const Term id = child.spec->id;
  const bool answer = child.answer;
  const CallId call = child.call;
  child.answer = false;
  if (pid.is_pid()) {
    child.state = ChildState::running;
    give_pid(seq, child, pid);
  } else {
    child.state = ChildState::down;
  }
  changed(id);
  if (answer) reply(call, info ? tuple(atom("ok"), pid, *info) : tuple(atom("ok"), pid));
  if (stop_reason_) return continue_stop(now);
  if (!pid.is_pid() && child.spec->restart == RestartType::temporary) return forget(seq, id, now);
  run_waiting(id, now);
  go_on_with_group(now);
}

void Supervisor::start_failed(StartToken token, const Term& reason, Instant now) {
  const auto it = by_token_.find(token);
  if (it == by_token_.end()) return;
  const Seq seq = it->second;
  by_token_.erase(it);
  Child& child = children_.at(seq);
  child.token = 0;
  const Term id = child.spec->id;
  const bool answer = std::exchange(child.answer, false);
  changed(id);
  if (child.start_kind == StartKind::first) {
    if (answer) reply(child.call, tuple(atom("error"), tuple(reason, to_child_record(*child.spec, atom("undefined")))));
    return forget(seq, id, now);
  }
  if (child.start_kind == StartKind::on_call) {
    child.state = ChildState::down;
    if (answer) reply(child.call, tuple(atom("error"), reason));
    if (stop_reason_) return continue_stop(now);
    run_waiting(id, now);
    return go_on_with_group(now);
  }
  report_error("start_error", child, reason);
  if (stop_reason_) {
    child.state = ChildState::down;
    return continue_stop(now);
  }
  others_stay_down(seq);
  // Requests that came in the meantime see the child as `restarting`, and may end that, before it is tried again.
  run_waiting(id, now);
  const auto again = find_item(id);
  if (stop_reason_ || !again || again->first != seq) return;
  Child& still = again->second;
  if (still.state == ChildState::restarting && still.token == 0) return restart(seq, still, now);
  go_on_with_group(now);
}

// ---- exits ----------------------------------------------------------------------------------------

void Supervisor::give_pid(Seq seq, Child& child, const Term& pid) {
  child.pid = pid;
  by_pid_.add(pid.hash(), children_.number_of(seq));
}

void Supervisor::forget_pid(Seq seq, Child& child) {
  changed(child.spec->id);
  by_pid_.remove(child.pid.hash(), children_.number_of(seq));
  child.last_pid = std::exchange(child.pid, Term());
}

void Supervisor::moved_away(const Term& id, Instant now) {
  const auto item = find_item(id);
  if (!item || item->second.state != ChildState::running) return;
  forget_pid(item->first, item->second);
  item->second.state = ChildState::down;
  forget(item->first, id, now);
}

void Supervisor::exited(const Term& pid, const Term& reason, Instant now) {
  const auto item = find_by_pid(pid);
  if (!item) return;
  auto& [seq, child] = *item;
  forget_pid(seq, child);
  if (child.state == ChildState::stopping) return stopped(seq, child, reason, now);
  child.state = ChildState::down;
  if (stop_reason_) return continue_stop(now);
  if (group_stops_.contains(seq)) return ended_in_group(seq, child, reason, now);
  const RestartType type = child.spec->restart;
  if (type == RestartType::permanent || (type == RestartType::transient && !is_quiet(reason))) {
    report_error("child_terminated", child, reason);
    return restart(seq, child, now);
  }
  if (!is_quiet(reason)) report_error("child_terminated", child, reason);
  child_ended_for_good(seq, child, now);
}

void Supervisor::restart(Seq seq, Child& child, Instant now) {
  changes_.restarts = tracks_;
  if (!intensity_.add(now)) return give_up(child, now);
  if (flags_.strategy != Strategy::one_for_one) return restart_group(seq, now);
  attempt(seq, child, StartKind::restart, Term());
}

void Supervisor::give_up(Child& child, Instant now) {
  child.state = ChildState::down;
  report_error("shutdown", child, atom("reached_max_restart_intensity"));
  end(atom("shutdown"), SupEndCause::gave_up, now);
}

void Supervisor::child_ended_for_good(Seq seq, Child& child, Instant now) {
  const bool significant = child.spec->significant;
  clear(seq, child);
  check_auto_shutdown(significant, now);
}

void Supervisor::check_auto_shutdown(bool significant, Instant now) {
  if (flags_.auto_shutdown == AutoShutdown::never || !significant) return;
  if (flags_.auto_shutdown == AutoShutdown::all_significant) {
    for (const auto& [seq, child] : children_)
      if (child.spec->significant && child.state != ChildState::down && child.state != ChildState::stopping) return;
  }
  end(atom("shutdown"), SupEndCause::auto_shutdown, now);
}

void Supervisor::clear(Seq seq, Child& child) {
  leave_group(seq);
  changed(child.spec->id);
  if (child.spec->restart == RestartType::temporary) {
    erase_child(seq);
  } else {
    child.state = ChildState::down;
  }
}

void Supervisor::forget(Seq seq, const Term& id, Instant now) {
  leave_group(seq);
  changed(id);
  auto waiting = take_waiting(children_.at(seq));
  erase_child(seq);
  if (stop_reason_) return continue_stop(now);
  run_all(std::move(waiting), now);
  go_on_with_group(now);
}

// ---- stopping ---------------------------------------------------------------------------------------

void Supervisor::begin_stopping(Seq seq, Child& child, Instant now) {
  child.state = ChildState::stopping;
  changed(child.spec->id);
  if (child.spec->shutdown == ShutdownKind::brutal_kill) {
    effects_.push_back(SupExitChild{child.pid, atom("kill")});
    return;
  }
  effects_.push_back(SupExitChild{child.pid, atom("shutdown")});
  if (child.spec->shutdown == ShutdownKind::infinity) return;
  child.kill_at = now + child.spec->shutdown_ms;
  kill_times_.emplace(*child.kill_at, seq);
}

void Supervisor::timeout(Instant now) {
  while (!kill_times_.empty() && kill_times_.begin()->first <= now) {
    Child& child = children_.at(kill_times_.begin()->second);
    kill_times_.erase(kill_times_.begin());
    child.kill_at.reset();
    effects_.push_back(SupExitChild{child.pid, atom("kill")});
  }
}

std::optional<Instant> Supervisor::next_timeout() const {
  if (kill_times_.empty()) return std::nullopt;
  return kill_times_.begin()->first;
}

void Supervisor::stopped(Seq seq, Child& child, const Term& reason, Instant now) {
  if (child.kill_at) kill_times_.erase({*child.kill_at, seq});
  child.kill_at.reset();
  report_shutdown(child, reason);
  const bool on_call = std::exchange(child.answer, false);
  if (on_call) reply(child.call, atom("ok"));
  auto waiting = take_waiting(child);
  if (group_stops_.contains(seq) && !on_call && child.spec->restart != RestartType::temporary) await_turn(seq, child);
  else clear(seq, child);
  if (stop_reason_) return continue_stop(now);
  run_all(std::move(waiting), now);
  go_on_with_group(now);
}

void Supervisor::stop(const Term& reason, Instant now) { end(reason, SupEndCause::stopped, now); }

void Supervisor::end(const Term& reason, SupEndCause cause, Instant now) {
  if (stop_reason_) return;
  stop_reason_ = reason;
  cause_ = cause;
  group_stops_.clear();
  group_starts_.clear();
  continue_stop(now);
}

void Supervisor::continue_stop(Instant now) {
  if (ended_) return;
  while (!children_.empty()) {
    auto& [seq, child] = *children_.rbegin();
    if (child.state == ChildState::stopping) return;
    if (child.token != 0) {
      if (!std::exchange(child.abandoned, true)) effects_.push_back(SupAbandon{child.token});
      return;
    }
    if (child.state == ChildState::running) return begin_stopping(seq, child, now);
    changed(child.spec->id);
    erase_child(seq);
  }
  ended_ = true;
  effects_.push_back(SupEnd{*stop_reason_, cause_});
}

// ---- taking over ------------------------------------------------------------------------------------

void Supervisor::take_over(Takeover how, const SharedSpec& spec, const Term& pid, StartToken token, std::uint64_t place, Instant now) {
  const Seq seq = place == 0 || place > kMaxPlace || children_.contains(place) ? next_seq_ : place;
  next_seq_ = std::max(next_seq_, seq + 1);
  Child& child = add_child(seq, spec);
  recent_.add(spec->id);
  switch (how) {
    case Takeover::terminated: return;
    case Takeover::running:
    case Takeover::stopping:
      child.state = ChildState::running;
      give_pid(seq, child, pid);
      if (how == Takeover::stopping) begin_stopping(seq, child, now);
      return;
    case Takeover::to_restart:
      group_stops_.insert(seq);
      if (pid.is_pid()) {
        child.state = ChildState::running;
        give_pid(seq, child, pid);
        return;
      }
      child.start_kind = StartKind::restart;
      child.state = ChildState::restarting;
      break;
    case Takeover::restarting:
      group_starts_.insert(seq);
      child.start_kind = StartKind::restart;
      child.state = ChildState::restarting;
      break;
    case Takeover::starting: child.state = ChildState::starting; break;
  }
  if (token == 0) return;
  child.token = token;
  by_token_[token] = seq;
}

void Supervisor::taken_over(Instant now, SupEndCause ending) {
  if (ending != SupEndCause::stopped) end(atom("shutdown"), ending, now);
  if (stop_reason_) return;
  if (flags_.strategy != Strategy::one_for_one) return go_on_with_group(now);
  for (const Seq seq : std::exchange(group_starts_, {}))
    if (Child& child = children_.at(seq); child.token == 0) attempt(seq, child, StartKind::restart, Term());
}

bool Supervisor::adopt_call(CallId call, const Term& id) {
  Child* child = find_child(id);
  if (!child || child->token == 0 || child->answer) return false;
  child->call = call;
  child->answer = true;
  return true;
}

// ---- looking ----------------------------------------------------------------------------------------

const Supervisor::Children::Item* Supervisor::find_item(const Term& id) const {
  const auto number = by_id_.find(id.hash(), [&](std::uint32_t one) { return children_.by_number(one).second.spec->id == id; });
  return number == HashIndex::kNone ? nullptr : &children_.by_number(number);
}
Supervisor::Children::Item* Supervisor::find_item(const Term& id) { return const_cast<Children::Item*>(std::as_const(*this).find_item(id)); }

const Supervisor::Children::Item* Supervisor::find_by_pid(const Term& pid) const {
  const auto number = by_pid_.find(pid.hash(), [&](std::uint32_t one) { return children_.by_number(one).second.pid == pid; });
  return number == HashIndex::kNone ? nullptr : &children_.by_number(number);
}
Supervisor::Children::Item* Supervisor::find_by_pid(const Term& pid) { return const_cast<Children::Item*>(std::as_const(*this).find_by_pid(pid)); }

Supervisor::Child* Supervisor::find_child(const Term& id) {
  const auto item = find_item(id);
  return item ? &item->second : nullptr;
}

Supervisor::Child& Supervisor::add_child(Seq seq, const SharedSpec& spec) {
  const auto number = children_.add(seq);
  by_id_.add(spec->id.hash(), number);
  Child& child = children_.by_number(number).second;
  child.spec = spec;
  return child;
}

void Supervisor::erase_child(Seq seq) {
  by_id_.remove(children_.at(seq).spec->id.hash(), children_.number_of(seq));
  children_.erase(seq);
}

std::optional<Supervisor::View> Supervisor::find(const Term& id) const {
  const auto item = find_item(id);
  if (!item) return std::nullopt;
  const Child& child = item->second;
  return View{*child.spec, child.spec, child.state, child.pid, item->first};
}

std::optional<Term> Supervisor::id_of(const Term& pid) const {
  const auto item = find_by_pid(pid);
  if (!item) return std::nullopt;
  return item->second.spec->id;
}

void Supervisor::for_each(const std::function<void(const View&)>& visit) const {
  for (auto it = children_.rbegin(); it != children_.rend(); ++it) visit(View{*it->second.spec, it->second.spec, it->second.state, it->second.pid, it->first});
}

Term Supervisor::which_children() const {
  std::vector<Term> out;
  out.reserve(children_.size());
  for (auto it = children_.rbegin(); it != children_.rend(); ++it) {
    const Child& child = it->second;
    if (child.state == ChildState::starting && child.start_kind == StartKind::first) continue;
    const Term pid = child.pid.is_pid() ? child.pid : atom(child.state == ChildState::restarting ? "restarting" : "undefined");
    out.push_back(tuple(child.spec->id, pid, to_term(child.spec->type), child.spec->modules));
  }
  return Term::list(std::move(out));
}

Term Supervisor::count_children() const {
  std::int64_t specs = 0, active = 0, supervisors = 0, workers = 0;
  for (const auto& [seq, child] : children_) {
    if (child.state == ChildState::starting && child.start_kind == StartKind::first) continue;
    ++specs;
    if (child.pid.is_pid()) ++active;
    ++(child.spec->type == ChildType::worker ? workers : supervisors);
  }
  return list({tuple(atom("specs"), integer(specs)), tuple(atom("active"), integer(active)),
               tuple(atom("supervisors"), integer(supervisors)), tuple(atom("workers"), integer(workers))});
}

// What a child that was told to end ended with, where OTP finds it worth a report.
void Supervisor::report_shutdown(const Child& child, const Term& reason) {
  const bool asked_for = child.spec->shutdown == ShutdownKind::brutal_kill ? reason.is_atom("killed") : reason.is_atom("shutdown");
  const bool permanent = child.spec->restart == RestartType::permanent;
  if (!asked_for && (permanent || !is_quiet(reason))) report_error("shutdown_error", child, reason);
}

void Supervisor::report_error(std::string_view what, const Child& child, const Term& reason) {
  std::string text(what);
  text += ": child " + to_text(child.spec->id, 200) + " of " + to_text(name_, 200) + ": " + to_text(reason, 500);
  effects_.push_back(SupReport{SupReport::Level::error, std::move(text)});
}

}  // namespace supervisorring
