// The local supervisor's children in drop-in: on the BEAM, each under a keeper there, or native behind a proxy; and taking over from a predecessor.
#include "node/port_beam.h"
#include "node/sup_local.h"

namespace supervisorring {

namespace {

Term child_key(const Term& supervisor, const Term& id) { return tuple(atom("child"), supervisor, id); }

std::chrono::seconds wall_second(Instant at, const Time& time) {
  return std::chrono::floor<std::chrono::seconds>(time.wall - std::chrono::duration_cast<std::chrono::microseconds>(time.now - at));
}

}  // namespace

// ---- taking over --------------------------------------------------------------------------------------

void LocalSup::take_over(ProcessContext& context) {
  sup_->local->track_changes();
  sup_->local->tokens_above(all_->beam->next_token_base());
  take_over_history(context);
  take_over_children(context, context.time().now);
  sup_->takeover.clear();
  perform(context);
}

// By intensity or auto_shutdown a predecessor was ending this supervisor.
SupEndCause LocalSup::kept_end() const {
  const Term* const kept = all_->beam->kept(tuple(atom("ending"), sup_->name));
  if (kept == nullptr) return SupEndCause::stopped;
  return kept->is_atom("auto_shutdown") ? SupEndCause::auto_shutdown : SupEndCause::gave_up;
}

void LocalSup::take_over_history(ProcessContext& context) {
  const Term* const kept = all_->beam->kept(tuple(atom("history"), sup_->name));
  if (kept == nullptr) return;
  const Time time = context.time();
  std::vector<Instant> restarts;
  for (const Term& second : kept->elements()) {
    const auto at = second.as_int64();
    if (!at || *at < 0 || std::chrono::seconds(*at) > time.wall) continue;
    restarts.push_back(time.now - (time.wall - std::chrono::microseconds(std::chrono::seconds(*at))));
  }
  sup_->local->take_over_history(std::move(restarts));
}

void LocalSup::take_over_children(ProcessContext& context, Instant now) {
  using Takeover = Supervisor::Takeover;
  std::unordered_map<Term, Term> states;
  std::unordered_set<Term> held;  // by a keeper
  const auto kept = all_->beam->kept_children(sup_->name);
  for (const auto& child : kept) states.emplace(child.id, child.state);
  for (const PortChild& child : sup_->takeover) held.insert(child.id);
  const auto take = [&](Takeover how, const Term& id, const Term& written, const Term& pid, StartToken token, std::uint64_t place) {
    const auto spec = check_child_spec(written, sup_->flags.auto_shutdown);
    if (const auto* good = std::get_if<ChildSpec>(&spec); good != nullptr && !sup_->local->find(id)) return sup_->local->take_over(how, *good, pid, token, place, now);
    context.log(LogLevel::error, "child " + to_text(id, 200) + " of " + to_text(sup_->name) + " could not be taken over: " + to_text(written, 300));
  };
  for (const auto& child : kept) {
    if (held.contains(child.id)) continue;
    const bool again = child.state.is_atom("restarting") || child.state.is_atom("to_restart");
    take(again ? Takeover::restarting : Takeover::terminated, child.id, child.spec, Term(), 0, child.place);
  }
  for (const PortChild& child : sup_->takeover) {
    const auto state = states.find(child.id);
    const auto is = [&](const char* kept_state) { return state != states.end() && state->second.is_atom(kept_state); };
    const Takeover of_pid = is("stopping") ? Takeover::stopping : Takeover::running;
    const Takeover of_start = is("restarting") ? Takeover::restarting : Takeover::starting;
    const Takeover how = is("to_restart") ? Takeover::to_restart : child.pid.is_pid() ? of_pid : of_start;
    if (child.pid.is_pid()) beam_pids_.insert(child.pid);
    take(how, child.id, child.spec, child.pid, child.token.value_or(0), child.place);
    if (!child.request.is_nil()) adopted_requests_.emplace(child.request, child.id);
  }
  sup_->local->taken_over(now, kept_end());
  for (const PortChild& child : sup_->takeover) {
    if (child.exited) beam_exited(context, child.pid, *child.exited);
    else if (child.failed && !child.pid.is_pid())
      beam_started(context, *child.token, child.failed->is_atom("ignore") ? *child.failed : tuple(atom("error"), *child.failed));
  }
}

std::variant<std::monostate, Term, CallId> LocalSup::begun_before(const Term& tag) {
  const auto begun = adopted_requests_.find(tag);
  if (begun == adopted_requests_.end()) return {};
  const Term id = begun->second;
  adopted_requests_.erase(begun);
  const auto view = sup_->local->find(id);
  if (view && view->state == Supervisor::ChildState::running) return tuple(atom("ok"), view->pid);
  const CallId call = next_call_++;
  if (!sup_->local->adopt_call(call, id)) return {};
  return call;
}

void LocalSup::request(ProcessContext& context, const Term& tag, const Term& request, Answer then) {
  const auto begun = begun_before(tag);
  if (const Term* done = std::get_if<Term>(&begun)) return then(context, *done);
  if (begun.index() == 0 && refused_here(request)) return then(context, *refused_here(request));
  const CallId* const again = std::get_if<CallId>(&begun);
  const CallId id = again ? *again : next_call_++;
  answers_[id] = std::move(then);
  tags_[id] = tag;
  if (again) return;
  note_end_requested(context, request);
  sup_->local->call(id, request, context.time().now);
  perform(context);
}

// After every change: children that do not run are the estate's, the others their keepers'.
void LocalSup::keep_changes(ProcessContext& context) {
  if (!sup_->local) return;
  const auto changes = sup_->local->take_changes();
  for (const Term& id : changes.ids) {
    const auto view = sup_->local->find(id);
    const Term key = child_key(sup_->name, id);
    const auto keep = [&](const char* state) { all_->beam->keep(key, tuple(to_wire(view->spec), atom(state), Term::unsigned_integer(view->place))); };
    if (sup_->local->is_to_restart(id)) keep("to_restart");
    else if (!view || view->state == Supervisor::ChildState::running) all_->beam->unkeep(key);
    else if (view->state == Supervisor::ChildState::down) keep("terminated");
    else if (view->state == Supervisor::ChildState::stopping) keep("stopping");
    else if (view->state == Supervisor::ChildState::restarting) keep("restarting");
  }
  if (const SupEndCause cause = sup_->local->end_cause(); cause != SupEndCause::stopped)
    all_->beam->keep(tuple(atom("ending"), sup_->name), atom(cause == SupEndCause::gave_up ? "gave_up" : "auto_shutdown"));
  if (!changes.restarts) return;
  const Time time = context.time();
  std::vector<Term> seconds;
  for (const Instant at : sup_->local->intensity().restarts()) seconds.push_back(integer(wall_second(at, time).count()));
  all_->beam->keep(tuple(atom("history"), sup_->name), Term::list(std::move(seconds)));
}

// ---- starting -----------------------------------------------------------------------------------------

Term LocalSup::request_of(const SupStart& start) const {
  if (const auto tag = tags_.find(start.call); tag != tags_.end()) return tag->second;
  const auto caller = callers_.find(start.call);
  return caller == callers_.end() || !caller->second.is_tuple(2) ? atom("none") : caller->second[1];
}

void LocalSup::start_on_beam(ProcessContext& context, const SupStart& start) {
  if (start.hold.is_tuple(2)) return sup_->local->start_failed(start.token, atom("beam_child"), context.time().now);
  all_->beam->order(tuple(atom("start_child"), sup_->name, Term::unsigned_integer(start.token), start.spec->id, to_wire(*start.spec), request_of(start),
                          Term::unsigned_integer(start.place)));
}

void LocalSup::beam_started(ProcessContext& context, StartToken token, const Term& result) {
  const Instant now = context.time().now;
  const bool with_info = result.is_tagged("ok", 3);
  if ((result.is_tagged("ok", 2) || with_info) && result[1].is_pid()) {
    beam_pids_.insert(result[1]);
    sup_->local->started(token, result[1], now, with_info ? std::optional<Term>(result[2]) : std::nullopt);
    return perform(context);
  }
  if (result.is_atom("ignore")) sup_->local->started(token, atom("undefined"), now);
  else sup_->local->start_failed(token, result.is_tagged("error", 2) ? result[1] : result, now);
  perform(context);
  all_->beam->order(tuple(atom("child_done"), sup_->name, Term::unsigned_integer(token)));
}

void LocalSup::beam_exited(ProcessContext& context, const Term& pid, const Term& reason) {
  if (beam_pids_.erase(pid) > 0) sup_->local->exited(pid, reason, context.time().now);
  perform(context);
  all_->beam->order(tuple(atom("child_done"), sup_->name, pid));
}

// ---- native children ----------------------------------------------------------------------------------

// A name is free on the BEAM when its last proxy has ended there.
void LocalSup::start_proxy(ProcessContext& context, const SupStart& start, NativeStart native) {
  const Term name = native.worker.name;
  awaiting_proxy_.emplace(start.token, std::move(native));
  const Term order = tuple(atom("start_proxy"), sup_->name, Term::unsigned_integer(start.token), start.spec->id, name, request_of(start), Term::unsigned_integer(start.place));
  const auto last = name.is_atom() ? proxies_.find(name) : proxies_.end();
  if (last == proxies_.end() || context.is_alive(last->second)) return all_->beam->order(order);
  proxy_waits_.emplace(context.monitor(last->second), ProxyWait{name, order});
}

void LocalSup::handle_proxy_down(ProcessContext&, const Term& monitor) {
  const auto waited = proxy_waits_.extract(monitor);
  if (waited.empty()) return;
  proxies_.erase(waited.mapped().name);
  all_->beam->order(waited.mapped().order);
}

// One that no process of ours was bound to: nobody else ends it.
void LocalSup::end_proxy(const Term& started) {
  if (started.is_tagged("ok", 2)) all_->beam->order(tuple(atom("end_proxy"), started[1], atom("normal")));
}

// The supervisor's tree on the BEAM is being stopped, child by child.
void LocalSup::end_native(ProcessContext& context, const Term& pid) {
  if (!sup_->local->end_child(pid, context.time().now)) all_->beam->order(tuple(atom("end_proxy"), pid, atom("shutdown")));
  perform(context);
}

void LocalSup::proxy_started(ProcessContext& context, StartToken token, const Term& result) {
  auto waiting = awaiting_proxy_.extract(token);
  if (waiting.empty()) return end_proxy(result);
  const bool ok = result.is_tagged("ok", 2) && result[1].is_pid();
  if (!ok) {
    const Term why = result.is_tagged("error", 2) ? result[1] : result;
    const bool taken = why.is_tagged("already_registered", 2);
    start_answered(context, token, NativeStartFailed{taken ? tuple(atom("already_started"), why[1]) : why});
    return perform(context);
  }
  NativeStart native = std::move(waiting.mapped());
  native.proxy = result[1];
  if (native.worker.name.is_atom()) proxies_.insert_or_assign(native.worker.name, result[1]);
  const bool waits = all_->native.stuck(native.replaces);
  start_here(context, token, std::move(native));
  if (!waits && !context.is_alive(result[1])) end_proxy(result);
}

}  // namespace supervisorring
