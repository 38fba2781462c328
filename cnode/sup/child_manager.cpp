#include "sup/child_manager.h"

#include <algorithm>

namespace supervisorring {

namespace {

// Everything that waits is looked at this often while something waits; so a time-out is at most this late.
constexpr Duration kSweep = std::chrono::milliseconds(50);

}  // namespace

// ---- inputs -----------------------------------------------------------------------------------------

void ChildManager::attach(const Supervisor* local, Instant now) {
  local_ = local;
  planned_ring_.reset();
  look_unnamed_all_ = true;
  if (!local) {
    starting_.clear();
    while (!out_.empty()) abandon_move(out_.begin()->first, "the supervisor is being restarted", now);
    for (auto& [key, in] : in_) send_step(key.source, MoveStep::refused, key.number, atom("supervisor_restarting"));
    in_.clear();
    in_by_id_.clear();
    return;
  }
  replan(now, true);
}

void ChildManager::set_children(const SharedSpecs& children, Instant now) {
  const bool few = name_changed(children, now);
  named_ = children;
  if (!few) name_all(now);
}

void ChildManager::same_children(Instant now) {
  if (!name_changed(named_, now)) name_all(now);
}

void ChildManager::all_are_named(Instant now) {
  if (!local_ || leaving_ || !settled_) return;
  std::vector<Supervisor::View> views, ended;
  if (!changed_since_naming(views)) {
    views.clear();
    local_->for_each([&](const Supervisor::View& view) { views.push_back(view); });
  }
  std::unordered_map<Term, Unnamed> unnamed;
  for (const Supervisor::View& view : views) {
    const Term& id = view.spec.id;
    const auto entry = entries_.find(id);
    if (entry != entries_.end() && entry->second.wanted) continue;
    const auto known = unnamed_.find(id);
    Unnamed one = known == unnamed_.end() ? Unnamed{now, false} : known->second;
    one.unwanted = one.unwanted || ring_changed_;
    unnamed.emplace(id, one);
    const bool at_rest = view.state == Supervisor::ChildState::running || view.state == Supervisor::ChildState::down;
    if (one.unwanted && at_rest && now - one.since >= kUnnamedGrace && !out_.contains(id) && !in_by_id_.contains(id)) ended.push_back(view);
  }
  unnamed_ = std::move(unnamed);
  ring_changed_ = false;
  look_unnamed_.clear();
  look_unnamed_all_ = false;
  named_until_ = local_->recent_changes().count();
  for (const Supervisor::View& view : ended) end_unnamed(view);
  pump(now);
}

// Those of the local supervisor that may have begun or ceased to be unnamed since the last all_are_named(), the newest first. False: it takes a look at all to know.
bool ChildManager::changed_since_naming(std::vector<Supervisor::View>& views) const {
  std::vector<Term> ids = look_unnamed_;
  if (look_unnamed_all_ || !local_->recent_changes().since(named_until_, ids)) return false;
  for (const auto& [id, one] : unnamed_) ids.push_back(id);
  std::map<std::uint64_t, Supervisor::View, std::greater<>> by_place;
  for (const Term& id : ids)
    if (const auto view = local_->find(id)) by_place.emplace(view->place, *view);
  for (const auto& [place, view] : by_place) views.push_back(view);
  return true;
}

void ChildManager::end_unnamed(const Supervisor::View& view) {
  const Term& id = view.spec.id;
  end_requested(id);
  if (view.state == Supervisor::ChildState::down) return effects_.push_back(MgrDelete{id});
  report(SupReport::Level::notice, "child " + to_text(id, 200) + " of " + to_text(supervisor_, 100) + " is named by no handler any more: stopped");
  effects_.push_back(MgrStop{id});
}

void ChildManager::ring_changed(std::shared_ptr<const Ring> up, std::shared_ptr<const Ring> owners, HashFormat format, bool settled, bool leaving, Instant now) {
  note_ring_change(now);
  ring_changed_ = true;
  ring_will_change_ = false;
  full_ring_ = std::move(up);
  owners_ = std::move(owners);
  if (format_ != format) {
    format_ = format;
    for (auto& [id, entry] : entries_) entry.digest.reset(), entry.owner.reset();
    places_.clear();
    planned_ring_.reset();
  }
  std::erase_if(leaving_peers_, [&](const Term& node) { return !full_ring_->has(node); });
  const bool announce = leaving && !leaving_;
  if (announce) leaving_since_ = now;
  settled_ = settled;
  leaving_ = leaving;
  if (!settled_ && !leaving_) {
    for (auto& [id, entry] : entries_) entry.owner.reset();
    planned_ring_.reset();
  }
  rebuild_ring();
  if (announce) asks_.clear();
  std::vector<Term> lost;
  for (const Term& node : gone_)
    if (!full_ring_->has(node)) lost.push_back(node);
  for (const Term& node : lost) peer_lost(node, now);
  replan(now, true);
}

void ChildManager::peer_is(const Term& node, PeerKind kind, Instant now) {
  if (kind_of(node) == kind) return;
  const bool new_connection = kind_of(node) == PeerKind::unknown;
  peers_[node] = kind;
  if (gone_.erase(node)) peer_back(node);
  if (kind == PeerKind::legacy || kind == PeerKind::lacks_it) ask_lost(node, now);
  for (auto& [id, retry] : retries_) retry.at = std::min(retry.at, now);
  run_retries(now);
  // What an earlier life of it, or it before a fault, has said: it says so again when it still leaves.
  if (new_connection && leaving_peers_.erase(node) > 0) {
    note_ring_change(now);
    rebuild_ring();
    return replan(now, true);
  }
  pump(now);
}

void ChildManager::peer_is_leaving(const Term& node, Instant now) {
  if (node == self_ || !full_ring_ || !full_ring_->has(node) || !leaving_peers_.insert(node).second) return;
  for (auto& [id, ask] : asks_)
    if (std::ranges::count(ask.from, node)) ask.leaving.push_back(node);
  note_ring_change(now);
  rebuild_ring();
  replan(now, true);
}

void ChildManager::peer_gone(const Term& node, Instant now) {
  peers_.erase(node);
  if (full_ring_ && full_ring_->has(node)) gone_.insert(node);
  else peer_lost(node, now);
  pump(now);
}

// Connections close without either side having ended. Whoever took such a member for dead would start its children afresh.
void ChildManager::peer_lost(const Term& node, Instant now) {
  gone_.erase(node);
  out_peer_gone(node, now);
  in_peer_gone(node);
  ask_lost(node, now);
}

void ChildManager::peer_back(const Term& node) {
  for (const auto& [id, out] : out_) {
    const auto view = local_ ? local_->find(id) : std::nullopt;
    if (view && out.target == node && out.phase == OutPhase::offered) send_step(node, MoveStep::offer, out.number, to_wire(view->spec));
    if (out.target == node && out.phase == OutPhase::state_sent) send_step(node, MoveStep::state, out.number, out.state);
  }
  for (const auto& [key, in] : in_)
    if (key.source == node && in.phase == InPhase::held) send_step(node, MoveStep::started, key.number, in.pid);
  for (const auto& [id, ask] : asks_)
    if (std::ranges::count(ask.from, node)) asks_to_send_[node].push_back(id);
}

void ChildManager::received(const Term& node, const PeerBody& body, Instant now) {
  if (const auto* ask = std::get_if<PeerAsk>(&body)) handle_ask(node, *ask, now);
  if (const auto* answer = std::get_if<PeerAnswer>(&body)) handle_answer(node, *answer, now);
  if (const auto* move = std::get_if<PeerMove>(&body)) {
    const MoveKey from_source{node, move->move};
    if (move->step == MoveStep::offer) handle_offer(node, *move);
    else if (move->step == MoveStep::state) handle_state(from_source, move->value);
    else if (move->step == MoveStep::abort) handle_abort(from_source, now);
    else if (const auto it = out_ids_.find(move->move); it != out_ids_.end() && out_.at(it->second).target == node) {
      const Term id = it->second;
      MoveOut& out = out_.at(id);
      if (move->step == MoveStep::started) handle_started(id, out, now);
      if (move->step == MoveStep::running) handle_running(id, out, move->value);
      if (move->step == MoveStep::taken) handle_taken(id, out, move->value);
      if (move->step == MoveStep::refused) handle_refused(id, move->value, now);
    } else if (move->step == MoveStep::started) {
      send_step(node, MoveStep::abort, move->move, Term::binary("no such move"));  // of this program's predecessor, or given up
    }
  }
  pump(now);
}

void ChildManager::timeout(Instant now) {
  ask_timeouts(now);
  out_timeouts(now);
  in_timeouts(now);
  run_retries(now);
  pump(now);
  next_sweep_ = now + kSweep;
}

std::optional<Instant> ChildManager::next_timeout() const {
  const bool rate_waits = move_rate_ && move_rate_->limited() && !to_move_.empty();
  if (asks_.empty() && out_.empty() && in_.empty() && retries_.empty() && !rate_waits && !(stood_down_ && local_ && local_->active() > 0)) return std::nullopt;
  return next_sweep_;
}

// ---- starts -----------------------------------------------------------------------------------------------

void ChildManager::queue_start(const Term& id) {
  const auto it = entries_.find(id);
  if (it != entries_.end() && !starting_.contains(id) && !std::exchange(it->second.queued_to_start, true)) to_start_.push_back(id);
}

void ChildManager::end_requested(const Term& id) {
  // What was about to start and is not in the table leaves no trace there: the next change of the ring starts it all the same.
  const auto it = entries_.find(id);
  const bool was_queued = it != entries_.end() && std::exchange(it->second.queued_to_start, false);
  if (asks_.erase(id) + retries_.erase(id) > 0 || was_queued) look_again_.push_back(id);
  if (look_again_.size() > kMaxRecentChanges) look_again_.clear(), planned_ring_.reset();
  if (it != entries_.end()) it->second.seen_here = true;
}

void ChildManager::delete_requested(const Term& id, Instant now) {
  while (!deleted_.empty() && now - deleted_.begin()->second >= kDeletedGrace) deleted_.erase(deleted_.begin());
  if (const auto known = deleted_.find(id); known != deleted_.end()) deleted_.erase(known);
  deleted_.try_emplace(id, now);
  if (const auto entry = entries_.find(id); entry != entries_.end()) entry->second.wanted = false;
  names_in_doubt_ = true;
}

bool ChildManager::queued_to_start(const Term& id) const {
  const auto it = entries_.find(id);
  return it != entries_.end() && it->second.queued_to_start;
}

bool ChildManager::was_just_deleted(const Term& id, Instant now) {
  const auto at = deleted_.find(id);
  if (at == deleted_.end()) return false;
  if (now - at->second < kDeletedGrace && !busy_here(id)) return true;
  deleted_.erase(at);  // so long ago, or it has been started again
  return false;
}

void ChildManager::pump(Instant now) {
  if (stood_down_) return end_all();
  absorb_changes();
  send_asks();
  pump_starts(now);
  pump_moves(now);
}

void ChildManager::pump_starts(Instant now) {
  while (local_ && settled_ && !leaving_ && !to_start_.empty() && starting_.size() < max_starts_) {
    const Term id = std::move(to_start_.front());
    to_start_.pop_front();
    const auto it = entries_.find(id);
    if (it == entries_.end() || !std::exchange(it->second.queued_to_start, false) || !it->second.wanted || it->second.owner != self_) continue;
    if (in_by_id_.contains(id)) continue;
    const auto view = local_->find(id);
    if (view && view->state != Supervisor::ChildState::down) {
      if (view->state != Supervisor::ChildState::running) retry_later(id, "an earlier copy of it is ending", now, Tell::late);
      continue;
    }
    starting_.insert(id);
    effects_.push_back(MgrStart{it->second.spec, view.has_value()});
  }
}

void ChildManager::start_done(const Term& id, const Term& result, Instant now) {
  starting_.erase(id);
  const bool ok = result.is_tagged("ok", 2) || result.is_tagged("ok", 3);
  const bool there = result.is_tagged("error", 2) &&
      (result[1].is_tagged("already_started", 2) || result[1].is_atom("running") || result[1].is_atom("restarting") || result[1].is_atom("already_present"));
  if (ok || there) {
    retries_.erase(id);
  } else {
    const Term reason = result.is_tagged("error", 2) && result[1].is_tuple(2) ? result[1][0] : result;
    retry_later(id, "start failed: " + to_text(reason, 300), now);
  }
  const auto it = entries_.find(id);
  if (it != entries_.end() && it->second.owner && *it->second.owner != self_) place_elsewhere(id, it->second, now);
  pump(now);
}

void ChildManager::retry_later(const Term& id, std::string why, Instant now, Tell tell, Hope hope) {
  auto [it, fresh] = retries_.try_emplace(id);
  Retry& retry = it->second;
  if (fresh || retry.hope != hope) retry.since = now;
  retry.hope = hope;
  retry.when_asked = false;
  retry.delay = fresh ? kFirstRetry : std::min(retry.delay * 2, kLastRetry);
  retry.at = now + retry.delay;
  const bool worth_a_line = tell == Tell::now ? retry.why != why : retry.delay >= kQuietRetries && retry.delay < 2 * kQuietRetries;
  if (worth_a_line) report(SupReport::Level::notice, "child " + to_text(id, 200) + " of " + to_text(supervisor_, 100) + ": " + why + "; trying again");
  retry.why = std::move(why);
}

void ChildManager::run_retries(Instant now) {
  std::vector<Term> due;
  for (auto& [id, retry] : retries_) {
    if (retry.at <= now) due.push_back(id);
  }
  for (const Term& id : due) {
    const auto it = entries_.find(id);
    if (it == entries_.end() || !it->second.owner) {
      retries_.erase(id);
      continue;
    }
    Retry& retry = retries_.at(id);
    retry.at = now + retry.delay;
    if (*it->second.owner == self_) {
      if (it->second.wanted && !busy_here(id)) queue_start(id);
      else if (!it->second.wanted || running_here(id)) retries_.erase(id);
    } else if (busy_here(id)) {
      if (!out_.contains(id)) place_elsewhere(id, it->second, now);
    } else {
      retries_.erase(id);
    }
  }
}

// ---- looking ------------------------------------------------------------------------------------------------

PeerKind ChildManager::kind_of(const Term& node) const {
  const auto it = peers_.find(node);
  return it == peers_.end() ? PeerKind::unknown : it->second;
}

bool ChildManager::ours(const Term& node) const {
  const PeerKind kind = kind_of(node);
  return kind == PeerKind::runs_it || kind == PeerKind::by_hand;
}

bool ChildManager::running_here(const Term& id) const {
  const auto view = local_ ? local_->find(id) : std::nullopt;
  return view && view->state == Supervisor::ChildState::running;
}

bool ChildManager::busy_here(const Term& id) const {
  const auto view = local_ ? local_->find(id) : std::nullopt;
  return view && view->state != Supervisor::ChildState::down;
}

Result<Term> ChildManager::owner_of(const Term& id) const {
  if (!ring_ || ring_->empty()) return Error{"no member is up"};
  if (const Term* const keeper = keeper_of(id)) return *keeper;
  return ring_->owner_of(supervisor_, id, format_);
}

bool ChildManager::drained() const {
  if (!leaving_) return false;
  if (!local_ || !ring_ || ring_->empty()) return true;
  return out_.empty() && local_->active() == 0;
}

bool ChildManager::nobody_takes(Instant now) const {
  if (!leaving_ || !local_ || now - leaving_since_ < kLastTries || !out_.empty() || !in_.empty()) return false;
  bool hopeless = true;
  local_->for_each([&](const Supervisor::View& view) {
    if (view.state == Supervisor::ChildState::down) return;
    const auto entry = entries_.find(view.spec.id);
    if (entry != entries_.end() && !entry->second.digest) return;  // it has no owner at all
    const auto retry = retries_.find(view.spec.id);
    hopeless = hopeless && retry != retries_.end() && retry->second.hope == Hope::none && now - retry->second.since >= kLastTries / 2;
  });
  return hopeless;
}

ChildManager::Status ChildManager::status() const {
  return {to_start_.size(), starting_.size(), asks_.size(), to_move_.size(), out_.size(), in_.size()};
}

}  // namespace supervisorring
