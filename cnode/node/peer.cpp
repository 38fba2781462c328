#include "node/peer.h"

#include <algorithm>

#include "node/api.h"
#include "node/join_guard.h"
#include "node/nano_ring.h"
#include "node/port_beam.h"

namespace supervisorring {

namespace {

constexpr Duration kSweep = std::chrono::milliseconds(500);
const Term& sweep_message() { static const Term message = atom("$peer_sweep"); return message; }

}  // namespace

void PeerProcess::started(ProcessContext& context) {
  all_->peer_box.open(context.self());
  all_->who_owns.started(context);
  all_->draining.started(context);
  all_->cordoning.started();
  context.monitor_nodes();
  context.send_after(kSweep, context.self(), sweep_message());
}

void PeerProcess::handle_message(ProcessContext& context, const Term& message) {
  if (all_->peer_box.handle(context, message)) {
    all_known_ = false;
  } else if (message.is_tagged("supervisorring_peer", 3)) {
    handle_peer_message(context, message);
  } else if (message.is_tagged("nodeup", 2)) {
    handle_nodeup(context, message[1]);
  } else if (message.is_tagged("nodedown", 2)) {
    handle_nodedown(context, message[1]);
  } else if (message.is_tagged("DOWN", 5)) {
    handle_down(context, message[1], message[4]);
  } else if (message.is_atom("$announce")) {
    handle_announce(context);
  } else if (message == sweep_message()) {
    sweep(context);
  } else if (message.is_tagged("$gen_call", 3)) {
    if (message[2].is_tagged("may_join", 2)) handle_may_join(context, message[1], message[2][1]);
    else context.reply(message[1], tuple(atom("error"), tuple(atom("unknown_call"), message[2])));
  }
  handle_ring(context);
}

// ---- nodes --------------------------------------------------------------------------------------------

void PeerProcess::handle_nodeup(ProcessContext& context, const Term& node) {
  if (all_->peers.size() >= kMaxPeers && !all_->peers.contains(node)) return;
  all_known_ = false;
  PeerInfo& peer = all_->peers[node];
  peer = PeerInfo{true, std::nullopt, context.time().now, false, context.monitor(tuple(peer_name(), node))};
  send_hello(context, node, false);
}

void PeerProcess::handle_nodedown(ProcessContext& context, const Term& node) {
  all_known_ = false;
  all_->peers.erase(node);
  all_->draining.gone(node);
  all_->cordoning.gone(node);
  if (all_->beam) all_->beam->unkeep(tuple(atom("gate"), node));
  std::erase_if(early_asks_, [&](const auto& early) { return early.first == node; });
  for (const auto& [name, sup] : all_->supervisors) {
    sup->manager_box.put(context, [sup = sup, node](ProcessContext& ctx) { sup->manager->peer_gone(node, ctx.time().now); });
  }
}

// A member that has no such process is a legacy one: that need not wait for the time-out.
void PeerProcess::handle_down(ProcessContext& context, const Term& monitor, const Term& reason) {
  if (!reason.is_atom("noproc")) return;
  for (auto& [node, peer] : all_->peers) {
    if (peer.monitor != monitor || peer.hello || peer.legacy) continue;
    peer.legacy = peer.has_no_such_process = true;
    tell_gate(node);
    return became_legacy(context, node);
  }
}

// Callers on this BEAM send what is for a child to its member's gate, when that has announced one.
void PeerProcess::tell_gate(const Term& node) {
  if (all_->beam) all_->beam->keep(tuple(atom("gate"), node), atom(all_->peers.at(node).has_gate() ? "true" : "false"));
}

void PeerProcess::sweep(ProcessContext& context) {
  if (!all_known_) look_at_all(context);
  all_->who_owns.forget_strangers(context);
  all_->who_owns.ask_legacy(context);
  if (nudge_at_ && *nudge_at_ <= context.time().now) nudge_legacy(context);
  all_->cordoning.sweep(context);
  context.send_after(kSweep, context.self(), sweep_message());
}

// In a great ring of which everybody is known there is nothing to find, and looking would be most of what a member does.
void PeerProcess::look_at_all(ProcessContext& context) {
  const Instant now = context.time().now;
  all_known_ = true;
  for (auto& [node, peer] : all_->peers) {
    all_known_ = all_known_ && (peer.hello || (peer.legacy && peer.has_no_such_process));
    if (peer.hello || peer.legacy || now - peer.since < kHelloTimeout) continue;
    peer.legacy = true;
    tell_gate(node);
    became_legacy(context, node);
  }
  for (const Term& node : all_->ring.up()) {
    if (node == context.node_name() || context.is_connected(node)) continue;
    all_known_ = false;
    context.connect(node);
  }
  all_->who_owns.sweep(context);
  tell_of_partitions(context);
}

// One line when it becomes so, and one when it is over.
void PeerProcess::tell_of_partitions(ProcessContext& context) {
  std::string others, legacy;
  for (const Term& node : all_->ring.up()) {
    const PeerInfo* peer = all_->peer(node);
    if (!peer || node == context.node_name()) continue;
    if (peer->hello && peer->hello->partitions != atom(name_of(all_->partitions))) others += " " + to_text(node) + " (" + to_text(peer->hello->partitions) + ")";
    if (peer->legacy && all_->partitions == PartitionPolicy::quorum) legacy += " " + to_text(node);
  }
  std::string text;
  if (!others.empty()) text = "members disagree on what a partition does: here " + std::string(name_of(all_->partitions)) + "," + others;
  if (!legacy.empty()) text += (text.empty() ? "" : "; ") + std::string("quorum guarantees nothing while members run the Elixir library, which keeps all:") + legacy;
  if (text == told_of_partitions_) return;
  told_of_partitions_ = text;
  if (text.empty()) context.log(LogLevel::notice, "all members agree on what a partition does");
  else context.log(LogLevel::warning, text);
}

// One that has just come does it whatever its name: the others may not have missed it.
void PeerProcess::nudge_legacy(ProcessContext& context) {
  nudge_at_.reset();
  if (std::exchange(nudge_again_, false)) nudge_at_ = context.time().now + kNudgeAgain;
  const bool first_time = !std::exchange(nudged_, true);
  std::vector<Term> legacy;
  for (const Term& node : all_->ring.up()) {
    const PeerInfo* peer = all_->peer(node);
    if (peer && peer->legacy) legacy.push_back(node);
    else if (!first_time && compare(node, context.node_name()) < 0) return;  // another of ours does it
  }
  for (const Term& node : legacy)
    for (const auto& [name, sup] : all_->supervisors)
      if (sup->runs()) nudge_if_needed(context, node, sup);
}

// What the original's manager casts to itself at a change of its ring. It ends children that no handler names, one that is just being started included:
// so only where a child of another member runs.
void PeerProcess::nudge_if_needed(ProcessContext& context, const Term& node, const std::shared_ptr<SupervisorState>& sup) {
  context.call(tuple(sup->name, node), atom("which_children"), CallOptions{kListTimeout}, [this, node, sup](ProcessContext& later, CallResult answer) {
    if (!answer.ok || !answer.value.is_proper_list() || !sup->runs()) return;
    const auto is_anothers = [&](const Term& child) {
      if (!child.is_tuple(4) || !child[1].is_pid()) return false;
      const auto owner = all_->who_owns.owner_of(*sup, child[0]);
      return owner.node && *owner.node != node;
    };
    if (std::ranges::any_of(answer.value.elements(), is_anothers)) later.cast(tuple(name_of_child_manager(sup->name), node), atom("sync_children"));
  });
}

void PeerProcess::handle_ring(ProcessContext& context) {
  if (all_->ring.leaving() && !told_leaving_) {
    told_leaving_ = true;
    for (const auto& [node, peer] : all_->peers)
      if (peer.hello) context.send(tuple(peer_name(), node), encode_peer_message({context.self(), PeerLeaving{}}));
  }
  if (all_->ring.format() != last_format_) {
    last_format_ = all_->ring.format();
    handle_announce(context);
  }
  if (all_->ring.ring() == last_ring_) return;
  all_known_ = false;
  last_ring_ = all_->ring.ring();
  all_->who_owns.sweep(context);
  nudge_at_ = context.time().now + kNudgeAfter;
  nudge_again_ = true;
  for (const Term& node : all_->ring.up())
    if (node != context.node_name() && !context.is_connected(node)) context.connect(node);
  for (const auto& [name, sup] : all_->supervisors)
    sup->manager_box.put(context, [](ProcessContext&) {});  // it looks at the ring after every message
  answer_early_asks(context);
}

// ---- messages ------------------------------------------------------------------------------------------

// What this member keeps goes before the hello that says that it does.
void PeerProcess::send_kept(ProcessContext& context, const Term& node) {
  const PeerInfo* const peer = all_->peer(node);
  if (!peer || !peer->has(cordon_feature())) return;
  for (PeerKept& part : all_->cordoning.own_parts()) context.send(tuple(peer_name(), node), encode_peer_message({context.self(), std::move(part)}));
}

void PeerProcess::send_hello(ProcessContext& context, const Term& node, bool answer) {
  PeerHello hello;
  hello.answer = answer;
  hello.kind = atom(all_->beam ? "beam" : "cnode");
  for (const auto& [name, sup] : all_->supervisors)
    if (sup->runs()) hello.supervisors.push_back(sup->name);
  for (const auto& [name, sup] : all_->supervisors)
    if (sup->runs() && !sup->flags.members.is_all()) hello.members.emplace_back(sup->name, sup->flags.members);
  hello.drained = all_->draining.words();
  hello.cordoned = all_->cordoning.words();
  hello.otp = otp_of_hash_format(all_->ring.format());
  hello.partitions = atom(name_of(all_->partitions));
  hello.features = {atom("ask"), atom("members"), drain_feature(), cordon_feature(), news_feature(), digest_feature()};
  hello.features.push_back(all_->beam ? gate_feature() : atom("move"));
  context.send(tuple(peer_name(), node), encode_peer_message({context.self(), std::move(hello)}));
  // A hello on a new connection ends what was said on the one before.
  if (told_leaving_) context.send(tuple(peer_name(), node), encode_peer_message({context.self(), PeerLeaving{}}));
}

void PeerProcess::handle_announce(ProcessContext& context) {
  all_known_ = false;
  for (const auto& [node, peer] : all_->peers)
    if (peer.connected) send_kept(context, node), send_hello(context, node, false);
  all_->who_owns.look(context);
}

void PeerProcess::became_legacy(ProcessContext& context, const Term& node) {
  all_->who_owns.is_legacy(node);
  all_->who_owns.look(context);
  all_->who_owns.ask_legacy(context);
  tell_managers(context, node);
}

void PeerProcess::handle_peer_message(ProcessContext& context, const Term& message) {
  auto decoded = decode_peer_message(message);
  if (!decoded) return context.log(LogLevel::warning, decoded.error());
  const Term node = decoded->from.node();
  if (node == context.node_name()) return;
  const PeerBody& body = decoded->body;
  if (auto* hello = std::get_if<PeerHello>(&body)) return handle_hello(context, node, *hello);
  if (const PeerInfo* peer = all_->peer(node); !peer || !peer->hello) send_hello(context, node, false);
  if (std::holds_alternative<PeerLeaving>(body)) return handle_leaving(context, node);
  if (auto* news = std::get_if<ring_message::News>(&body)) return handle_news(context, node, *news);
  if (auto* digest = std::get_if<ring_message::SetsDigest>(&body)) return handle_digest(context, node, *digest);
  if (auto* ask = std::get_if<PeerAsk>(&body)) return handle_ask(context, node, *ask);
  if (auto* answer = std::get_if<PeerAnswer>(&body)) return pass_on(context, node, answer->supervisor, body);
  if (auto* kept = std::get_if<PeerKept>(&body)) return handle_kept(context, node, *kept);
  const auto& move = std::get<PeerMove>(body);
  SupervisorState* sup = all_->find(move.supervisor);
  if (sup && sup->manager_box.is_open()) return pass_on(context, node, move.supervisor, body);
  const auto answer = [&](MoveStep step) {
    context.send(tuple(peer_name(), node), encode_peer_message({context.self(), PeerMove{step, move.supervisor, move.move, atom("not_running")}}));
  };
  if (move.step == MoveStep::offer || move.step == MoveStep::state) answer(MoveStep::refused);
  if (move.step == MoveStep::started) answer(MoveStep::abort);
}

void PeerProcess::handle_ask(ProcessContext& context, const Term& node, const PeerAsk& ask) {
  if (!all_->ring.ring()->has(node)) {
    if (early_asks_.size() >= kMaxEarlyAsks) early_asks_.pop_front();
    early_asks_.emplace_back(node, ask);
    return;
  }
  SupervisorState* sup = all_->find(ask.supervisor);
  if (sup && sup->manager_box.is_open()) return pass_on(context, node, ask.supervisor, ask);
  context.send(tuple(peer_name(), node), encode_peer_message({context.self(), PeerAnswer{ask.supervisor, {}, ask.ids}}));
}

void PeerProcess::answer_early_asks(ProcessContext& context) {
  auto waiting = std::exchange(early_asks_, {});
  for (const auto& [node, ask] : waiting) handle_ask(context, node, ask);
}

void PeerProcess::pass_on(ProcessContext& context, const Term& node, const Term& supervisor, const PeerBody& body) {
  const auto it = all_->supervisors.find(std::string(supervisor.atom_name()));
  if (it == all_->supervisors.end()) return;
  it->second->manager_box.put(context, [sup = it->second, node, body](ProcessContext& ctx) { sup->manager->received(node, body, ctx.time().now); });
}

void PeerProcess::handle_hello(ProcessContext& context, const Term& node, const PeerHello& hello) {
  if (all_->peers.size() >= kMaxPeers && !all_->peers.contains(node)) return;
  PeerInfo& peer = all_->peers[node];
  if (!peer.connected) peer.connected = true, peer.since = context.time().now;
  const bool first = !peer.hello;
  const bool other_format = hello.otp != otp_of_hash_format(all_->ring.format());
  // One that is not up yet may still have to learn it.
  if (other_format && all_->ring.settled() && all_->ring.is_up(node) && (first || peer.hello->otp != hello.otp))
    context.log(LogLevel::error, to_text(node) + " places by the format of OTP " + std::to_string(hello.otp) + ", this node by that of " +
                                     std::to_string(otp_of_hash_format(all_->ring.format())) + ": they disagree about owners");
  all_known_ = false;
  peer.hello = hello;
  peer.legacy = false;
  tell_gate(node);
  if (all_->nano_ring) all_->nano_ring->takes(context, node, {peer.has(news_feature()), peer.has(digest_feature())});
  if (!hello.answer) send_kept(context, node), send_hello(context, node, true);
  all_->who_owns.heard(node, hello);
  all_->draining.heard(context, node, hello);
  all_->cordoning.heard(context, node, hello);
  all_->who_owns.look(context);
  tell_managers(context, node);
}

void PeerProcess::tell_managers(ProcessContext& context, const Term& node) {
  const PeerInfo& peer = all_->peers.at(node);
  for (const auto& [name, sup] : all_->supervisors) {
    const PeerKind kind = peer.kind_for(sup->name);
    sup->manager_box.put(context, [sup = sup, node, kind](ProcessContext& ctx) { sup->manager->peer_is(node, kind, ctx.time().now); });
  }
}

void PeerProcess::handle_kept(ProcessContext& context, const Term& node, const PeerKept& kept) {
  all_known_ = false;
  if (!all_->peer(node)) return;  // it says so again when it has heard this member
  all_->cordoning.heard(context, node, kept);
  if (kept.part == kept.parts) all_->who_owns.look(context);
}

void PeerProcess::handle_news(ProcessContext& context, const Term& node, const ring_message::News& news) {
  if (all_->nano_ring) all_->nano_ring->handle_news(context, node, news);
}

void PeerProcess::handle_digest(ProcessContext& context, const Term& node, const ring_message::SetsDigest& digest) {
  if (all_->nano_ring) all_->nano_ring->handle_digest(context, node, digest);
}

void PeerProcess::handle_leaving(ProcessContext& context, const Term& node) {
  all_known_ = false;
  if (const auto peer = all_->peers.find(node); peer != all_->peers.end()) peer->second.leaving = true;
  all_->who_owns.look(context);  // those that are drained may be the only ones that stay
  for (const auto& [name, sup] : all_->supervisors)
    sup->manager_box.put(context, [sup = sup, node](ProcessContext& ctx) { sup->manager->peer_is_leaving(node, ctx.time().now); });
}

void PeerProcess::handle_may_join(ProcessContext& context, const Term& from, const Term& members) {
  if (!from.is_tuple(2) || !from[0].is_pid() || from[0].node() != context.node_name())
    return context.reply(from, tuple(atom("error"), Term::binary("may_join is answered on its own node only")));
  std::vector<Term> nodes;
  for (const Term& each : members.elements())
    if (each.is_atom() && each != context.node_name()) nodes.push_back(each);
  for (const Term& node : nodes)
    if (const PeerInfo* peer = all_->peer(node); !peer || !peer->hello) send_hello(context, node, false);
  context.spawn(std::make_unique<JoinGuard>(all_, from, std::move(nodes)), SpawnOptions{});
}

}  // namespace supervisorring
