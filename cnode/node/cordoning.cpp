#include "node/cordoning.h"

#include <algorithm>

#include "node/node_names.h"
#include "node/port_beam.h"
#include "node/sup_shared.h"

namespace supervisorring {

namespace {

const Term& cordoned_key() { static const Term key = atom("cordoned"); return key; }

std::string children(std::size_t count) { return std::to_string(count) + (count == 1 ? " child" : " children"); }

}  // namespace

Cordoning::Cordoning(SupervisionState& all) : all_(all), cordons_(all.ring.self()) {}

// ---- asking --------------------------------------------------------------------------------------------

std::shared_ptr<const KeptIds> Cordoning::kept(const Term& supervisor, const Ring& may_own) const {
  KeptIds out;
  for (const Term& node : silent_)
    if (may_own.has(node)) out.silent.push_back(node);
  for (std::size_t place = 0; place < in_effect_.size(); ++place) {
    if (!may_own.has(in_effect_[place])) continue;
    for (const auto& [name, ids] : *lists_[place])
      if (name == supervisor)
        for (const Term& id : ids) out.at.try_emplace(id, in_effect_[place]);  // of two that say so, after a partition, the one whose name sorts first
  }
  return out.at.empty() && out.silent.empty() ? nullptr : std::make_shared<const KeptIds>(std::move(out));
}

std::vector<PeerKept> Cordoning::own_parts() const {
  return cordons_.self_cordoned() ? in_parts(cordons_.own_list(), kMaxIdsInAMessage) : std::vector<PeerKept>{};
}

// ---- telling -------------------------------------------------------------------------------------------

void Cordoning::started() {
  const Term* const kept = all_.beam ? all_.beam->kept(cordoned_key()) : nullptr;
  if (kept == nullptr || !kept->is_tuple(3)) return;
  const auto number = (*kept)[0].as_int64();
  auto list = read_kept_list((*kept)[2]);
  if (number && *number >= 0 && list) cordons_.resume(static_cast<std::uint64_t>(*number), (*kept)[1].is_atom("true"), std::move(*list));
}

void Cordoning::heard(ProcessContext& context, const Term& node, const PeerHello& hello) {
  if (cordons_.heard(node, hello.cordoned)) changed(context);
}

void Cordoning::heard(ProcessContext& context, const Term& node, PeerKept part) {
  const auto complete = cordons_.heard(node, std::move(part));
  if (!complete) context.log(LogLevel::warning, complete.error());
}

bool Cordoning::look(ProcessContext& context, const std::vector<Term>& blockers) {
  if (!blockers.empty() && cordons_.lift()) {
    note_ = "not cordoned any more: " + names(blockers) + " places children by all members";
    context.log(LogLevel::warning, note_);
    changed(context);
  }
  std::vector<Term> now, silent;
  for (const Term& node : all_.ring.up())
    if (blockers.empty() && cordons_.cordoned(node)) (cordons_.list_of(node) ? now : silent).push_back(node);
  std::ranges::sort(now, by_name);
  std::ranges::sort(silent, by_name);
  std::vector<Cordons::Listed> lists;
  for (const Term& node : now) lists.push_back(cordons_.list_of(node));
  if (now == in_effect_ && silent == silent_ && lists == lists_) return false;
  for (std::size_t place = 0; place < now.size(); ++place)
    if (!std::ranges::binary_search(in_effect_, now[place], by_name))
      context.log(LogLevel::notice, to_text(now[place], 100) + " is cordoned: it keeps " + children(count_ids(*lists[place])) + " and gets no new ones");
  for (const Term& node : in_effect_)
    if (!cordons_.cordoned(node) && all_.ring.is_up(node)) context.log(LogLevel::notice, to_text(node, 100) + " is not cordoned any more");
  in_effect_ = std::move(now), silent_ = std::move(silent), lists_ = std::move(lists);
  ++version_;
  return true;
}

// What has ended for good, or was deleted, is kept no more.
void Cordoning::sweep(ProcessContext& context) {
  const Instant now = context.time().now;
  if (!cordons_.self_cordoned() || now < next_trim_) return;
  next_trim_ = now + kTrimKept;
  KeptList left;
  for (const auto& [name, ids] : cordons_.own_list()) {
    const SupervisorState* const sup = all_.find(name);
    const bool known = sup && sup->manager && sup->local && sup->manager->settled();
    std::vector<Term> kept;
    for (const Term& id : ids)
      if (!known || sup->manager->belongs(id)) kept.push_back(id);
    if (!kept.empty()) left.emplace_back(name, std::move(kept));
  }
  if (count_ids(left) == own_children()) return;
  cordons_.cordon(std::move(left));
  changed(context);
}

// Tells the others, which also has this member look, and a successor in drop-in.
void Cordoning::changed(ProcessContext& context) {
  const DrainWord& own = cordons_.own();
  if (all_.beam) all_.beam->keep(cordoned_key(), tuple(Term::unsigned_integer(own.number), Term::boolean(own.drained), to_term(cordons_.own_list())));
  context.send(peer_name(), atom("$announce"));
}

Term Cordoning::cordon(ProcessContext& context) {
  const auto refused = [](Term why) { return tuple(atom("error"), std::move(why)); };
  if (cordons_.self_cordoned()) return atom("ok");
  if (all_.draining.self_drained()) return refused(atom("drained"));
  if (Term why = all_.draining.refusal(context, cordon_feature()); !why.is_nil()) return refused(std::move(why));
  KeptList list;
  for (const auto& [name, sup] : all_.supervisors)
    if (sup->manager)
      if (auto ids = sup->manager->belonging(); !ids.empty()) list.emplace_back(sup->name, std::move(ids));
  const std::size_t count = count_ids(list);
  if (count > kMaxKeptIds) return refused(tuple(atom("too_many_children"), Term::unsigned_integer(count), Term::unsigned_integer(kMaxKeptIds)));
  note_.clear();
  next_trim_ = context.time().now + kTrimKept;
  cordons_.cordon(std::move(list));
  context.log(LogLevel::notice, "asked to be cordoned: keeps " + children(count));
  changed(context);
  return atom("ok");
}

bool Cordoning::lift(ProcessContext& context) {
  note_.clear();
  if (!cordons_.lift()) return false;
  changed(context);
  return true;
}

}  // namespace supervisorring
