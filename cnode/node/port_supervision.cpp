#include "node/port_supervision.h"

#include <algorithm>

#include "node/port_global.h"
#include "node/sup_local.h"
#include "node/sup_manager.h"

namespace supervisorring {

namespace {

const Term& sets_key() { static const Term key = tuple(atom("nano_ring"), atom("sets")); return key; }

Result<LwwSet> read_set(const Term& term) {
  auto received = LwwStruct::from_term(term);
  return received ? member_set(*received) : Result<LwwSet>(Error{received.error()});
}

std::vector<Term> sorted(const Term& list) {
  std::vector<Term> terms(list.elements().begin(), list.elements().end());
  std::ranges::sort(terms, [](const Term& a, const Term& b) { return compare(a, b) < 0; });
  return terms;
}

std::vector<Term> ascending(const LwwSet& set) {
  std::vector<Term> members = set.members();
  std::reverse(members.begin(), members.end());
  return members;
}

}  // namespace

std::optional<MembershipConfig::Sets> kept_sets(const PortAttach& attach) {
  for (const auto& [key, value] : attach.kept) {
    if (!(key == sets_key()) || !value.is_tuple(2)) continue;
    auto nodes = read_set(value[0]);
    auto up = read_set(value[1]);
    if (nodes && up) return MembershipConfig::Sets{std::move(*nodes), std::move(*up)};
  }
  return std::nullopt;
}

PortSupervision::PortSupervision(Node& node, Supervision& supervision, std::shared_ptr<const PortAttach> attach, Leave leave)
    : node_(node), supervision_(supervision), attach_(std::move(attach)), leave_(std::move(leave)), beam_(node, *attach_), requests_(node, beam_, supervision.state(), leave_) {
  supervision_.state()->beam = &beam_;
  before_ = kept_sets(*attach_);
  node.stand_in(atom("Elixir.NanoRing"), attach_->nano_ring);
  node.stand_in(super_sup_name(), attach_->super_sup);
  node.stand_in(peer_name(), attach_->peer);
  node.on_port_input([this](ProcessContext& context, const Term& input) { handle_input(context, input); });
  node.at_start([this](ProcessContext& context) { take_over(context); });
}

// ---- supervisors --------------------------------------------------------------------------------------

void PortSupervision::take_over(ProcessContext& context) {
  for (const PortSupervisor& each : attach_->supervisors) define(context, each, true);
  // What was spawned above starts before this is carried out.
  context.call(super_sup_name(), atom("is_ready"), CallOptions{}, [this](ProcessContext&, CallResult) { beam_.order(tuple(atom("ready"))); });
}

void PortSupervision::handle_supervisor(ProcessContext& context, const Term& supervisor) {
  auto parsed = parse_port_supervisor(supervisor);
  if (!parsed) return context.log(LogLevel::error, "the port: " + parsed.error());
  const SupervisorState* known = supervision_.state()->find(parsed->name);
  // Its parent starts it again the moment it has ended: what ran for it here ends first.
  if (known && known->phase != SupervisorPhase::down && known->gone)
    return (void)context.call(super_sup_name(), atom("is_ready"), CallOptions{}, [this, supervisor](ProcessContext& later, CallResult) { handle_supervisor(later, supervisor); });
  if (known && known->phase != SupervisorPhase::down) return beam_.order(tuple(atom("supervisor_refused"), parsed->name, atom("already_running")));
  define_beside_others(context, std::move(*parsed));
}

// By a set of members, beside a member that runs it and knows no sets: refused, since their owners would differ.
void PortSupervision::define_beside_others(ProcessContext& context, PortSupervisor given) {
  const auto init = check_init(given.module, tuple(atom("ok"), tuple(given.flags, given.specs)));
  const auto* good = std::get_if<SupervisorInit>(&init);
  if (good == nullptr || good->flags.members.is_all()) return define(context, std::move(given), false);
  const Term name = given.name, set = to_term(good->flags.members), global = given.global;
  asked_about_.insert_or_assign(name, global);
  supervision_.state()->who_owns.find_without_sets(context, name, [this, given = std::move(given), set](ProcessContext& later, std::vector<Term> found) mutable {
    const auto asked = asked_about_.find(given.name);
    if (asked == asked_about_.end() || asked->second != given.global) return;  // its tree has ended meanwhile
    asked_about_.erase(asked);
    if (found.empty()) return define(later, std::move(given), false);
    const Term reason = tuple(atom("members_refused"), set, Term::list(std::move(found)));
    later.log(LogLevel::error, "supervisor " + to_text(given.name, 200) + " does not start with members => " + to_text(set, 200) + " while " + to_text(reason[2], 300) +
                                   " runs it, which places its children by all members");
    beam_.order(tuple(atom("supervisor_refused"), given.name, reason));
  });
}

void PortSupervision::define(ProcessContext& context, PortSupervisor given, bool taken_over) {
  const auto& state = supervision_.state();
  const Term name = given.name;
  auto init = check_init(given.module, tuple(atom("ok"), tuple(given.flags, given.specs)));
  auto* good = std::get_if<SupervisorInit>(&init);
  if (good == nullptr) {
    context.log(LogLevel::error, "supervisor " + to_text(name, 200) + " does not start: " + to_text(std::get<Term>(init), 500));
    return beam_.order(tuple(atom("supervisor_refused"), name, std::get<Term>(init)));
  }
  SupervisorDefinition definition{name, RemoteDefinition{given.module, node_.name(), given.args}};
  auto sup = std::shared_ptr<SupervisorState>(new SupervisorState{std::move(definition), name});
  sup->flags = good->flags;
  sup->static_children = std::move(good->children);
  sup->handlers = std::move(good->handlers);
  sup->takeover = std::move(given.children);
  if (taken_over) {
    sup->owners.told_kind = OwnersDecided::Told::unknown;  // what the predecessor has told the BEAM
    if (const Term* const kept = beam_.kept(tuple(atom("owners"), name))) sup->owners.previous = kept->is_atom("all") ? OwnerSet{} : OwnerSet{OwnerSet::Kind::listed, sorted(*kept)};
  }
  state->supervisors.insert_or_assign(std::string(name.atom_name()), sup);
  beam_.stand_in(name_of_global_sup(name), given.global);
  beam_.stand_in(name, given.local);
  beam_.stand_in(name_of_child_manager(name), given.manager);
  const SpawnOptions options{name_of_global_sup(name), TrapExit::yes, Term()};
  if (!context.spawn(std::make_unique<BeamGlobalSup>(state, sup), options)) {
    sup->phase = SupervisorPhase::down;
    return beam_.order(tuple(atom("supervisor_refused"), name, atom("already_running")));
  }
  if (!taken_over) sup->up_until = context.time().now + kFirstSyncTimeout;  // its child manager says when it is up
}

void PortSupervision::handle_restarted(ProcessContext& context, const Term& input) {
  if (supervision_.state()->find(input[1])) context.send(name_of_global_sup(input[1]), BeamGlobalSup::restarted_message(input[2], input[3]));
}

void PortSupervision::handle_gone(ProcessContext& context, const Term& input) {
  asked_about_.erase(input[1]);
  SupervisorState* sup = supervision_.state()->find(input[1]);
  if (!sup || sup->phase == SupervisorPhase::down) return;
  sup->gone = true;
  context.send(name_of_global_sup(input[1]), BeamGlobalSup::gone_message(input[2]));
}

// ---- children -----------------------------------------------------------------------------------------

SupervisorState* PortSupervision::running(const Term& name) const {
  SupervisorState* sup = supervision_.state()->find(name);
  return sup && sup->local_box.is_open() ? sup : nullptr;
}

void PortSupervision::handle_child_started(ProcessContext& context, const Term& input) {
  const auto token = input[2].as_int64();
  SupervisorState* sup = running(input[1]);
  if (!sup || !token) return;
  sup->local_box.put(context, [sup, token = static_cast<StartToken>(*token), result = input[3]](ProcessContext& own) { sup->local_process->beam_started(own, token, result); });
}

void PortSupervision::handle_child_exited(ProcessContext& context, const Term& input) {
  SupervisorState* sup = running(input[1]);
  if (!sup) return;
  sup->local_box.put(context, [sup, pid = input[2], reason = input[3]](ProcessContext& own) { sup->local_process->beam_exited(own, pid, reason); });
}

void PortSupervision::handle_proxy_started(ProcessContext& context, const Term& input) {
  const auto token = input[2].as_int64();
  SupervisorState* sup = running(input[1]);
  if (!sup || !token) {
    if (input[3].is_tagged("ok", 2)) beam_.order(tuple(atom("end_proxy"), input[3][1], atom("shutdown")));
    return;
  }
  sup->local_box.put(context, [sup, token = static_cast<StartToken>(*token), result = input[3]](ProcessContext& own) { sup->local_process->proxy_started(own, token, result); });
}

void PortSupervision::handle_end_native(ProcessContext& context, const Term& input) {
  SupervisorState* sup = running(input[1]);
  if (!input[2].is_pid()) return;
  if (!sup) return beam_.order(tuple(atom("end_proxy"), input[2], atom("shutdown")));
  sup->local_box.put(context, [sup, pid = input[2]](ProcessContext& own) { sup->local_process->end_native(own, pid); });
}

// ---- inputs -------------------------------------------------------------------------------------------

void PortSupervision::handle_input(ProcessContext& context, const Term& input) {
  if (input.is_tagged("request", 4)) return requests_.handle(context, input[1], input[2], input[3]);
  if (input.is_tagged("child_started", 4)) return handle_child_started(context, input);
  if (input.is_tagged("child_exited", 4)) return handle_child_exited(context, input);
  if (input.is_tagged("proxy_started", 4)) return handle_proxy_started(context, input);
  if (input.is_tagged("end_native", 3)) return handle_end_native(context, input);
  if (input.is_tagged("supervisor", 2)) return handle_supervisor(context, input[1]);
  if (input.is_tagged("supervisor_restarted", 4)) return handle_restarted(context, input);
  if (input.is_tagged("supervisor_gone", 3)) return handle_gone(context, input);
  if (input.is_tagged("leave", 2)) return leave_(context, input[1].is_atom("true"));
  context.log(LogLevel::error, "the port: expected an input, got " + to_text(input, 300));
}

// ---- the ring -----------------------------------------------------------------------------------------

void PortSupervision::sets_changed(ProcessContext&, const Membership& core) {
  sets_ = tuple(core.node_set().to_term({}), core.up_set().to_term({}));
  if (core.phase() == Membership::Phase::member) beam_.keep(sets_key(), sets_);
  else beam_.unkeep(sets_key());
  send_ring(core);
  for (const Term& event : std::exchange(events_, {})) beam_.order(event);
  // From the removal of this member on nothing is answered.
  if (core.phase() == Membership::Phase::gone && std::exchange(acks_, false)) beam_.order(tuple(atom("acks"), atom("false")));
}

void PortSupervision::send_ring(const Membership& core) {
  const RingView& view = supervision_.state()->ring;
  beam_.order(tuple(atom("ring"), Term::list(view.up()), Term::list(view.nodes()), integer(otp_of_hash_format(core.format())), Term::boolean(view.settled()), sets_[0], sets_[1]));
}

// A successor's first view is no news where it is what its predecessor saw.
void PortSupervision::ring_changed(const RingChange& seen) {
  RingChange change = seen;
  if (const auto before = std::exchange(before_, std::nullopt)) {
    change.old_nodes = ascending(before->nodes);
    change.old_up = ascending(before->up);
  }
  const auto notify = [this](const char* to, Term event) { events_.push_back(tuple(atom("notify"), atom(to), std::move(event))); };
  if (change.old_nodes != change.new_nodes) notify("nano_ring", tuple(atom("new_node_set"), Term::list(change.old_nodes), Term::list(change.new_nodes)));
  if (!change.up_changed()) return;
  notify("nano_ring", tuple(atom("new_up_set"), Term::list(change.old_up), Term::list(change.new_up)));
  notify("supervisorring", atom("new_ring"));
}

}  // namespace supervisorring
