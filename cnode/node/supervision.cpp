#include "node/supervision.h"

#include "node/api.h"
#include "node/api_status.h"
#include "node/native_gate.h"
#include "node/peer.h"
#include "node/super_sup.h"
#include "node/top_sup.h"

namespace supervisorring {

Supervision::Supervision(Node& node, RingView& view, const worker_registry& workers, NativeRuntime& native, Top top)
    : state_(std::make_shared<SupervisionState>(view, workers, native)) {
  define_api(node, state_);
  node.at_start([this, top = std::move(top)](ProcessContext& context) {
    context.spawn(std::make_unique<SuperSup>(state_), SpawnOptions{super_sup_name()});
    context.spawn(std::make_unique<PeerProcess>(state_), SpawnOptions{peer_name()});
    if (state_->beam == nullptr) context.spawn(std::make_unique<TopSup>(state_, top.intensity, top.give_up), SpawnOptions{Term(), TrapExit::yes});
    if (state_->beam == nullptr) context.spawn(std::make_unique<NativeGate>(state_), SpawnOptions{gate_name()});
  });
}

Result<bool> Supervision::define(SupervisorDefinition definition) {
  const Term name = definition.name;
  if (!name.is_atom()) return Error{"expected an atom as a supervisor's name, got " + to_text(name, 100)};
  const auto sup = std::shared_ptr<SupervisorState>(new SupervisorState{std::move(definition), name});
  if (!state_->supervisors.emplace(std::string(name.atom_name()), sup).second) return Error{"the supervisor " + to_text(name) + " is defined twice"};
  return true;
}

Result<bool> Supervision::define(ProcessContext& context, SupervisorDefinition definition) {
  const Term name = definition.name;
  auto defined = define(std::move(definition));
  if (defined) start_supervisor(context, state_, state_->supervisors.at(std::string(name.atom_name())));
  return defined;
}

void Supervision::ring_changed(ProcessContext& context) {
  // They look at the ring after every message. The peer process first: it announces a leave before the moves begin.
  state_->peer_box.put(context, [](ProcessContext&) {});
  for (const auto& [name, sup] : state_->supervisors) sup->manager_box.put(context, [](ProcessContext&) {});
}

void Supervision::may_join(ProcessContext& context, std::vector<Term> members, std::function<void(ProcessContext&, Result<bool>)> then) {
  context.call(peer_name(), tuple(atom("may_join"), Term::list(std::move(members))), CallOptions{std::chrono::seconds(30)},
               [then = std::move(then)](ProcessContext& later, CallResult answer) {
    if (!answer.ok) return then(later, Error{"the members could not be asked what they run: " + to_text(answer.value, 200)});
    if (answer.value.is_tagged("error", 2)) return then(later, Error{answer.value[1].as_text().value_or(to_text(answer.value[1]))});
    then(later, true);
  });
}

void Supervision::prepare_leave(ProcessContext& context, std::function<void(ProcessContext&)> then) {
  state_->move_rate.limit(std::nullopt, context.time().now);
  ring_changed(context);
  context.call(super_sup_name(), atom("prepare_leave"), CallOptions{state_->leave_timeout + std::chrono::seconds(5)},
               [then = std::move(then)](ProcessContext& later, CallResult) { then(later); });
}

bool Supervision::any_child_runs() const {
  for (const auto& [name, sup] : state_->supervisors)
    if (sup->local && sup->local->active() > 0) return true;
  return false;
}

Term Supervision::status(ProcessContext& context) const { return status_term(context, *state_); }

}  // namespace supervisorring
