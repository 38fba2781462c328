#include "node/legacy_hand.h"

namespace supervisorring {

Term pid_of_started(const Term& result) {
  if (result.is_tagged("ok", 2) || result.is_tagged("ok", 3)) return result[1].is_pid() ? result[1] : Term();
  if (!result.is_tagged("error", 2) || !result[1].is_tagged("already_started", 2)) return Term();
  return result[1][1].is_pid() ? result[1][1] : Term();
}

namespace {

void migrate(ProcessContext& context, const SupervisorState& sup, const ChildSpec& spec, const Term& new_pid, const HandTo& to, std::function<void(ProcessContext&)> then) {
  const auto* remote = std::get_if<RemoteDefinition>(&sup.definition.source);
  const auto view = sup.local ? sup.local->find(spec.id) : std::nullopt;
  if (!remote || !view || view->state != Supervisor::ChildState::running || !new_pid.is_pid()) return then(context);
  const Term child = tuple(spec.id, to_tuple(spec)[4], spec.modules);
  const Term node = to.from_beam ? context.node_name() : new_pid.node();
  context.erpc(node, remote->module, atom("migrate"), {child, view->pid, new_pid}, to.migrate_timeout,
               [id = spec.id, module = remote->module, new_pid, node, then = std::move(then)](ProcessContext& ctx, CallResult answer) {
    if (!answer.ok)
      ctx.log(LogLevel::warning, "child " + to_text(id, 200) + " runs on " + to_text(new_pid.node()) + " without its state: " + to_text(module) + ":migrate/3 on " + to_text(node) + ": " + to_text(answer.value, 200));
    then(ctx);
  });
}

}  // namespace

void hand_to_legacy(ProcessContext& context, std::shared_ptr<SupervisorState> sup, const ChildSpec& spec, const HandTo& to, HandedToLegacy then) {
  const auto started = [sup, spec, to, then = std::move(then)](ProcessContext& ctx, CallResult answer) {
    if (!answer.ok) return then(ctx, Error{to_text(answer.value, 200)});
    migrate(ctx, *sup, spec, pid_of_started(answer.value), to, [started = answer.value, then](ProcessContext& in) { then(in, started); });
  };
  if (to.ours) return context.call(tuple(sup->name, to.node), tuple(atom("start_child"), to_wire(spec)), CallOptions{kMoveStepTimeout}, started);
  context.erpc(to.node, atom("Elixir.Supervisor"), atom("start_child"), {sup->name, to_tuple(spec)}, kMoveStepTimeout, started);
}

}  // namespace supervisorring
