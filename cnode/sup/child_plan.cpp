// What belongs where: the children that there are, and what a change of the ring means for them.
#include <algorithm>

#include "sup/child_manager.h"

namespace supervisorring {

ChildManager::Entry& ChildManager::entry_for(const ChildSpec& spec) {
  auto [it, fresh] = entries_.try_emplace(spec.id);
  if (fresh) it->second.spec = spec, it->second.number = next_entry_++;
  Entry& entry = it->second;
  if (!entry.digest) {
    auto digest = child_digest(supervisor_, spec.id, format_);
    if (digest) entry.digest = *digest, places_.add(position_of(*digest), &*it);
    else if (fresh) report(SupReport::Level::error, "child " + to_text(spec.id, 200) + " of " + to_text(supervisor_, 100) + " has no owner: " + digest.error());
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
    if (!entries_.contains(view.spec.id)) entry_for(view.spec);
  });
}

void ChildManager::note_ring_change(Instant now) {
  views_differ_ = now < views_differ_until_;
  views_differ_until_ = now + kViewsDiffer;
}

void ChildManager::rebuild_ring() {
  ring_ = owners_;
  for (const Term& node : leaving_peers_)
    if (ring_ && ring_->has(node)) ring_ = ring_->without(node);
}

std::optional<Term> ChildManager::effective_owner(const Entry& entry) const {
  if (!entry.digest || !ring_ || ring_->empty()) return std::nullopt;
  return ring_->owner(*entry.digest);
}

void ChildManager::replan(Instant now, bool ring_change) {
  // Unsettled and on the ring: nothing is known of the others yet. Off the ring (leaving, standing aside) everything goes to the others.
  if (!ring_ || ring_->empty() || (!settled_ && full_ring_->has(self_))) return pump(now);
  if (!ring_change || !planned_ring_ || !replan_changed(now)) replan_all(now, ring_change);
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
// since (they are started again), those that have appeared, and those that wait for another try. False: too much has changed here to know which.
bool ChildManager::replan_changed(Instant now) {
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
    if (view) entry_for(view->spec), it = entries_.find(id);
    if (it == entries_.end()) continue;
    it->second.in_table = true;
    concerned.push_back({it->second.number, &*it});
  }
  std::ranges::sort(concerned, {}, &Placed::number);
  concerned.erase(std::ranges::unique(concerned, {}, &Placed::number).begin(), concerned.end());
  queued_to_start_.reserve(queued_to_start_.size() + concerned.size());
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
