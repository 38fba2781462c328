#include "node/api_status.h"

namespace supervisorring {

namespace {

const char* phase_name(SupervisorPhase phase) {
  switch (phase) {
    case SupervisorPhase::reading: return "reading";
    case SupervisorPhase::running: return "running";
    case SupervisorPhase::restarting: return "restarting";
    case SupervisorPhase::down: return "down";
  }
  return "down";
}

Term pending_of(const SupervisorState& sup) {
  std::vector<Term> out;
  if (sup.manager)
    for (const auto& [id, what] : sup.manager->pending(kMaxPendingInStatus)) out.push_back(tuple(id, Term::binary(what)));
  return Term::list(std::move(out));
}

Term status_of(const SupervisorState& sup, Instant now) {
  const auto count = [](std::size_t n) { return Term::unsigned_integer(n); };
  const ChildManager::Status moves = sup.manager ? sup.manager->status() : ChildManager::Status{};
  return Term::map({{atom("name"), sup.name},
                    {atom("state"), atom(phase_name(sup.phase))},
                    {atom("why"), Term::binary(sup.why)},
                    {atom("children"), count(sup.local ? sup.local->size() : 0)},
                    {atom("active"), count(sup.local ? sup.local->active() : 0)},
                    {atom("known"), count(sup.manager ? sup.manager->known_children() : 0)},
                    {atom("waiting_to_start"), count(moves.waiting_to_start)},
                    {atom("starting"), count(moves.starting)},
                    {atom("asked_for"), count(moves.asked_for)},
                    {atom("waiting_to_move"), count(moves.waiting_to_move)},
                    {atom("moving"), count(moves.moving)},
                    {atom("arriving"), count(moves.arriving)},
                    {atom("members"), to_term(sup.flags.members)},
                    {atom("members_note"), Term::binary(sup.owners.note(sup.flags.members))},
                    {atom("progress"), Term::binary(sup.progress.now_left(now))},
                    {atom("pending"), pending_of(sup)}});
}

Term stuck_of(const SupervisionState& state, Instant now) {
  std::vector<Term> out;
  for (const StuckChild& stuck : state.native.stuck_children()) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - stuck.since).count();
    out.push_back(Term::map({{atom("pid"), stuck.pid}, {atom("name"), stuck.name}, {atom("module"), stuck.module},
                             {atom("reason"), stuck.reason}, {atom("seconds"), integer(seconds)}}));
  }
  return Term::list(std::move(out));
}

// Up members that would do something else in a partition; legacy ones keep all.
Term other_partitions(const SupervisionState& state) {
  std::vector<Term> out;
  for (const Term& node : state.ring.up()) {
    const PeerInfo* peer = state.peer(node);
    if (!peer || (!peer->hello && !peer->legacy)) continue;
    const Term policy = peer->hello ? peer->hello->partitions : atom("keep_all");
    if (policy != atom(name_of(state.partitions))) out.push_back(node);
  }
  return Term::list(std::move(out));
}

}  // namespace

Term status_term(ProcessContext& context, const SupervisionState& state) {
  std::vector<Term> supervisors;
  for (const auto& [name, sup] : state.supervisors) supervisors.push_back(status_of(*sup, context.time().now));
  std::vector<Term::Pair> peers;
  for (const auto& [node, peer] : state.peers) peers.emplace_back(node, peer.hello ? peer.hello->kind : atom(peer.legacy ? "legacy" : "unknown"));
  return Term::map({{atom("node"), context.node_name()},
                    {atom("up"), Term::list(state.ring.up())},
                    {atom("members"), Term::list(state.ring.nodes())},
                    {atom("settled"), Term::boolean(state.ring.settled())},
                    {atom("leaving"), Term::boolean(state.ring.leaving())},
                    {atom("drained"), Term::list(state.draining.drained())},
                    {atom("drain"), Term::map({{atom("self"), Term::boolean(state.draining.self_drained())},
                                               {atom("rate"), state.move_rate.limited() ? integer(*state.move_rate.a_second()) : atom("none")},
                                               {atom("note"), Term::binary(state.draining.note())}})},
                    {atom("cordoned"), Term::list(state.cordoning.in_effect())},
                    {atom("cordon"), Term::map({{atom("self"), Term::boolean(state.cordoning.self_cordoned())},
                                                {atom("children"), Term::unsigned_integer(state.cordoning.own_children())},
                                                {atom("note"), Term::binary(state.cordoning.note())}})},
                    {atom("partitions"), atom(name_of(state.partitions))},
                    {atom("minority"), Term::boolean(state.ring.minority())},
                    {atom("other_partitions"), other_partitions(state)},
                    {atom("otp"), integer(otp_of_hash_format(state.ring.format()))},
                    {atom("supervisors"), Term::list(std::move(supervisors))},
                    {atom("stuck"), stuck_of(state, context.time().now)},
                    {atom("peers"), Term::map(std::move(peers))}});
}

}  // namespace supervisorring
