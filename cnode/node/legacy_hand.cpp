#include "node/legacy_hand.h"

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
};
using HandPtr = std::shared_ptr<const Hand>;

void at_gate(ProcessContext& context, const char* function, std::vector<Term> arguments, Duration timeout, std::function<void(ProcessContext&, CallResult)> then) {
  context.erpc(context.node_name(), atom("supervisorring_move"), atom(function), std::move(arguments), timeout, std::move(then));
}

Term milliseconds(Duration time) { return integer(std::chrono::duration_cast<std::chrono::milliseconds>(time).count()); }

// No function migrate/3 in the module itself.
bool has_no_migrate(const Term& error, const Term& module) {
  if (!error.is_tagged("exception", 3) || !error[1].is_atom("undef") || !error[2].is_list() || error[2].elements().empty()) return false;
  const Term top = error[2].elements()[0];
  return top.is_tuple(4) && top[0] == module && top[1].is_atom("migrate");
}

// The copy that has no state: the old one goes on.
void end_new_copy(ProcessContext& context, const HandPtr& hand, std::string why) {
  const Term there = tuple(hand->sup->name, hand->to.node);
  context.call(there, tuple(atom("terminate_child"), hand->spec.id), CallOptions{kMoveStepTimeout}, [hand, there, why](ProcessContext& ctx, CallResult) {
    ctx.call(there, tuple(atom("delete_child"), hand->spec.id), CallOptions{kGateTimeout}, [hand, why](ProcessContext& in, CallResult) { hand->then(in, Error{why}); });
  });
}

void migrated(ProcessContext& context, const HandPtr& hand, const Term& started, const Term& node, const Term& module, const std::optional<Term>& error) {
  if (!error || has_no_migrate(*error, module)) return hand->then(context, started);
  const std::string why = to_text(module) + ":migrate/3 on " + to_text(node) + ": " + to_text(*error, 200);
  if (hand->to.ours) return end_new_copy(context, hand, why);
  // It may have failed because the new copy, or its node, is gone: then the state is in the old one only.
  context.erpc(hand->to.node, atom("erlang"), atom("is_process_alive"), {pid_of_started(started)}, kGateTimeout, [hand, started, why](ProcessContext& ctx, CallResult alive) {
    if (!alive.ok || !alive.value.is_atom("true")) return hand->then(ctx, Error{why});
    ctx.log(LogLevel::warning, "child " + to_text(hand->spec.id, 200) + " runs on " + to_text(hand->to.node) + " without its state: " + why);
    hand->then(ctx, started);
  });
}

void migrate(ProcessContext& context, const HandPtr& hand, const Term& started) {
  const Term new_pid = pid_of_started(started);
  const auto* remote = std::get_if<RemoteDefinition>(&hand->sup->definition.source);
  const auto view = hand->sup->local ? hand->sup->local->find(hand->spec.id) : std::nullopt;
  if (!remote || !view || view->state != Supervisor::ChildState::running || !new_pid.is_pid()) return hand->then(context, started);
  const Term child = tuple(hand->spec.id, to_tuple(hand->spec)[4], hand->spec.modules);
  const Term module = remote->module;
  const Duration time = hand->to.migrate_timeout;
  if (hand->to.from_beam) {
    const Term wait = milliseconds(time);
    return at_gate(context, "carry", {hand->sup->name, hand->spec.id, module, child, view->pid, new_pid, wait, wait}, 2 * time + kGateTimeout,
                   [hand, started, module](ProcessContext& ctx, CallResult answer) {
      std::optional<Term> error;
      if (!answer.ok) error = answer.value;
      else if (answer.value.is_tagged("error", 2)) error = answer.value[1];
      migrated(ctx, hand, started, ctx.node_name(), module, error);
    });
  }
  context.erpc(new_pid.node(), module, atom("migrate"), {child, view->pid, new_pid}, time, [hand, started, module, node = new_pid.node()](ProcessContext& ctx, CallResult answer) {
    migrated(ctx, hand, started, node, module, answer.ok ? std::nullopt : std::optional<Term>(answer.value));
  });
}

void start_there(ProcessContext& context, const HandPtr& hand) {
  const auto started = [hand](ProcessContext& ctx, CallResult answer) {
    if (!answer.ok) return hand->then(ctx, Error{to_text(answer.value, 200)});
    migrate(ctx, hand, answer.value);
  };
  const Term& node = hand->to.node;
  if (hand->to.ours) return context.call(tuple(hand->sup->name, node), tuple(atom("start_child"), to_wire(hand->spec)), CallOptions{kMoveStepTimeout}, started);
  context.erpc(node, atom("Elixir.Supervisor"), atom("start_child"), {hand->sup->name, to_tuple(hand->spec)}, kMoveStepTimeout, started);
}

}  // namespace

void hand_to_legacy(ProcessContext& context, std::shared_ptr<SupervisorState> sup, const ChildSpec& spec, const HandTo& to, HandedToLegacy then) {
  const HandPtr hand = std::make_shared<const Hand>(Hand{std::move(sup), spec, to, std::move(then)});
  if (!to.from_beam) return start_there(context, hand);
  at_gate(context, "prepare", {hand->sup->name, spec.id, to.node, Term::boolean(to.has_gate)}, kGateTimeout, [hand](ProcessContext& ctx, CallResult answer) {
    const Term why = answer.ok ? Term() : answer.value;
    if (why.is_tagged("exit", 2) && why[1].is_tagged("arriving_from", 2)) return hand->then(ctx, tuple(atom("error"), why[1]));
    if (!answer.ok) return hand->then(ctx, Error{"it cannot be given away now: " + to_text(answer.value, 200)});
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
