#include "node/draining.h"

#include <algorithm>

#include "node/node_names.h"
#include "node/port_beam.h"
#include "node/sup_shared.h"

namespace supervisorring {

namespace {

const Term& drained_key() { static const Term key = atom("drained"); return key; }

Term error(Term why) { return tuple(atom("error"), std::move(why)); }

// All of them where nobody else is there.
std::shared_ptr<const Ring> without(RingStore& rings, const std::shared_ptr<const Ring>& ring, const std::vector<Term>& excluded) {
  const auto rest = rings.without(ring, excluded);
  return rest->empty() ? ring : rest;
}

bool blocks(const PeerInfo& peer, const Term& feature, Instant now) {
  if (peer.hello) return !peer.has(feature);
  return peer.legacy && (peer.has_no_such_process || now - peer.since >= kSilentIsLegacy);
}

}  // namespace

Draining::Draining(SupervisionState& all) : all_(all), drains_(all.ring.self()) {}

// ---- asking --------------------------------------------------------------------------------------------

std::shared_ptr<const Ring> Draining::placed(const std::shared_ptr<const Ring>& ring) {
  if (excluded_.empty()) return ring;
  const auto known = std::ranges::find(rings_, ring, &std::pair<std::shared_ptr<const Ring>, std::shared_ptr<const Ring>>::first);
  if (known != rings_.end()) return known->second;
  std::erase_if(rings_, [](const auto& each) { return each.first.use_count() <= (each.first == each.second ? 2 : 1); });
  if (rings_.size() >= kMaxDrainedRings) rings_.erase(rings_.begin());
  return rings_.emplace_back(ring, without(*all_.ring.rings(), ring, excluded_)).second;
}

std::shared_ptr<const Ring> Draining::would_be(const std::shared_ptr<const Ring>& ring) const { return without(*all_.ring.rings(), ring, excluded_); }

bool Draining::excludes(const Term& node) const { return std::ranges::binary_search(excluded_, node, by_name); }

// ---- telling -------------------------------------------------------------------------------------------

void Draining::started(ProcessContext& context) {
  const Term* const kept = all_.beam ? all_.beam->kept(drained_key()) : nullptr;
  if (kept == nullptr || !kept->is_tuple(3)) return;
  const auto number = (*kept)[0].as_int64();
  if (!number || *number < 0) return;
  drains_.resume(static_cast<std::uint64_t>(*number), (*kept)[1].is_atom("true"));
  if (drains_.self_drained()) all_.move_rate.limit((*kept)[2].as_int64(), context.time().now);
}

void Draining::heard(ProcessContext& context, const Term& node, const PeerHello& hello) {
  if (drains_.heard(node, hello.drained)) changed(context);
}

void Draining::forget_strangers() {
  const auto stranger = [this](const Term& node) { return !all_.peers.contains(node) && !std::ranges::binary_search(all_.ring.nodes(), node, by_name); };
  drains_.forget_if(stranger);
  all_.cordoning.forget_if(stranger);
}

bool Draining::look(ProcessContext& context) {
  if (excluded_.empty() && !drains_.any_drained() && !all_.cordoning.any()) return false;
  std::vector<Term> blockers, of_cordons, now;
  for (const Term& node : all_.ring.up()) {
    if (drains_.drained(node)) now.push_back(node);
    const PeerInfo* const peer = node == all_.ring.self() ? nullptr : all_.peer(node);
    if (peer == nullptr) continue;  // its connection is being opened
    if (blocks(*peer, drain_feature(), context.time().now)) blockers.push_back(node);
    if (blocks(*peer, cordon_feature(), context.time().now)) of_cordons.push_back(node);
  }
  if (!blockers.empty() && drains_.set_self(false)) {
    note_ = "not drained any more: " + names(blockers) + " places children by all members";
    all_.move_rate.limit(std::nullopt, context.time().now);
    context.log(LogLevel::warning, note_);
    changed(context);
  }
  if (!blockers.empty()) now.clear();
  const bool others_keep = all_.cordoning.look(context, of_cordons);
  std::vector<Term> all = now;
  for (const Term& node : all_.cordoning.in_effect())
    if (std::ranges::count(now, node) == 0) all.push_back(node);
  const auto stays = [&](const Term& node) {
    const PeerInfo* peer = all_.peer(node);
    return std::ranges::count(all, node) == 0 && !(peer && peer->leaving);
  };
  if (std::ranges::none_of(all_.ring.up(), stays)) now.clear(), all.clear();
  std::ranges::sort(now, by_name);
  std::ranges::sort(all, by_name);
  if (now == drained_ && all == excluded_) return others_keep;
  for (const Term& node : now)
    if (!std::ranges::binary_search(drained_, node, by_name)) context.log(LogLevel::notice, to_text(node, 100) + " is drained: it owns no children");
  for (const Term& node : drained_)
    if (!std::ranges::binary_search(now, node, by_name) && all_.ring.is_up(node))
      context.log(LogLevel::notice, to_text(node, 100) + " owns children again" + (blockers.empty() ? "" : ": " + names(blockers) + " places them by all members"));
  drained_ = std::move(now);
  excluded_ = std::move(all);
  ++version_;
  rings_.clear();
  return true;
}

// Tells the others, which also has this member look, and a successor in drop-in.
void Draining::changed(ProcessContext& context) {
  const DrainWord& own = drains_.own();
  const auto rate = all_.move_rate.a_second();
  if (all_.beam) all_.beam->keep(drained_key(), tuple(Term::unsigned_integer(own.number), Term::boolean(own.drained), rate ? integer(*rate) : atom("none")));
  context.send(peer_name(), atom("$announce"));
}

Term Draining::refusal(ProcessContext& context, const Term& feature) const {
  std::vector<Term> legacy, older, silent;
  std::size_t others = 0;
  for (const Term& node : all_.ring.up()) {
    if (node == context.node_name()) continue;
    const PeerInfo* const peer = all_.peer(node);
    if (peer && peer->hello && !peer->has(feature)) older.push_back(node);
    else if (peer && peer->legacy) legacy.push_back(node);
    else if (!peer || !peer->hello) silent.push_back(node);
    others += drains_.drained(node) || all_.cordoning.cordoned(node) ? 0 : 1;
  }
  if (!all_.ring.settled() || all_.ring.leaving() || !all_.ring.is_up(context.node_name())) return atom("not_up");
  if (!legacy.empty()) return tuple(atom("legacy_members"), Term::list(std::move(legacy)));
  if (!older.empty()) return tuple(atom("older_members"), Term::list(std::move(older)));
  if (!silent.empty()) return tuple(atom("not_heard_yet"), Term::list(std::move(silent)));
  return others == 0 ? atom("no_other_member") : Term::nil();
}

Term Draining::drain(ProcessContext& context, std::optional<std::int64_t> moves_a_second) {
  if (Term why = drains_.self_drained() ? Term::nil() : refusal(context, drain_feature()); !why.is_nil()) return error(std::move(why));
  note_.clear();
  all_.move_rate.limit(moves_a_second, context.time().now);
  drains_.set_self(true);
  all_.cordoning.lift(context);
  context.log(LogLevel::notice, "asked to be drained" + (moves_a_second ? ", " + std::to_string(*moves_a_second) + " moves a second" : std::string()));
  changed(context);
  return atom("ok");
}

Term Draining::undrain(ProcessContext& context) {
  note_.clear();
  all_.move_rate.limit(std::nullopt, context.time().now);
  const bool cordoned = all_.cordoning.lift(context);
  if (!drains_.set_self(false) && !cordoned) return atom("ok");
  context.log(LogLevel::notice, "asked to own children again");
  changed(context);
  return atom("ok");
}

}  // namespace supervisorring
