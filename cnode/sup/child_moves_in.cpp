// Moves of which this member is the target: a held copy waits for the state of the old one.
#include <algorithm>

#include "sup/child_manager.h"

namespace supervisorring {

void ChildManager::handle_offer(const Term& node, const PeerMove& offer) {
  const auto refuse = [&](Term reason) { send_step(node, MoveStep::refused, offer.move, std::move(reason)); };
  auto checked = check_child_spec(offer.value, local_ ? local_->flags().auto_shutdown : AutoShutdown::never);
  if (auto* reason = std::get_if<Term>(&checked)) return refuse(*reason);
  const SharedSpec shared(std::move(std::get<ChildSpec>(checked)));
  const ChildSpec& spec = *shared;
  if (!local_ || local_->stopping() || !settled_ || leaving_) return refuse(atom("not_ready"));
  Entry& entry = entry_for(shared);
  const auto owner = effective_owner(entry);
  if (!owner || *owner != self_) return refuse(tuple(atom("not_owner"), owner ? *owner : atom("undefined")));
  if (!give_up_older({node, offer.move}, spec.id)) return;
  if (in_by_id_.contains(spec.id)) return refuse(atom("arriving"));
  if (in_.size() >= kMaxHeldCopies) return refuse(atom("busy"));
  if (const auto view = local_->find(spec.id)) {
    if (view->state == Supervisor::ChildState::running && !out_.contains(spec.id)) {
      twins_.emplace_back(MoveKey{node, offer.move}, spec.id);
      if (twins_.size() > kMaxRecentArrivals) twins_.pop_front();
      return send_step(node, MoveStep::running, offer.move, view->pid);
    }
    if (view->state != Supervisor::ChildState::down) return refuse(atom("busy"));
    effects_.push_back(MgrDelete{spec.id});
  }
  if (starting_.contains(spec.id)) return refuse(atom("busy"));
  entry.owner = self_;
  entry.seen_here = true;
  asks_.erase(spec.id);
  const MoveKey key{node, offer.move};
  MoveIn in;
  in.id = spec.id;
  in.phase = InPhase::starting;
  in_.try_emplace(key, in);
  in_by_id_.try_emplace(spec.id, key);
  effects_.push_back(MgrHold{key, shared});
}

// The source offers again what it offered before: it has given the older move up and nobody could tell. True: look at the offer.
bool ChildManager::give_up_older(const MoveKey& offered, const Term& id) {
  const auto arriving = in_by_id_.find(id);
  if (arriving == in_by_id_.end() || arriving->second.source != offered.source) return true;
  const MoveKey older = arriving->second;
  MoveIn& in = in_.at(older);
  if (older == offered) {
    if (in.phase == InPhase::held) send_step(offered.source, MoveStep::started, offered.number, in.pid);
    return false;
  }
  if (in.phase == InPhase::starting) in.dropped = true;
  if (in.phase != InPhase::held) return true;
  effects_.push_back(MgrDrop{older, id});
  in_.erase(older);
  in_by_id_.erase(id);
  return true;
}

void ChildManager::held(const MoveKey& key, const Result<Term>& pid, Instant now) {
  const auto it = in_.find(key);
  if (it == in_.end()) return;
  MoveIn& in = it->second;
  if (!pid) {
    send_step(key.source, MoveStep::refused, key.number, Term::binary(pid.error()));
    return arrived_not(key, now);
  }
  if (in.dropped) {
    effects_.push_back(MgrDrop{key, in.id});
    return arrived_not(key, now);
  }
  in.phase = InPhase::held;
  in.pid = *pid;
  in.deadline = now + 2 * step_with_migrate_;  // after the source has given up
  if (in.orphan) return release(key, in, std::nullopt);
  send_step(key.source, MoveStep::started, key.number, *pid);
}

void ChildManager::arrived_not(const MoveKey& key, Instant now) {
  const auto it = in_.find(key);
  const Term id = it->second.id;
  const bool orphan = it->second.orphan;
  in_by_id_.erase(id);
  in_.erase(it);
  const auto entry = entries_.find(id);
  if (entry == entries_.end() || stood_down_) return;
  // With its source alive it is offered again, or answers when asked. Nobody else has it when the source is gone.
  if (orphan && entry->second.wanted && entry->second.owner == self_) queue_start(id);
  else if (entry->second.wanted && entry->second.owner == self_) begin_ask(id, key.source, now);
  pump(now);
}

void ChildManager::release(const MoveKey& key, MoveIn& in, std::optional<Term> state) {
  in.phase = InPhase::releasing;
  in.deadline.reset();
  effects_.push_back(MgrRelease{key, in.id, std::move(state)});
}

void ChildManager::handle_state(const MoveKey& key, const Term& value) {
  const auto it = in_.find(key);
  const auto taken = std::ranges::find(arrived_, key, &std::pair<MoveKey, Term>::first);
  if (it == in_.end() && taken != arrived_.end()) return send_step(key.source, MoveStep::taken, key.number, taken->second);
  const auto twin = std::ranges::find(twins_, key, &std::pair<MoveKey, Term>::first);
  if (it == in_.end() && twin != twins_.end() && value.is_tuple(2)) return effects_.push_back(MgrConflict{key, twin->second, value[1]});
  if (it == in_.end()) return send_step(key.source, MoveStep::refused, key.number, atom("no_such_move"));
  if (it->second.phase != InPhase::held) return;
  release(key, it->second, value.is_tuple() ? std::optional<Term>(value[1]) : std::nullopt);
}

void ChildManager::released(const MoveKey& key, const Result<Term>& pid, Instant now) {
  const auto it = in_.find(key);
  if (it == in_.end()) return;
  if (!pid) {
    send_step(key.source, MoveStep::refused, key.number, Term::binary(pid.error()));
    return arrived_not(key, now);
  }
  has_arrived(key, *pid);
  const Term id = it->second.id;
  in_by_id_.erase(id);
  in_.erase(it);
  retries_.erase(id);
  const auto entry = entries_.find(id);
  if (entry != entries_.end() && entry->second.owner && *entry->second.owner != self_) place_elsewhere(id, entry->second, now);
  pump(now);
}

void ChildManager::conflict_told(const MoveKey& key, const Result<Term>& pid, Instant now) {
  std::erase_if(twins_, [&key](const auto& twin) { return twin.first == key; });
  if (!pid) return send_step(key.source, MoveStep::refused, key.number, Term::binary(pid.error()));
  has_arrived(key, *pid);
  pump(now);
}

// Its source is told, and again when it did not hear of it.
void ChildManager::has_arrived(const MoveKey& key, const Term& pid) {
  send_step(key.source, MoveStep::taken, key.number, pid);
  arrived_.emplace_back(key, pid);
  if (arrived_.size() > kMaxRecentArrivals) arrived_.pop_front();
}

void ChildManager::handle_abort(const MoveKey& key, Instant now) {
  const auto it = in_.find(key);
  if (it == in_.end() || it->second.phase == InPhase::releasing) return;
  if (it->second.phase == InPhase::starting) {
    it->second.dropped = true;
    return;
  }
  effects_.push_back(MgrDrop{key, it->second.id});
  arrived_not(key, now);
}

void ChildManager::in_timeouts(Instant now) {
  std::vector<MoveKey> late;
  for (const auto& [key, in] : in_)
    if (in.deadline && *in.deadline <= now) late.push_back(key);
  for (const MoveKey& key : late) {
    send_step(key.source, MoveStep::refused, key.number, atom("no_state_in_time"));
    handle_abort(key, now);
  }
}

void ChildManager::in_peer_gone(const Term& node) {
  for (auto& [key, in] : in_) {
    if (key.source != node) continue;
    in.orphan = true;
    if (in.phase == InPhase::held) release(key, in, std::nullopt);
  }
}

}  // namespace supervisorring
