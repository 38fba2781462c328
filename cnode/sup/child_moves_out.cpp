// Moves of which this member is the source. The old copy runs, or is frozen, until the new one has the state.
#include <algorithm>

#include "crdt/mutation.h"
#include "sup/child_manager.h"

namespace supervisorring {

void ChildManager::send_step(const Term& node, MoveStep step, std::uint64_t number, Term value) {
  effects_.push_back(MgrSend{node, PeerMove{step, supervisor_, number, std::move(value)}});
}

void ChildManager::pump_moves(Instant now) {
  if (ring_will_change_) return;
  std::size_t looked_at = 0;
  const std::size_t queued = to_move_.size();
  while (local_ && looked_at++ < queued && out_.size() < kMaxMovesInFlight) {
    const Term id = std::move(to_move_.front());
    to_move_.pop_front();
    queued_to_move_.erase(id);
    const auto it = entries_.find(id);
    if (it == entries_.end() || !it->second.owner || *it->second.owner == self_ || out_.contains(id)) continue;
    if (!running_here(id)) continue;
    if (move_rate_ && !move_rate_->take(now)) {
      to_move_.push_front(id);
      queued_to_move_.insert(id);
      return;
    }
    begin_move(id, *it->second.owner, now);
  }
}

void ChildManager::begin_move(const Term& id, const Term& target, Instant now) {
  const PeerKind kind = kind_of(target);
  if (kind == PeerKind::unknown) return retry_later(id, to_text(target) + " has not said yet what it runs", now, Tell::late);
  if (kind == PeerKind::lacks_it) return retry_later(id, to_text(target) + " does not run the supervisor", now, Tell::late, Hope::none);
  if (kept_ && std::ranges::count(kept_->silent, target) > 0)
    return retry_later(id, to_text(target) + " is cordoned and has not said yet which children it keeps", now, Tell::late);
  const auto view = local_->find(id);
  const std::uint64_t number = next_move_++;
  const bool hand = kind != PeerKind::runs_it || (native_ && !native_(view->spec));
  out_.try_emplace(id, MoveOut{number, target, view->pid, hand ? OutPhase::handing : OutPhase::offered, now + (hand ? by_hand_ : step_with_migrate_), hand});
  out_ids_.emplace(number, id);
  if (mutated(Mutation::stop_before_start)) out_.at(id).phase = OutPhase::stopping, effects_.push_back(MgrStop{id});
  else if (hand) effects_.push_back(MgrHand{target, view->spec, number});
  else send_step(target, MoveStep::offer, number, to_wire(view->spec));
}

void ChildManager::handle_started(const Term& id, MoveOut& out, Instant now) {
  if (out.phase != OutPhase::offered) return;
  const auto view = local_ ? local_->find(id) : std::nullopt;
  if (!view || view->state != Supervisor::ChildState::running) return abandon_move(id, "it does not run any more", now);
  out.pid = view->pid;
  out.phase = OutPhase::freezing;
  out.deadline.reset();  // the freeze has its own
  effects_.push_back(MgrFreeze{id, out.pid});
}

void ChildManager::frozen(const Term& id, const Term& pid, const Result<std::optional<Term>>& state, Instant now) {
  const auto it = out_.find(id);
  if (it == out_.end() || it->second.phase != OutPhase::freezing || it->second.pid != pid) {
    if (state) effects_.push_back(MgrUnfreeze{id, pid});
    return;
  }
  MoveOut& out = it->second;
  if (!state && out.twin.is_pid()) return stop_twin(id, out);
  if (!state) {
    abandon_move(id, "its state could not be taken: " + state.error(), now);
    return pump(now);
  }
  if (out.twin.is_pid() && !*state) {
    out.phase = OutPhase::forwarding;
    effects_.push_back(MgrForward{id, out.pid, out.twin});
    return;
  }
  out.phase = OutPhase::state_sent;
  out.deadline = now + step_with_migrate_;
  out.state = *state ? tuple(atom("state"), **state) : atom("none");
  send_step(out.target, MoveStep::state, out.number, out.state);
}

void ChildManager::handle_taken(const Term& id, MoveOut& out, const Term& new_pid) {
  if (out.phase != OutPhase::state_sent) return;
  out.phase = OutPhase::forwarding;
  out.deadline.reset();
  effects_.push_back(MgrForward{id, out.pid, new_pid});
}

// The copy on its owner stays, and is given the state of ours before that ends.
void ChildManager::handle_running(const Term& id, MoveOut& out, const Term& new_pid) {
  if (out.phase != OutPhase::offered) return;
  report(SupReport::Level::notice, "child " + to_text(id, 200) + " of " + to_text(supervisor_, 100) + " ran twice: " + to_text(new_pid) +
                                       " on its owner stays, ours is stopped");
  out.deadline.reset();
  const auto view = local_ ? local_->find(id) : std::nullopt;
  if (!view || view->state != Supervisor::ChildState::running || !new_pid.is_pid()) return stop_twin(id, out);
  out.twin = new_pid;
  out.pid = view->pid;
  out.phase = OutPhase::freezing;
  effects_.push_back(MgrFreeze{id, out.pid});
}

void ChildManager::stop_twin(const Term& id, MoveOut& out) {
  out.phase = OutPhase::stopping;
  effects_.push_back(MgrStop{id});
}

void ChildManager::finish_move(const Term& id, Instant now) {
  const auto it = out_.find(id);
  if (it == out_.end()) return;
  const MoveOut out = it->second;
  out_ids_.erase(out.number);
  out_.erase(it);
  retries_.erase(id);
  if (out.by_hand) effects_.push_back(MgrHandOver{id});
  if (kind_of(out.target) == PeerKind::runs_it) send_step(out.target, MoveStep::done, out.number, Term());
  const auto entry = entries_.find(id);
  if (entry != entries_.end()) entry->second.went = std::make_unique<Went>(now, out.target);
  if (entry != entries_.end() && !entry->second.wanted && !busy_here(id)) forget_entry(entry);
  else if (entry != entries_.end() && entry->second.owner == self_) place_here(id, entry->second, out.target, now, true);
  else if (entry != entries_.end() && busy_here(id)) retry_later(id, "it was restarted while it moved", now);
  pump(now);
}

void ChildManager::forwarded(const Term& id, Instant now) { finish_move(id, now); }
// At the end of a move, or because nobody named it; then it may have been named again meanwhile.
void ChildManager::stopped(const Term& id, Instant now) {
  ending_.erase(id);
  if (out_.contains(id)) return finish_move(id, now);
  const auto entry = entries_.find(id);
  if (entry == entries_.end()) return;
  if (!entry->second.wanted) return void(forget_entry(entry));
  entry->second.seen_here = false;
  if (stood_down_) return;
  place(id, entry->second, now, false);
  pump(now);
}

void ChildManager::handed(const Term& id, std::uint64_t move, const Result<Term>& result, Instant now, const Term& waits) {
  const auto it = out_.find(id);
  const auto goes_on = [&] {
    if (waits.is_pid()) effects_.push_back(MgrUnfreeze{id, waits});
  };
  if (it == out_.end()) return goes_on(), effects_.push_back(MgrHandOver{id});  // given up meanwhile
  if (it->second.number != move || it->second.phase != OutPhase::handing) return goes_on();
  const Term value = result ? *result : Term();
  const bool there = value.is_tagged("error", 2) && value[1].is_tagged("already_started", 2);
  const bool runs = value.is_tagged("ok", 2) || value.is_tagged("ok", 3) || there;
  // One that cannot be reached any more may have taken the new copy, and its state, along.
  const bool gone = runs && kind_of(it->second.target) == PeerKind::unknown;
  if (!runs || gone) {
    goes_on();
    effects_.push_back(MgrHandOver{id});
    // Not given away before its own state has come.
    const bool arriving = value.is_tagged("error", 2) && value[1].is_tagged("arriving_from", 2);
    const std::string why = gone ? "the connection went" : result ? "could not be started there: " + to_text(value, 200) : result.error();
    move_failed(id, arriving ? "it is arriving from " + to_text(value[1][1]) : why, now, arriving ? Tell::late : Tell::now, gone || arriving ? Hope::some : Hope::none);
    return pump(now);
  }
  const Term new_pid = there ? value[1][1] : value[1];
  it->second.deadline.reset();
  if (waits.is_pid()) it->second.phase = OutPhase::forwarding, effects_.push_back(MgrForward{id, waits, new_pid});
  else it->second.phase = OutPhase::stopping, effects_.push_back(MgrStop{id});
  effects_.push_back(MgrHanded{id, new_pid});
}

// Before the state has been sent nothing is lost by giving up: the old copy just goes on.
void ChildManager::abandon_move(const Term& id, std::string_view why, Instant now) {
  const auto it = out_.find(id);
  if (it == out_.end()) return;
  if (it->second.phase != OutPhase::handing && it->second.phase != OutPhase::stopping && it->second.phase != OutPhase::forwarding)
    send_step(it->second.target, MoveStep::abort, it->second.number, Term::binary(why));
  move_failed(id, std::string(why), now);
}

// An atom says that the target is not there yet, which is usual while it joins; anything else that it cannot run the child.
void ChildManager::handle_refused(const Term& id, const Term& why, Instant now) {
  const auto moving = out_.find(id);
  if (moving != out_.end() && moving->second.twin.is_pid() && moving->second.phase == OutPhase::state_sent && why.is_atom("no_such_move")) {
    moving->second.deadline.reset();  // an older member, or one that has forgotten: without the state
    return stop_twin(id, moving->second);
  }
  const bool not_now = why.is_atom() || why.is_tagged("not_owner", 2);
  move_failed(id, "refused: " + to_text(why, 200), now, not_now ? Tell::late : Tell::now, not_now ? Hope::some : Hope::none);
  const auto retry = retries_.find(id);
  if (retry != retries_.end()) retry->second.when_asked = why.is_atom("not_ready") || why.is_atom("not_running") || why.is_atom("busy") || why.is_tagged("not_owner", 2);
}

void ChildManager::move_failed(const Term& id, const std::string& why, Instant now, Tell tell, Hope hope) {
  const auto it = out_.find(id);
  if (it == out_.end()) return;
  const MoveOut out = it->second;
  out_ids_.erase(out.number);
  out_.erase(it);
  if (out.phase == OutPhase::state_sent) effects_.push_back(MgrUnfreeze{id, out.pid});
  if (local_) retry_later(id, "move to " + to_text(out.target) + ": " + why, now, tell, hope);
}

void ChildManager::out_timeouts(Instant now) {
  std::vector<Term> late;
  for (const auto& [id, out] : out_)
    if (out.deadline && *out.deadline <= now) late.push_back(id);
  for (const Term& id : late) abandon_move(id, "no answer in time", now);
}

void ChildManager::out_peer_gone(const Term& node, Instant now) {
  std::vector<Term> lost;
  for (const auto& [id, out] : out_)
    if (out.target == node && out.phase < OutPhase::forwarding) lost.push_back(id);
  for (const Term& id : lost) move_failed(id, "the connection went", now);
}

}  // namespace supervisorring
