// What belongs where: the children that there are, and what a change of the ring means for them.
#include <algorithm>

#include "sup/child_manager.h"

namespace supervisorring {

namespace {
constexpr std::size_t kManyPoints = 20'000;   // of a ring: some 70 members
constexpr std::size_t kPointsAChild = 64;     // are looked at in the time in which one child is
}  // namespace

ChildManager::Entry& ChildManager::entry_for(const SharedSpec& spec) {
  auto [it, fresh] = entries_.try_emplace(spec->id);
  if (fresh) it->second.spec = spec, it->second.number = next_entry_++;
  Entry& entry = it->second;
  if (!entry.digest) {
    auto digest = child_digest(supervisor_, spec->id, format_);
    if (digest) entry.digest = *digest, places_.add(position_of(*digest), &*it);
    else if (fresh) report(SupReport::Level::error, "child " + to_text(spec->id, 200) + " of " + to_text(supervisor_, 100) + " has no owner: " + digest.error());
  }
  return entry;
}

ChildManager::Entries::iterator ChildManager::forget_entry(Entries::iterator it) {
  if (it->second.digest) places_.remove(position_of(*it->second.digest), &*it);
  return entries_.erase(it);
}

void ChildManager::adopt_running() {
  if (!local_) return;
  local_->for_each([&](const Supervisor::View& view) {
    if (!entries_.contains(view.spec.id)) entry_for(view.shared_spec);
  });
}

// As the original's sync with a list of all that there are.
void ChildManager::name_all(Instant now) {
  ++naming_;
  names_in_doubt_ = false;
  look_unnamed_all_ = true;
  for (const SharedSpec& spec : named_) {
    if (was_just_deleted(spec->id, now)) {
      names_in_doubt_ = true;
      continue;
    }
    Entry& entry = entry_for(spec);
    if (std::exchange(entry.named_in, naming_) == naming_) {  // the first that names an id wins
      names_in_doubt_ = true;
      continue;
    }
    entry.spec = spec;
    entry.wanted = true;
  }
  for (auto it = entries_.begin(); it != entries_.end();) {
    if (it->second.named_in != naming_) it->second.wanted = false;
    const bool gone = !it->second.wanted && !running_here(it->first) && !in_by_id_.contains(it->first);
    it = gone ? forget_entry(it) : std::next(it);
  }
  replan(now, false);
}

// What name_all() comes to where this list and the one before differ in few places: those, and what has changed in the local supervisor, are looked at. False, and
// nothing done: it takes more to know.
bool ChildManager::name_changed(const SharedSpecs& children, Instant now) {
  if (names_in_doubt_ || !local_ || !settled_ || !planned_ring_ || planned_ring_ != ring_) return false;
  std::vector<Term> changed = look_again_;
  if (!local_->recent_changes().since(planned_until_, changed)) return false;
  std::size_t begin = 0, old_end = named_.size(), new_end = children.size();
  while (begin < old_end && begin < new_end && named_[begin].is(children[begin])) ++begin;
  while (old_end > begin && new_end > begin && named_[old_end - 1].is(children[new_end - 1])) --old_end, --new_end;
  if (old_end - begin + new_end - begin > kMaxRecentChanges) return false;
  std::unordered_set<Term> before, after;
  for (std::size_t at = begin; at < old_end; ++at) before.insert(named_[at]->id);
  for (std::size_t at = begin; at < new_end; ++at) {
    const Term& id = children[at]->id;
    const auto known = entries_.find(id);
    const bool named_elsewhere = known != entries_.end() && known->second.wanted && !before.contains(id);
    if (named_elsewhere || was_just_deleted(id, now) || !after.insert(id).second) return false;
  }
  for (std::size_t at = begin; at < old_end; ++at) {
    const Term& id = named_[at]->id;
    const auto entry = entries_.find(id);
    if (after.contains(id) || entry == entries_.end()) continue;
    entry->second.wanted = false;
    look_unnamed_.push_back(id);
    changed.push_back(id);
  }
  for (std::size_t at = begin; at < new_end; ++at) {
    Entry& entry = entry_for(children[at]);
    entry.spec = children[at];
    entry.wanted = true;
    changed.push_back(children[at]->id);
  }
  if (look_unnamed_.size() > kMaxRecentChanges) look_unnamed_.clear(), look_unnamed_all_ = true;
  for (const Term& id : changed) {
    auto it = entries_.find(id);
    if (const auto view = it == entries_.end() ? local_->find(id) : std::nullopt) entry_for(view->shared_spec), it = entries_.find(id);
    if (it == entries_.end()) continue;
    place(id, it->second, now, false);
    if (!it->second.wanted && !busy_here(id) && !in_by_id_.contains(id)) forget_entry(entries_.find(id));
  }
  look_again_.clear();
  planned_until_ = local_->recent_changes().count();
  pump(now);
  return true;
}

// Takes up what has changed in the local supervisor before more has than it remembers. A child of ours that runs needs no look at the next change of the ring.
void ChildManager::absorb_changes() {
  if (!local_ || !planned_ring_ || local_->recent_changes().count() - planned_until_ < kMaxRecentChanges / 2) return;
  std::vector<Term> changed;
  const bool all_known = local_->recent_changes().since(planned_until_, changed);
  planned_until_ = local_->recent_changes().count();
  for (const Term& id : changed) {
    const auto it = entries_.find(id);
    const auto view = local_->find(id);
    const bool ours = it != entries_.end() && it->second.wanted && it->second.owner == self_;
    if (ours && view && view->state != Supervisor::ChildState::down) it->second.in_table = true;  // what becomes of one that starts is another change
    else look_again_.push_back(id);
  }
  if (!all_known || look_again_.size() > kMaxRecentChanges) look_again_.clear(), planned_ring_.reset();
}

void ChildManager::note_ring_change(Instant now) {
  views_differ_ = now < views_differ_until_;
  views_differ_until_ = now + kViewsDiffer;
}

void ChildManager::rebuild_ring() {
  ring_ = owners_ && !leaving_peers_.empty() ? rings_->without(owners_, {leaving_peers_.begin(), leaving_peers_.end()}) : owners_;
}

void ChildManager::keep(std::shared_ptr<const KeptIds> kept) {
  kept_ = std::move(kept);
  planned_ring_.reset();
}

const Term* ChildManager::keeper_of(const Term& id) const {
  const Term* const keeper = kept_ ? kept_->keeper(id) : nullptr;
  return keeper && full_ring_ && full_ring_->has(*keeper) && !leaving_peers_.contains(*keeper) ? keeper : nullptr;
}

std::optional<Term> ChildManager::effective_owner(const Entry& entry) const {
  if (!entry.digest || !ring_ || ring_->empty()) return std::nullopt;
  if (const Term* const keeper = keeper_of(entry.spec->id)) return *keeper;
  return ring_->owner(*entry.digest);
}

void ChildManager::replan(Instant now, bool ring_change) {
  // Unsettled and on the ring: nothing is known of the others yet. Off the ring (leaving, standing aside) everything goes to the others.
  if (!ring_ || ring_->empty() || (!settled_ && full_ring_->has(self_))) return pump(now);
  // To look at few children is less than to look at every point of the ring of a great cluster.
  const bool few = ring_->point_count() > kManyPoints && ring_->point_count() > kPointsAChild * entries_.size();
  if (!ring_change || !planned_ring_ || few || !replan_changed(now)) replan_all(now, ring_change);
  planned_ring_ = ring_;
  look_again_.clear();
  if (local_) planned_until_ = local_->recent_changes().count();
  pump(now);
}

void ChildManager::replan_all(Instant now, bool ring_change) {
  adopt_running();
  std::vector<Term> gone;
  for (auto& [id, entry] : entries_) {
    if (!entry.digest) entry_for(entry.spec);
    place(id, entry, now, ring_change);
    if (!entry.wanted && !busy_here(id) && !in_by_id_.contains(id)) gone.push_back(id);
  }
  for (const Term& id : gone) forget_entry(entries_.find(id));
}

// The ring that was planned for last and this one differ in some arcs. Besides the children in those a ring change concerns the children that have ended here
// since (they are started again), those that have appeared, and those that wait for another try. False: too much has changed here to know which, or
// the ring alone does not say who owns what.
bool ChildManager::replan_changed(Instant now) {
  if (kept_) return false;
  std::vector<Term> looked_for = look_again_;
  if (local_ && !local_->recent_changes().since(planned_until_, looked_for)) return false;
  std::vector<Placed> concerned;
  std::vector<EntryItem*> in_arcs;  // all, before the first is looked at: they lie scattered in memory, and are on their way by then
  for_each_changed_arc(*planned_ring_, *ring_, [&](std::uint64_t first, std::uint64_t last) {
    places_.for_each(first, last, [&](EntryItem& item) {
      __builtin_prefetch(&item.second);
      in_arcs.push_back(&item);
    });
  });
  for (EntryItem* item : in_arcs) {
    Entry& entry = item->second;
    const Term& owner = ring_->owner(*entry.digest);
    if (entry.owner == owner) continue;
    if (entry.in_table || owner == self_ || entry.owner == self_ || retries_.contains(item->first)) {
      concerned.push_back({entry.number, item});
    } else {
      entry.owner = owner;
      entry.seen_here = false;
    }
  }
  for (const auto& [id, retry] : retries_) looked_for.push_back(id);
  for (const Term& id : looked_for) {
    auto it = entries_.find(id);
    const auto view = it == entries_.end() && local_ ? local_->find(id) : std::nullopt;
    if (view) entry_for(view->shared_spec), it = entries_.find(id);
    if (it == entries_.end()) continue;
    it->second.in_table = true;
    concerned.push_back({it->second.number, &*it});
  }
  std::ranges::sort(concerned, {}, &Placed::number);
  concerned.erase(std::ranges::unique(concerned, {}, &Placed::number).begin(), concerned.end());
  for (const Placed& each : concerned) {
    const Term id = each.item->first;
    Entry& entry = each.item->second;
    place(id, entry, now, true, entry.in_table ? Table::unknown : Table::absent);
    if (!entry.wanted && !busy_here(id) && !in_by_id_.contains(id)) forget_entry(entries_.find(id));
  }
  return true;
}

void ChildManager::place(const Term& id, Entry& entry, Instant now, bool ring_change, Table table) {
  const auto owner = effective_owner(entry);
  if (!owner) return;
  const auto before = std::exchange(entry.owner, owner);
  if (before != owner) retries_.erase(id);
  if (*owner == self_) return place_here(id, entry, before, now, ring_change, table);
  place_elsewhere(id, entry, now);
}

void ChildManager::place_here(const Term& id, Entry& entry, const std::optional<Term>& owner_before, Instant now, bool ring_change, Table table) {
  entry.in_table = true;  // or it may be: until it has been looked for
  if (const auto out = out_.find(id); out != out_.end()) {
    // With its state sent the new copy may run and be called already: it comes back as a move of its own, by finish_move().
    if (out->second.phase > OutPhase::freezing) return;
    abandon_move(id, "it belongs here again", now);
  }
  if (!local_ || !entry.wanted || in_by_id_.contains(id) || asks_.contains(id)) return;
  const auto view = table == Table::absent ? std::nullopt : local_->find(id);
  entry.in_table = view.has_value();
  if (view) {
    entry.seen_here = true;
    if (view->state == Supervisor::ChildState::down && ring_change) queue_start(id);
    return;
  }
  if (!ring_change && entry.seen_here) return;  // ended for good, or deleted: a later ring change starts it again
  const bool never_ran_here = owner_before == self_ && !entry.seen_here;
  entry.seen_here = true;
  begin_ask(id, never_ran_here ? std::nullopt : owner_before, now);
}

void ChildManager::place_elsewhere(const Term& id, Entry& entry, Instant now) {
  entry.in_table = true;
  entry.seen_here = false;
  asks_.erase(id);
  const auto out = out_.find(id);
  if (out != out_.end()) {
    if (out->second.target == *entry.owner || out->second.phase > OutPhase::freezing) return;
    abandon_move(id, "its owner changed", now);
  }
  const auto view = local_ ? local_->find(id) : std::nullopt;
  entry.in_table = view.has_value();
  if (!view) return;
  if (view->state == Supervisor::ChildState::down) {
    effects_.push_back(MgrDelete{id});
  } else if (view->state == Supervisor::ChildState::running) {
    if (queued_to_move_.insert(id).second) to_move_.push_back(id);
  } else if (!in_by_id_.contains(id)) {
    retry_later(id, "it is starting or stopping", now, Tell::late);
  }
}

}  // namespace supervisorring
