#include "node/legacy_hand.h"

#include "node/native_gate.h"

namespace supervisorring {

Term pid_of_started(const Term& result) {
  if (result.is_tagged("ok", 2) || result.is_tagged("ok", 3)) return result[1].is_pid() ? result[1] : Term();
  if (!result.is_tagged("error", 2) || !result[1].is_tagged("already_started", 2)) return Term();
  return result[1][1].is_pid() ? result[1][1] : Term();
}

namespace {

using Started = std::function<void(ProcessContext&, Term started)>;

struct Hand {
  std::shared_ptr<SupervisorState> sup;
  ChildSpec spec;
  HandTo to;
  HandedToLegacy then;
  bool again = false;  // it was begun before: a copy that runs there is its own
  Term waits = {};
  Term move = {};      // told to the gate there, by a node without a BEAM; until the child tells it how it ends
};
using HandPtr = std::shared_ptr<Hand>;

Term key_of(const Hand& hand) { return tuple(hand.sup->name, hand.spec.id); }
Term arriving_not(const Hand& hand) { return tuple(atom("arriving_not"), key_of(hand), hand.move); }

void done(ProcessContext& context, const HandPtr& hand, const Result<Term>& started) {
  if (hand->move.is_reference()) context.cast(tuple(gate_name(), hand->to.node), arriving_not(*hand));
  hand->then(context, started, hand->waits);
}

// What the child tells the gate there.
std::optional<NativeHandTold> told(ProcessContext& context, const Hand& hand) {
  if (!hand.move.is_reference()) return std::nullopt;
  const Term from = tuple(context.whereis(gate_name()).value_or(context.self()), context.make_ref());
  const Term arrived = tuple(atom("arrived"), key_of(hand), hand.move, Term());
  return NativeHandTold{tuple(gate_name(), hand.to.node), tuple(atom("$gen_call"), from, arrived), tuple(atom("$gen_cast"), arriving_not(hand))};
}

void at_gate(ProcessContext& context, const char* function, std::vector<Term> arguments, Duration timeout, std::function<void(ProcessContext&, CallResult)> then) {
  context.erpc(context.node_name(), atom("supervisorring_move"), atom(function), std::move(arguments), timeout, std::move(then));
}

Term milliseconds(Duration time) { return integer(std::chrono::duration_cast<std::chrono::milliseconds>(time).count()); }

// No such function of three arguments in the module itself.
bool has_none(const Term& error, const Term& module, const char* function) {
  if (!error.is_tagged("exception", 3) || !error[1].is_atom("undef") || !error[2].is_list() || error[2].elements().empty()) return false;
  const Term top = error[2].elements()[0];
  return top.is_tuple(4) && top[0] == module && top[1].is_atom(function);
}

// The copy that has no state: the old one goes on.
void end_new_copy(ProcessContext& context, const HandPtr& hand, std::string why) {
  const Term there = tuple(hand->sup->name, hand->to.node);
  context.call(there, tuple(atom("terminate_child"), hand->spec.id), CallOptions{kMoveStepTimeout}, [hand, there, why](ProcessContext& ctx, CallResult) {
    ctx.call(there, tuple(atom("delete_child"), hand->spec.id), CallOptions{kGateTimeout}, [hand, why](ProcessContext& in, CallResult) { done(in, hand, Error{why}); });
  });
}

void migrated(ProcessContext& context, const HandPtr& hand, const Term& started, const Term& node, const Term& module, const std::optional<Term>& error) {
  if (!error || has_none(*error, module, "migrate")) return done(context, hand, started);
  const std::string why = to_text(module) + ":migrate/3 on " + to_text(node) + ": " + to_text(*error, 200);
  if (hand->to.ours) return end_new_copy(context, hand, why);
  // It may have failed because the new copy, or its node, is gone: then the state is in the old one only.
  context.erpc(hand->to.node, atom("erlang"), atom("is_process_alive"), {pid_of_started(started)}, kGateTimeout, [hand, started, why](ProcessContext& ctx, CallResult alive) {
    if (!alive.ok || !alive.value.is_atom("true")) return done(ctx, hand, Error{why});
    ctx.log(LogLevel::warning, "child " + to_text(hand->spec.id, 200) + " runs on " + to_text(hand->to.node) + " without its state: " + why);
    done(ctx, hand, started);
  });
}

// `function`: migrate, or conflict, without which it is migrate after all.
void migrate_there(ProcessContext& context, const HandPtr& hand, const Term& started, const Term& old, const char* function) {
  const Term& module = std::get<RemoteDefinition>(hand->sup->definition.source).module;
  const Term node = pid_of_started(started).node(), child = tuple(hand->spec.id, to_tuple(hand->spec)[4], hand->spec.modules);
  context.erpc(node, module, atom(function), {child, old, pid_of_started(started)}, hand->to.migrate_timeout,
               [hand, started, module, node, old, function = std::string(function)](ProcessContext& ctx, CallResult answer) {
    if (!answer.ok && function == "conflict" && has_none(answer.value, module, "conflict")) return migrate_there(ctx, hand, started, old, "migrate");
    migrated(ctx, hand, started, node, module, answer.ok ? std::nullopt : std::optional<Term>(answer.value));
  });
}

void migrate(ProcessContext& context, const HandPtr& hand, const Term& started) {
  const Term new_pid = pid_of_started(started);
  const auto* remote = std::get_if<RemoteDefinition>(&hand->sup->definition.source);
  const auto view = hand->sup->local ? hand->sup->local->find(hand->spec.id) : std::nullopt;
  if ((!remote && !hand->to.native) || !view || view->state != Supervisor::ChildState::running || !new_pid.is_pid()) return done(context, hand, started);
  const Duration time = hand->to.migrate_timeout;
  const bool ran_twice = hand->to.ours && !hand->again && started.is_tagged("error", 2);
  const char* const function = ran_twice ? "conflict" : "migrate";
  if (hand->to.from_beam) {
    const Term wait = milliseconds(time), module = remote->module, child = tuple(hand->spec.id, to_tuple(hand->spec)[4], hand->spec.modules);
    return at_gate(context, "carry", {hand->sup->name, hand->spec.id, module, atom(function), child, view->pid, new_pid, wait, wait}, 2 * time + kGateTimeout,
                   [hand, started, module](ProcessContext& ctx, CallResult answer) {
      std::optional<Term> error;
      if (!answer.ok) error = answer.value;
      else if (answer.value.is_tagged("error", 2)) error = answer.value[1];
      migrated(ctx, hand, started, ctx.node_name(), module, error);
    });
  }
  hand_native(context, *hand->to.native, view->pid, kHandLimit + 2 * time, told(context, *hand), [hand, started, function, pid = view->pid, runs_one = remote != nullptr](ProcessContext& ctx, Result<Term> way_in) {
    if (way_in) hand->waits = pid, hand->move = Term();
    if (!way_in || !runs_one) return done(ctx, hand, started);
    migrate_there(ctx, hand, started, *way_in, function);
  });
}

void start_there(ProcessContext& context, const HandPtr& hand) {
  const auto started = [hand](ProcessContext& ctx, CallResult answer) {
    if (!answer.ok) return done(ctx, hand, Error{to_text(answer.value, 200)});
    migrate(ctx, hand, answer.value);
  };
  const Term& node = hand->to.node;
  if (hand->to.ours) return context.call(tuple(hand->sup->name, node), tuple(atom("start_child"), to_wire(hand->spec)), CallOptions{kMoveStepTimeout}, started);
  context.erpc(node, atom("Elixir.Supervisor"), atom("start_child"), {hand->sup->name, to_tuple(hand->spec)}, kMoveStepTimeout, started);
}

}  // namespace

void hand_to_legacy(ProcessContext& context, std::shared_ptr<SupervisorState> sup, const ChildSpec& spec, const HandTo& to, HandedToLegacy then) {
  const HandPtr hand = std::make_shared<Hand>(Hand{std::move(sup), spec, to, std::move(then)});
  if (!to.from_beam && !to.has_gate) return start_there(context, hand);
  if (!to.from_beam) {
    // Callers who look for the child there are sent here until its state has come.
    const Term move = context.make_ref(), gate = tuple(gate_name(), to.node);
    return context.call(gate, tuple(atom("arriving"), key_of(*hand), context.node_name(), move), CallOptions{kGateTimeout}, [hand, move](ProcessContext& ctx, CallResult answer) {
      if (!answer.ok) return done(ctx, hand, Error{"its gate: " + to_text(answer.value, 200)});
      hand->move = move;
      start_there(ctx, hand);
    });
  }
  at_gate(context, "prepare", {hand->sup->name, spec.id, to.node, Term::boolean(to.has_gate)}, kGateTimeout, [hand](ProcessContext& ctx, CallResult answer) {
    const Term why = answer.ok ? Term() : answer.value;
    if (why.is_tagged("exit", 2) && why[1].is_tagged("arriving_from", 2)) return done(ctx, hand, tuple(atom("error"), why[1]));
    if (!answer.ok) return done(ctx, hand, Error{"it cannot be given away now: " + to_text(answer.value, 200)});
    hand->again = answer.value.is_atom("again");
    start_there(ctx, hand);
  });
}

void gate_moved(ProcessContext& context, const Term& supervisor, const Term& id, const Term& new_pid) {
  at_gate(context, "moved", {supervisor, id, new_pid}, kGateTimeout, [](ProcessContext&, const CallResult&) {});
}

void gate_over(ProcessContext& context, const Term& supervisor, const Term& id) {
  at_gate(context, "ended", {supervisor, id}, kGateTimeout, [](ProcessContext&, const CallResult&) {});
}

}  // namespace supervisorring
