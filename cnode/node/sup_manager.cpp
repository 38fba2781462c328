#include "node/sup_manager.h"

#include <algorithm>

#include "node/legacy_hand.h"
#include "node/port_beam.h"
#include "node/sup_local.h"
#include "sup/join_check.h"

namespace supervisorring {

namespace {

const Term& manager_timeout() { static const Term message = atom("$manager_timeout"); return message; }
// Whether checking `written` gives `spec`; false where it is not known without doing so.
bool is_written(const ChildSpec& spec, const Term& written) {
  return written.is_tuple(6) && written[0] == spec.id && written[1] == spec.start && written[3] == spec.shutdown_term && written[5] == spec.modules &&
         written[2] == to_term(spec.restart) && written[4] == to_term(spec.type) && !spec.significant;
}

// The children that a handler's list names; those that are as they were keep their SharedSpec. With one that is malformed (`fault`) nobody knows what the list leaves
// out: it adds only. False: they are what they were.
bool take_list(SharedSpecs& children, const Term& list, std::string& fault) {
  const auto given = list.elements();
  std::size_t begin = 0, end = children.size(), given_end = given.size();
  while (begin < end && begin < given_end && is_written(*children[begin], given[begin])) ++begin;
  while (end > begin && given_end > begin && is_written(*children[end - 1], given[given_end - 1])) --end, --given_end;
  if (begin == end && begin == given_end) return false;
  std::unordered_map<Term, SharedSpec> before;
  for (std::size_t at = begin; at < end; ++at) before.emplace(children[at]->id, children[at]);
  SharedSpecs named;
  named.reserve(given.size());
  named.insert(named.end(), children.begin(), children.begin() + static_cast<std::ptrdiff_t>(begin));
  for (std::size_t at = begin; at < given_end; ++at) {
    auto checked = check_child_spec(given[at], std::nullopt);
    if (auto* spec = std::get_if<ChildSpec>(&checked)) {
      const auto known = before.find(spec->id);
      if (known != before.end() && *known->second == *spec) named.push_back(known->second);
      else named.emplace_back(std::move(*spec));
    } else if (fault.empty()) {
      fault = to_text(given[at], 200) + " is no child spec: " + to_text(std::get<Term>(checked), 200);
    }
  }
  named.insert(named.end(), children.begin() + static_cast<std::ptrdiff_t>(end), children.end());
  if (!fault.empty()) {
    std::unordered_set<Term> ids;
    for (const SharedSpec& spec : named) ids.insert(spec->id);
    std::ranges::copy_if(children, std::back_inserter(named), [&ids](const SharedSpec& last) { return !ids.contains(last->id); });
  }
  children = std::move(named);
  return true;
}

const Term& refresh() { static const Term message = atom("$refresh_handlers"); return message; }

}  // namespace

void ManagerProcess::started(ProcessContext& context) {
  if (!sup_->manager) sup_->manager = std::make_unique<ChildManager>(sup_->name, context.node_name(), context.random() >> 2);
  sup_->manager->set_migrate_timeout(all_->migrate_timeout);
  sup_->manager->limit_starts(all_->max_starts);
  sup_->manager->set_move_rate(&all_->move_rate);
  sup_->manager->share_rings(all_->ring.rings());
  sup_->manager_box.open(context.self());
  all_->who_owns.decide(context, *sup_);
  sup_->manager->keep(last_kept_ = WhoOwns::kept_of(*sup_));
  if (all_->beam) sup_->manager->set_native([all = all_.get()](const ChildSpec& spec) { return all->can_start(spec); });  // `all` owns the manager
  look_at_peers(context);
  sup_->manager->attach(sup_->local.get(), context.time().now);
  handle_ring(context);  // asks the handlers, too
  handlers_answered(context);
  context.send_after(kHandlerInterval, context.self(), refresh());
  if (sup_->up_until) context.send_after(kFirstSyncTimeout, context.self(), manager_timeout());
  perform(context);
}

void ManagerProcess::look_at_peers(ProcessContext& context) {
  const Instant now = context.time().now;
  for (const auto& [node, peer] : all_->peers) {
    if (peer.hello || peer.legacy) sup_->manager->peer_is(node, peer.kind_for(sup_->name), now);
  }
}

void ManagerProcess::ended(ProcessContext&, const Term&) {
  sup_->manager_box.close();
  if (sup_->manager) sup_->manager->attach(nullptr, Instant{});
}

void ManagerProcess::handle_message(ProcessContext& context, const Term& message) {
  if (ring_is_new()) sup_->manager->ring_will_change(true);  // what the box has to say about others came with it
  if (sup_->manager_box.handle(context, message)) {
  } else if (message.is_tagged("$gen_call", 3)) {
    handle_call(context, message[1], message[2]);
  } else if (message.is_tagged("$gen_cast", 2)) {
    handle_cast(context, message[1]);
  } else if (message == manager_timeout()) {
    timer_at_.reset();
    sup_->manager->timeout(context.time().now);
  } else if (message == refresh()) {
    refresh_handlers(context);
    context.send_after(kHandlerInterval, context.self(), refresh());
  }
  handle_ring(context);
  perform(context);
}

// ---- calls and casts ------------------------------------------------------------------------------------

void ManagerProcess::handle_call(ProcessContext& context, const Term& from, const Term& request) {
  if (request.is_tagged("get_node", 2)) {
    const auto owner = all_->who_owns.owner_of(*sup_, request[1]);
    return context.reply(from, owner.node ? *owner.node : tuple(atom("error"), owner.why));
  }
  if (request.is_tagged("whereis", 2)) {
    const auto view = sup_->local ? sup_->local->find(request[1]) : std::nullopt;
    return context.reply(from, view && view->pid.is_pid() ? view->pid : atom("undefined"));
  }
  context.reply(from, tuple(atom("error"), tuple(atom("unknown_call"), request)));
}

void ManagerProcess::handle_cast(ProcessContext& context, const Term& request) {
  if (request.is_tagged("onnode", 4)) return handle_onnode(context, request);
  if (request.is_tagged("get_handler", 3)) return handle_get_handler(context, request[1], request[2]);
  if (request.is_atom("sync_children")) return refresh_handlers(context);
  context.log(LogLevel::warning, to_text(name_of_child_manager(sup_->name)) + " received an unknown cast: " + to_text(request, 200));
}

void ManagerProcess::handle_onnode(ProcessContext& context, const Term& request) {
  const Term& from = request[2];
  if (!from.is_tuple(2) || !from[0].is_pid() || !from[1].is_reference()) return;
  const auto executed = [&](Term error) { context.send(from[0], tuple(from[1], atom("executed"), tuple(atom("error"), std::move(error)))); };
  if (all_->ring.minority()) return executed(minority_term(all_->ring.nodes(), all_->ring.up()));
  const auto owner = all_->who_owns.owner_of(*sup_, request[1]);
  if (!owner.node) return executed(owner.why);
  if (*owner.node == context.node_name()) return closures_.run(context, request);
  if (!recent_ref_set_.insert(from[1]).second)
    return executed(tuple(atom("placement_disagreement"), Term::list(all_->ring.up())));
  recent_refs_.push_back(from[1]);
  if (recent_refs_.size() > kMaxRecentRefs) {
    recent_ref_set_.erase(recent_refs_.front());
    recent_refs_.pop_front();
  }
  context.cast(tuple(name_of_child_manager(sup_->name), *owner.node), request);
}

void ManagerProcess::handle_get_handler(ProcessContext& context, const Term& id, const Term& from) {
  if (!from.is_tuple(2) || !from[0].is_pid()) return;
  find_handler(context, *sup_, id, [from](ProcessContext& ctx, Result<std::optional<Term>> found) {
    const bool module = found && *found && (*found)->is_atom();
    ctx.send(from[0], tuple(from[1], module ? tuple(atom("dyn_child_handler"), **found) : atom("nil")));
  });
}

Term ManagerProcess::state_for_sys() const {
  std::vector<Term> specs;
  for (const SharedSpec& spec : sup_->static_children) specs.push_back(to_tuple(*spec));
  for (const Term& module : sup_->handlers) specs.push_back(tuple(atom("dyn_child_handler"), module));
  return Term::map({{atom("__struct__"), atom("Elixir.Supervisorring.GlobalSup.ChildManager.State")},
                    {atom("sup_ref"), sup_->name},
                    {atom("child_specs"), Term::list(std::move(specs))},
                    {atom("callback"), atom("nil")},
                    {atom("ring"), Term::list(all_->ring.up())}});
}

// ---- ring and handlers -------------------------------------------------------------------------------------

bool ManagerProcess::ring_is_new() const {
  const RingView& view = all_->ring;
  return view.ring() != last_ring_ || all_->who_owns.ring_of(*sup_) != last_owners_ || WhoOwns::kept_of(*sup_) != last_kept_ || view.format() != last_format_ ||
         all_->who_owns.settled(*sup_) != last_settled_ || view.leaving() != last_leaving_ || view.minority() != last_minority_;
}

void ManagerProcess::handle_ring(ProcessContext& context) {
  if (!ring_is_new()) return sup_->manager->ring_will_change(false);
  const RingView& view = all_->ring;
  last_ring_ = view.ring(), last_owners_ = all_->who_owns.ring_of(*sup_), last_format_ = view.format(), last_settled_ = all_->who_owns.settled(*sup_), last_leaving_ = view.leaving();
  if (view.minority() != last_minority_) sup_->manager->stand_down(last_minority_ = view.minority(), context.time().now);
  recent_refs_.clear();
  recent_ref_set_.clear();
  // What a member announced before it counted this one in may still wait in the box: who runs the children depends on it.
  sup_->manager->ring_will_change(true);
  look_at_peers(context);
  if (const auto& kept = WhoOwns::kept_of(*sup_); kept != last_kept_) sup_->manager->keep(last_kept_ = kept);
  sup_->manager->ring_changed(last_ring_, last_owners_, view.format(), last_settled_, last_leaving_, context.time().now);
  refresh_handlers(context);
}

void ManagerProcess::refresh_handlers(ProcessContext& context) {
  if (const auto* local = std::get_if<LocalDefinition>(&sup_->definition.source)) {
    if (local->handler) {
      const auto all = local->handler->get_all();
      SharedSpecs& last = sup_->handler_lists[""];
      if (!std::ranges::equal(all, last, [](const ChildSpec& spec, const SharedSpec& before) { return spec == *before; })) last = all, lists_changed_ = true;
    }
    return handlers_answered(context);
  }
  if (sup_->handlers.empty()) return handlers_answered(context);
  if (handlers_asked_ > 0) {
    refresh_again_ = true;
    return;
  }
  const auto& remote = std::get<RemoteDefinition>(sup_->definition.source);
  for (const Term& module : sup_->handlers) {
    ++handlers_asked_;
    context.erpc(remote.node, module, atom("get_all"), {}, kHandlerTimeout, [this, module](ProcessContext& ctx, CallResult answer) {
      handler_answered(ctx, module, answer);
      if (--handlers_asked_ > 0) return;
      handlers_answered(ctx);
      if (std::exchange(refresh_again_, false)) refresh_handlers(ctx);
      perform(ctx);
    });
  }
}

void ManagerProcess::handler_answered(ProcessContext& context, const Term& module, const CallResult& answer) {
  const std::string name(module.atom_name());
  const auto [list, first] = sup_->handler_lists.try_emplace(name);
  if (first) list->second = kept_list(module), lists_changed_ = true;
  std::string fault;
  if (!answer.ok) {
    fault = to_text(answer.value, 200);
  } else if (!answer.value.is_proper_list()) {
    fault = "expected a list of child specs, got " + to_text(answer.value, 200);
  } else {
    lists_changed_ = take_list(list->second, answer.value, fault) || lists_changed_;
    if (all_->beam && fault.empty()) all_->beam->keep(tuple(atom("handler"), sup_->name, module), answer.value);
  }
  const std::string before = std::exchange(handler_faults_[name], fault);
  if (fault == before) return;
  const std::string what = "children of " + to_text(sup_->name) + ": " + to_text(module) + ":get_all()";
  if (fault.empty()) context.log(LogLevel::notice, what + " answers again");
  else context.log(LogLevel::warning, what + ": " + fault + "; its last list holds");
}

// What the handler told this program's predecessor: its last list, until it gives one. Not before it was asked: such a list may name what has been deleted
// since, and would start it again.
SharedSpecs ManagerProcess::kept_list(const Term& module) const {
  SharedSpecs children;
  std::string fault;  // was told of when the list came
  const Term* const kept = all_->beam ? all_->beam->kept(tuple(atom("handler"), sup_->name, module)) : nullptr;
  if (kept != nullptr) take_list(children, *kept, fault);
  return children;
}

void ManagerProcess::handlers_answered(ProcessContext& context) {
  const Instant now = context.time().now;
  if (std::exchange(lists_changed_, false)) take_up_lists(now);
  else sup_->manager->same_children(now);
  if (all_handlers_answered()) sup_->manager->all_are_named(now);
}

void ManagerProcess::take_up_lists(Instant now) {
  sup_->dynamic_children.clear();
  for (const auto& [module, children] : sup_->handler_lists) sup_->dynamic_children.insert(sup_->dynamic_children.end(), children.begin(), children.end());
  SharedSpecs all = sup_->static_children;
  all.insert(all.end(), sup_->dynamic_children.begin(), sup_->dynamic_children.end());
  sup_->manager->set_children(all, now);
}

bool ManagerProcess::all_handlers_answered() const {
  return std::ranges::all_of(sup_->handlers, [this](const Term& module) {
    const auto fault = handler_faults_.find(std::string(module.atom_name()));
    return fault != handler_faults_.end() && fault->second.empty();
  });
}

namespace {

void ask_handler(ProcessContext& context, Term node, std::vector<Term> modules, std::size_t at, Term id, HandlerFound then) {
  if (at == modules.size()) return then(context, std::optional<Term>());
  const Term module = modules[at];
  context.erpc(node, module, atom("match"), {id}, kHandlerTimeout,
               [node, modules = std::move(modules), at, id, then = std::move(then)](ProcessContext& ctx, CallResult answer) mutable {
    if (!answer.ok) return then(ctx, Error{to_text(modules[at]) + ":match/1 on " + to_text(node) + ": " + to_text(answer.value, 200)});
    if (answer.value.is_atom("true")) return then(ctx, std::optional<Term>(modules[at]));
    ask_handler(ctx, node, std::move(modules), at + 1, id, std::move(then));
  });
}

}  // namespace

void find_handler(ProcessContext& context, const SupervisorState& sup, const Term& id, HandlerFound then) {
  if (const auto* local = std::get_if<LocalDefinition>(&sup.definition.source))
    return then(context, local->handler && local->handler->match(id) ? std::optional<Term>(Term()) : std::nullopt);
  ask_handler(context, std::get<RemoteDefinition>(sup.definition.source).node, sup.handlers, 0, id, std::move(then));
}

// ---- effects ----------------------------------------------------------------------------------------------------

void ManagerProcess::perform(ProcessContext& context) {
  for (auto effects = sup_->manager->take_effects(); !effects.empty(); effects = sup_->manager->take_effects()) {
    std::vector<MgrStart> starts;  // that follow each other are handed over together
    for (MgrEffect& effect : effects) {
      if (auto* e = std::get_if<MgrStart>(&effect)) {
        starts.push_back(std::move(*e));
        continue;
      }
      if (!starts.empty()) start(context, std::exchange(starts, {}));
      perform_one(context, effect);
    }
    if (!starts.empty()) start(context, std::move(starts));
  }
  if (const auto line = sup_->progress.look(sup_->manager->status().all(), context.time().now))
    context.log(LogLevel::notice, to_text(sup_->name, 200) + ": " + *line);
  if (sup_->up_until) tell_up(context);
  set_timer(context);
}

void ManagerProcess::set_timer(ProcessContext& context) {
  const auto at = sup_->manager->next_timeout();
  if (!at || timer_at_) return;
  timer_at_ = std::max(*at, context.time().now + std::chrono::milliseconds(10));
  context.send_after(*timer_at_ - context.time().now, context.self(), manager_timeout());
}

void ManagerProcess::tell_up(ProcessContext& context) {
  const ChildManager::Status status = sup_->manager->status();
  const bool busy = handlers_asked_ > 0 || !all_->who_owns.settled(*sup_) || status.waiting_to_start > 0 || status.starting > 0 || status.asked_for > 0;
  if (busy && all_->ring.settled() && context.time().now < *sup_->up_until) return;
  sup_->up_until.reset();
  all_->beam->order(tuple(atom("supervisor_up"), sup_->name));
}

void ManagerProcess::in_local(ProcessContext& context, std::function<void(LocalSup&, ProcessContext&)> what) {
  sup_->local_box.put(context, [sup = sup_, what = std::move(what)](ProcessContext& ctx) { what(*sup->local_process, ctx); });
}

void ManagerProcess::perform_one(ProcessContext& context, const MgrEffect& effect) {
  if (auto* e = std::get_if<MgrStop>(&effect)) return stop(context, e->id);
  if (auto* e = std::get_if<MgrHand>(&effect)) return hand(context, *e);
  if (auto* e = std::get_if<MgrHanded>(&effect)) return all_->beam && e->new_pid.is_pid() ? gate_moved(context, sup_->name, e->id, e->new_pid) : void();
  if (auto* e = std::get_if<MgrHandOver>(&effect)) return all_->beam ? gate_over(context, sup_->name, e->id) : void();
  if (auto* e = std::get_if<MgrDelete>(&effect))
    return in_local(context, [id = e->id](LocalSup& local, ProcessContext& ctx) { local.call(ctx, tuple(atom("delete_child"), id), [](ProcessContext&, const Term&) {}); });
  if (auto* e = std::get_if<MgrFreeze>(&effect))
    return in_local(context, [f = *e](LocalSup& local, ProcessContext& ctx) { local.freeze(ctx, f.id, f.pid); });
  if (auto* e = std::get_if<MgrUnfreeze>(&effect))
    return in_local(context, [f = *e](LocalSup& local, ProcessContext& ctx) { local.unfreeze(ctx, f.id, f.pid); });
  if (auto* e = std::get_if<MgrForward>(&effect))
    return in_local(context, [f = *e](LocalSup& local, ProcessContext& ctx) { local.forward(ctx, f.id, f.pid, f.new_pid); });
  if (auto* e = std::get_if<MgrHold>(&effect))
    return in_local(context, [h = *e](LocalSup& local, ProcessContext& ctx) { local.hold(ctx, h.move, h.spec); });
  if (auto* e = std::get_if<MgrConflict>(&effect))
    return in_local(context, [c = *e](LocalSup& local, ProcessContext& ctx) { local.conflict(ctx, c.move, c.id, c.state); });
  if (auto* e = std::get_if<MgrRelease>(&effect))
    return in_local(context, [r = *e](LocalSup& local, ProcessContext& ctx) { local.release(ctx, r.move, r.state); });
  if (auto* e = std::get_if<MgrDrop>(&effect))
    return in_local(context, [d = *e](LocalSup& local, ProcessContext& ctx) { local.drop(ctx, d.move); });
  if (auto* e = std::get_if<MgrSend>(&effect))
    return context.send(tuple(peer_name(), e->node), encode_peer_message({context.self(), e->body}));
  if (auto* e = std::get_if<MgrReport>(&effect))
    return context.log(e->level == SupReport::Level::error ? LogLevel::error : LogLevel::notice, e->text);
}

void ManagerProcess::start(ProcessContext& context, std::vector<MgrStart> starts) {
  in_local(context, [starts = std::move(starts)](LocalSup& local, ProcessContext& ctx) { local.start_children(ctx, starts); });
}

void ManagerProcess::stop(ProcessContext& context, const Term& id) {
  in_local(context, [sup = sup_, id](LocalSup& local, ProcessContext& ctx) {
    local.call(ctx, tuple(atom("terminate_child"), id), [](ProcessContext&, const Term&) {});
    local.call(ctx, tuple(atom("delete_child"), id), [sup, id](ProcessContext& in, const Term&) {
      sup->manager_box.put(in, [sup, id](ProcessContext& mine) { sup->manager->stopped(id, mine.time().now); });
    });
  });
}

void ManagerProcess::hand(ProcessContext& context, const MgrHand& hand) {
  const PeerInfo* const peer = all_->peer(hand.node);
  const HandTo to{hand.node, peer && peer->hello.has_value(), peer && peer->has_gate(), all_->beam != nullptr, all_->migrate_timeout, all_->beam ? nullptr : &all_->native};
  hand_to_legacy(context, sup_, hand.spec, to, [this, id = hand.spec.id, move = hand.move](ProcessContext& ctx, const Result<Term>& started, const Term& waits) {
    sup_->manager->handed(id, move, started, ctx.time().now, waits);
    perform(ctx);
  });
}

}  // namespace supervisorring
