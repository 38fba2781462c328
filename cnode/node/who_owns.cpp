#include "node/who_owns.h"

#include <algorithm>

#include "node/node_names.h"
#include "node/port_beam.h"
#include "node/sup_shared.h"

namespace supervisorring {

namespace {

std::string key_of(const Term& name) { return std::string(name.atom_name()); }

std::string told_by(const std::vector<std::pair<Term, OwnerSet>>& runners) {
  std::string text;
  for (const auto& [node, set] : runners) text += (text.empty() ? "" : ", ") + to_text(node, 100) + " says " + to_text(to_term(set), 200);
  return text;
}

}  // namespace

std::string OwnersDecided::note(const OwnerSet& defined) const {
  if (!without_sets.empty())
    return "members => " + to_text(to_term(defined), 200) + " is not kept while " + names(without_sets) + " runs it, which places by all members: all own its children";
  if (!disagree.empty()) return "the members disagree about who owns its children: " + told_by(disagree) + "; " + to_text(to_term(set), 200) + " counts until they agree";
  if (nobody) return "no member of " + to_text(to_term(set), 200) + " is up: its children run nowhere";
  return "";
}

// ---- asking --------------------------------------------------------------------------------------------

bool WhoOwns::is_placed(const OwnersDecided& owners) { return owners.set.is_all() || owners.surveyed || owners.previous; }

std::shared_ptr<const Ring> WhoOwns::ring_of(const SupervisorState& sup) {
  static const auto kNone = Ring::make({});
  const OwnersDecided& owners = sup.owners;
  if (!is_placed(owners)) return kNone;
  return all_.draining.placed(with_all(sup));
}

std::shared_ptr<const Ring> WhoOwns::with_all(const SupervisorState& sup) {
  return rings_.ring_of(sup.owners.previous ? *sup.owners.previous : sup.owners.set, all_.ring.ring());
}

const std::shared_ptr<const KeptIds>& WhoOwns::kept_of(const SupervisorState& sup) { return sup.owners.kept; }

bool WhoOwns::settled(const SupervisorState& sup) { return all_.ring.settled() && is_placed(sup.owners); }

bool WhoOwns::everybody_is_known(const Term& supervisor) const {
  return std::ranges::all_of(all_.ring.up(), [&](const Term& node) {
    return node == all_.ring.self() || said_.contains(node) || legacy_runs_.contains({key_of(supervisor), key_of(node)});
  });
}

std::shared_ptr<const Ring> WhoOwns::would_be(const SupervisorState& sup, const std::shared_ptr<const Ring>& up) const { return all_.draining.would_be(rings_.would_be(sup.owners.set, up)); }

WhoOwns::Owner WhoOwns::owner_of(const SupervisorState& sup, const Term& id) {
  const auto ring = ring_of(sup);
  if (!is_placed(sup.owners)) return {std::nullopt, Term::binary("the members have not all said yet who they are")};
  if (ring->empty() && !all_.ring.ring()->empty()) return {std::nullopt, tuple(atom("no_member_up"), to_term(sup.owners.set))};
  const Term* const keeper = sup.owners.kept ? sup.owners.kept->keeper(id) : nullptr;
  if (keeper && all_.ring.ring()->has(*keeper)) return {*keeper, Term()};
  const auto owner = ring->owner_of(sup.name, id, all_.ring.format());
  if (!owner) return {std::nullopt, Term::binary(owner.error())};
  return {*owner, Term()};
}

std::vector<Term> WhoOwns::without_sets(const Term& supervisor) const {
  std::vector<Term> out;
  for (const Term& node : all_.ring.up()) {
    const auto said = said_.find(node);
    const bool older = said != said_.end() && !said->second.knows_sets && std::ranges::count(said->second.supervisors, supervisor) > 0;
    const auto legacy = legacy_runs_.find({key_of(supervisor), key_of(node)});
    if (older || (legacy != legacy_runs_.end() && legacy->second)) out.push_back(node);
  }
  return out;
}

// This node first where it runs the supervisor; then the up members of ours, in the order of their names.
std::vector<std::pair<Term, OwnerSet>> WhoOwns::runners(const SupervisorState& sup) const {
  std::vector<std::pair<Term, OwnerSet>> out;
  if (sup.phase != SupervisorPhase::down && sup.phase != SupervisorPhase::reading) out.emplace_back(all_.ring.self(), sup.flags.members);
  for (const Term& node : all_.ring.up()) {
    const auto found = said_.find(node);
    if (node == all_.ring.self() || found == said_.end()) continue;
    const Said& said = found->second;
    if (!said.knows_sets || std::ranges::count(said.supervisors, sup.name) == 0) continue;
    const auto set = std::ranges::find(said.members, sup.name, &std::pair<Term, OwnerSet>::first);
    out.emplace_back(node, set == said.members.end() ? OwnerSet{} : set->second);
  }
  return out;
}

bool WhoOwns::any_set(const SupervisorState& sup) const {
  if (announce_sets_ == 0) return !sup.flags.members.is_all();
  return !sup.flags.members.is_all() || std::ranges::any_of(runners(sup), [](const auto& each) { return !each.second.is_all(); });
}

bool WhoOwns::all_are_ours() const {
  const auto ours = [this](const Term& node) { return node == all_.ring.self() || kind_of(node) == MemberKind::native || kind_of(node) == MemberKind::beam; };
  return std::ranges::all_of(all_.ring.up(), ours) && std::ranges::none_of(all_.ring.nodes(), [this](const Term& node) { return kind_of(node) == MemberKind::foreign; });
}

// ---- telling -------------------------------------------------------------------------------------------

void WhoOwns::started(ProcessContext& context) { rings_.member_is(context.node_name(), all_.beam ? MemberKind::beam : MemberKind::native); }

void WhoOwns::heard(const Term& node, const PeerHello& hello) {
  rings_.member_is(node, hello.kind.is_atom("cnode") ? MemberKind::native : hello.kind.is_atom("beam") ? MemberKind::beam : MemberKind::foreign);
  forget_said(node);
  ++said_version_;
  said_.insert_or_assign(node, Said{std::ranges::count(hello.features, atom("members")) > 0, hello.supervisors, hello.members});
  announce_sets_ += hello.members.empty() ? 0 : 1;
  std::erase_if(legacy_runs_, [name = key_of(node)](const auto& each) { return each.first.second == name; });
}

void WhoOwns::is_legacy(const Term& node) {
  rings_.member_is(node, MemberKind::foreign);
  forget_said(node);
  asked_at_.reset();
}

void WhoOwns::forget_said(const Term& node) {
  const auto said = said_.find(node);
  if (said == said_.end()) return;
  announce_sets_ -= said->second.members.empty() ? 0 : 1;
  said_.erase(said);
  ++said_version_;
}

void WhoOwns::forget_strangers(ProcessContext& context) {
  if (forgot_at_ && context.time().now - *forgot_at_ < kForgetStrangersInterval) return;
  forgot_at_ = context.time().now;
  all_.draining.forget_strangers();
  const auto stranger = [this](const Term& node) {
    if (all_.peers.contains(node) || node == all_.ring.self()) return false;
    return !std::ranges::binary_search(all_.ring.nodes(), node, by_name);
  };
  for (const Term& node : rings_.forget_if(stranger)) forget_said(node);
}

void WhoOwns::sweep(ProcessContext& context) {
  forget_strangers(context);
  said_version_ += std::erase_if(legacy_runs_, [this](const auto& each) { return !all_.ring.is_up(atom(each.first.second)); });
  rings_.look(all_.ring.ring(), context.time().now);
  look(context);
}

void WhoOwns::look(ProcessContext& context) {
  const bool drained = all_.draining.look(context);
  for (const auto& [name, sup] : all_.supervisors) {
    if (sup->phase == SupervisorPhase::down || sup->phase == SupervisorPhase::reading) continue;
    const bool was_all = sup->owners.set.is_all();
    decide(context, *sup);
    if (drained || !was_all || !sup->owners.set.is_all()) sup->manager_box.put(context, [](ProcessContext&) {});  // it looks at the ring after every message
  }
}

void WhoOwns::decide(ProcessContext& context, SupervisorState& sup) {
  const bool plain = announce_sets_ == 0 && sup.flags.members.is_all() && all_.draining.excluded().empty() && all_.cordoning.version() == sup.owners.kept_version && !sup.owners.kept;
  if (plain && sup.owners.set.is_all() && !sup.owners.previous && sup.owners.note({}).empty() && sup.owners.told_kind == OwnersDecided::Told::all) return sup.owners.by.reset();
  const OwnersDecidedBy by{all_.ring.ring(), all_.ring.settled(), rings_.version(), said_version_, all_.draining.version(), all_.cordoning.version(), sup.phase, sup.flags.members};
  if (sup.owners.by == by) return;
  const OwnersDecided before = sup.owners;
  OwnersDecided& now = sup.owners;
  now.by = by;
  auto all_runners = runners(sup);
  const bool sets = std::ranges::any_of(all_runners, [](const auto& each) { return !each.second.is_all(); });
  const bool differ = std::ranges::any_of(all_runners, [&](const auto& each) { return each.second != all_runners.front().second; });
  std::ranges::sort(all_runners, [](const auto& a, const auto& b) { return compare(a.first, b.first) < 0; });
  now.without_sets = sets ? without_sets(sup.name) : std::vector<Term>{};
  now.set = !sets || !now.without_sets.empty() ? OwnerSet{} : all_runners.front().second;
  now.disagree = differ ? std::move(all_runners) : std::vector<std::pair<Term, OwnerSet>>{};
  now.surveyed = now.surveyed || (all_.ring.settled() && everybody_is_known(sup.name));
  if (now.surveyed || plain) now.previous.reset();
  now.nobody = !now.set.is_all() && settled(sup) && ring_of(sup)->empty();
  find_kept(sup);
  report(context, sup, before);
  tell_beam(sup);
}

void WhoOwns::find_kept(SupervisorState& sup) {
  OwnersDecided& owners = sup.owners;
  const auto ring = with_all(sup);
  if (owners.kept_version == all_.cordoning.version() && owners.kept_of == ring) return;
  owners.kept = all_.cordoning.kept(sup.name, *ring);
  owners.kept_version = all_.cordoning.version();
  owners.kept_of = ring;
}

void WhoOwns::report(ProcessContext& context, const SupervisorState& sup, const OwnersDecided& before) const {
  const std::string then = before.note(sup.flags.members), now = sup.owners.note(sup.flags.members);
  if (then == now) return;
  const std::string whose = "supervisor " + to_text(sup.name, 200) + ": ";
  if (now.empty()) context.log(LogLevel::notice, whose + "its children are placed by members => " + to_text(to_term(sup.owners.set), 200) + " again");
  else context.log(sup.owners.disagree.empty() ? LogLevel::warning : LogLevel::error, whose + now);
}

void WhoOwns::tell_beam(SupervisorState& sup) {
  using Told = OwnersDecided::Told;
  if (!all_.beam) return;
  OwnersDecided& owners = sup.owners;
  if (owners.previous) return;  // it knows them
  const Term key = tuple(atom("owners"), sup.name);
  if (owners.kept) {  // the program is asked for each child
    if (owners.told_kind != Told::asked) all_.beam->order(tuple(atom("owners"), sup.name, Term::nil()));
    all_.beam->keep(key, owners.set.is_all() ? atom("all") : Term::list(sorted_members(*with_all(sup))));
    owners.told_kind = Told::asked;
    return owners.told.clear();
  }
  if (owners.set.is_all() && ring_of(sup) == all_.ring.ring()) {
    if (owners.told_kind != Told::all) all_.beam->order(tuple(atom("owners"), sup.name, atom("all")));
    any_set(sup) ? all_.beam->keep(key, atom("all")) : all_.beam->unkeep(key);
    owners.told_kind = Told::all;
    return owners.told.clear();
  }
  auto members = sorted_members(*ring_of(sup));
  if (owners.told_kind == Told::listed && owners.told == members) return;
  owners.told_kind = Told::listed;
  owners.told = std::move(members);
  all_.beam->order(tuple(atom("owners"), sup.name, Term::list(owners.told)));
  all_.beam->keep(key, Term::list(owners.told));
}

void WhoOwns::ended(SupervisorState& sup) {
  if (sup.owners.told_kind != OwnersDecided::Told::all) all_.beam->order(tuple(atom("owners"), sup.name, atom("all")));
  sup.owners = OwnersDecided{};
}

// ---- legacy members --------------------------------------------------------------------------------------

void WhoOwns::ask_legacy(ProcessContext& context) {
  const Instant now = context.time().now;
  if (asked_at_ && now - *asked_at_ < kAskLegacy) return;
  asked_at_ = now;
  for (const auto& [name, sup] : all_.supervisors) {
    if (!any_set(*sup)) continue;
    for (const Term& node : all_.ring.up()) {
      if (node == context.node_name() || rings_.kind_of(node) != MemberKind::foreign) continue;
      context.erpc(node, atom("erlang"), atom("whereis"), {name_of_child_manager(sup->name)}, kLegacyAnswer,
                   [this, supervisor = sup->name, node](ProcessContext& later, CallResult answer) {
        if (rings_.kind_of(node) != MemberKind::foreign || !all_.ring.is_up(node)) return;
        const auto [known, first] = legacy_runs_.try_emplace({key_of(supervisor), key_of(node)}, false);
        const bool runs = answer.ok ? answer.value.is_pid() : known->second;  // no answer: as before
        if (std::exchange(known->second, runs) == runs && !first) return;
        ++said_version_;
        look(later);
      });
    }
  }
}

void WhoOwns::find_without_sets(ProcessContext& context, const Term& supervisor, std::function<void(ProcessContext&, std::vector<Term>)> then) {
  struct Asked { std::size_t open = 1; std::vector<Term> found; };
  const auto asked = std::make_shared<Asked>();
  asked->found = without_sets(supervisor);
  const auto answered = [asked, then = std::move(then)](ProcessContext& later) {
    if (--asked->open == 0) then(later, asked->found);
  };
  for (const Term& node : all_.ring.up()) {
    if (node == context.node_name() || said_.contains(node)) continue;
    ++asked->open;
    // One of ours whose hello is on its way has a supervisorring_peer.
    context.erpc(node, atom("erlang"), atom("whereis"), {peer_name()}, kLegacyAnswer, [asked, answered, supervisor, node](ProcessContext& later, CallResult peer) {
      if (!peer.ok || peer.value.is_pid()) return answered(later);
      later.erpc(node, atom("erlang"), atom("whereis"), {name_of_child_manager(supervisor)}, kLegacyAnswer, [asked, answered, node](ProcessContext& last, CallResult answer) {
        if (answer.ok && answer.value.is_pid() && std::ranges::count(asked->found, node) == 0) asked->found.push_back(node);
        answered(last);
      });
    });
  }
  answered(context);
}

}  // namespace supervisorring
