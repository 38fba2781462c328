// The requests of OTP's supervisor (supervisor:start_child/2 and the like).
#include "sup/supervisor.h"

namespace supervisorring {

namespace {

Term error(std::string_view reason) { return tuple(atom("error"), atom(reason)); }

}  // namespace

void Supervisor::call(CallId call, const Term& request, Instant now) {
  if (stop_reason_) return;  // the caller sees the supervisor end
  if (request.is_atom("which_children")) return reply(call, which_children());
  if (request.is_atom("count_children")) return reply(call, count_children());
  if (request.is_tagged("start_child", 2)) return handle_start_child(call, request[1], Term(), now);
  if (request.is_tagged("terminate_child", 2)) return handle_terminate_child(call, request, now);
  if (request.is_tagged("restart_child", 2)) return handle_restart_child(call, request, now);
  if (request.is_tagged("delete_child", 2)) return handle_delete_child(call, request, now);
  if (request.is_tagged("get_childspec", 2)) return handle_get_childspec(call, request);
  reply(call, tuple(atom("error"), tuple(atom("unknown_call"), request)));
}

void Supervisor::start_child(CallId call, const SharedSpec& spec, Instant now) { start_held(call, spec, Term(), now); }

void Supervisor::start_held(CallId call, const SharedSpec& spec, Term hold, Instant now) {
  if (stop_reason_) return;
  begin_start_child(call, spec, std::move(hold), now);
}

void Supervisor::handle_start_child(CallId call, const Term& spec, Term hold, Instant now) {
  auto checked = check_child_spec(spec, flags_.auto_shutdown);
  if (auto* reason = std::get_if<Term>(&checked)) return reply(call, tuple(atom("error"), *reason));
  begin_start_child(call, SharedSpec(std::move(std::get<ChildSpec>(checked))), std::move(hold), now);
}

void Supervisor::begin_start_child(CallId call, const SharedSpec& spec, Term hold, Instant) {
  Child* child = find_child(spec->id);
  if (!child) {
    const Seq seq = next_seq_++;
    Child& fresh = add_child(seq, spec);
    fresh.call = call;
    fresh.answer = true;
    return attempt(seq, fresh, StartKind::first, std::move(hold));
  }
  if (child->state == ChildState::running) return reply(call, tuple(atom("error"), tuple(atom("already_started"), child->pid)));
  if (child->token != 0 || child->state == ChildState::stopping) {
    if (waiting_ >= kMaxWaitingCalls) return reply(call, error("too_many_waiting_calls"));
    return wait(*child, {call, atom("start_child"), spec, std::move(hold)});
  }
  reply(call, error("already_present"));
}

bool Supervisor::wait_for_child(CallId call, const Term& id, const Term& request) {
  Child* child = find_child(id);
  if (!child || (child->token == 0 && child->state != ChildState::stopping)) return false;
  if (waiting_ >= kMaxWaitingCalls) {
    reply(call, error("too_many_waiting_calls"));
    return true;
  }
  wait(*child, {call, request, SharedSpec(), Term()});
  return true;
}

void Supervisor::handle_terminate_child(CallId call, const Term& request, Instant now) {
  const Term& id = request[1];
  if (wait_for_child(call, id, request)) {
    // A start that is held back (a copy that waits for its state) is given up instead of waited for.
    if (Child* child = find_child(id); child && child->token != 0 && !std::exchange(child->abandoned, true))
      effects_.push_back(SupAbandon{child->token});
    return;
  }
  const auto item = find_item(id);
  if (!item) return reply(call, error("not_found"));
  auto& [seq, child] = *item;
  if (child.state == ChildState::running) {
    child.call = call;
    child.answer = true;
    return begin_stopping(seq, child, now);
  }
  clear(seq, child);
  reply(call, atom("ok"));
}

bool Supervisor::end_child(const Term& pid, Instant now) {
  const auto item = find_by_pid(pid);
  if (!item) return false;
  leave_group(item->first);
  if (item->second.state == ChildState::running) begin_stopping(item->first, item->second, now);
  return true;
}

void Supervisor::handle_restart_child(CallId call, const Term& request, Instant) {
  const Term& id = request[1];
  if (wait_for_child(call, id, request)) return;
  Child* child = find_child(id);
  if (!child) return reply(call, error("not_found"));
  if (child->state == ChildState::running) return reply(call, error("running"));
  if (child->state == ChildState::restarting) return reply(call, error("restarting"));
  child->call = call;
  child->answer = true;
  attempt(find_item(id)->first, *child, StartKind::on_call, Term());
}

void Supervisor::handle_delete_child(CallId call, const Term& request, Instant now) {
  const Term id = request[1];
  if (wait_for_child(call, id, request)) return;
  Child* child = find_child(id);
  if (!child) return reply(call, error("not_found"));
  if (child->state == ChildState::running) return reply(call, error("running"));
  if (child->state == ChildState::restarting) return reply(call, error("restarting"));
  reply(call, atom("ok"));
  forget(find_item(id)->first, id, now);
}

void Supervisor::handle_get_childspec(CallId call, const Term& request) {
  if (wait_for_child(call, request[1], request)) return;
  const Child* child = find_child(request[1]);
  if (!child) return reply(call, error("not_found"));
  reply(call, tuple(atom("ok"), to_map(*child->spec)));
}

void Supervisor::wait(Child& child, Waiting request) {
  ++waiting_;
  if (!child.waiting) child.waiting = std::make_unique<std::vector<Waiting>>();
  child.waiting->push_back(std::move(request));
}

std::vector<Supervisor::Waiting> Supervisor::take_waiting(Child& child) {
  const auto waiting = std::move(child.waiting);
  return waiting ? std::move(*waiting) : std::vector<Waiting>();
}

void Supervisor::run_waiting(const Term& id, Instant now) {
  if (Child* child = find_child(id); child && child->waiting) run_all(take_waiting(*child), now);
}

// In order. One that makes the child busy again leaves the rest waiting, still in order: they queue up behind it.
void Supervisor::run_all(std::vector<Waiting> waiting, Instant now) {
  for (Waiting& next : waiting) {
    --waiting_;
    if (stop_reason_) continue;
    if (next.spec) begin_start_child(next.call, next.spec, std::move(next.hold), now);
    else call(next.call, next.request, now);
  }
}

}  // namespace supervisorring
