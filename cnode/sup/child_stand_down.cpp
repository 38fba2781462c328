// Standing down: in a minority, under the policy quorum, nothing runs here until it is over.
#include "sup/child_manager.h"

namespace supervisorring {

void ChildManager::stand_down(bool down, Instant now) {
  if (down == stood_down_) return;
  stood_down_ = down;
  ending_.clear();
  if (!down) return;
  asks_.clear();
  asks_to_send_.clear();
  for (const Term& id : std::exchange(to_start_, {}))
    if (const auto entry = entries_.find(id); entry != entries_.end()) entry->second.queued_to_start = false;
  to_move_.clear();
  queued_to_move_.clear();
  retries_.clear();
  while (!out_.empty()) abandon_move(out_.begin()->first, "this side is a minority", now);
  retries_.clear();
  std::vector<MoveKey> held;
  for (auto& [key, in] : in_) {
    send_step(key.source, MoveStep::refused, key.number, atom("minority"));
    in.orphan = false;
    if (in.phase == InPhase::starting) in.dropped = true;
    if (in.phase == InPhase::held) held.push_back(key);
  }
  for (const MoveKey& key : held) {
    const Term id = in_.at(key).id;
    effects_.push_back(MgrDrop{key, id});
    in_by_id_.erase(id);
    in_.erase(key);
  }
  end_all();
}

// What runs; what is only starting, or being restarted, is looked at again.
void ChildManager::end_all() {
  if (!local_) return;
  local_->for_each([&](const Supervisor::View& view) {
    if (view.state == Supervisor::ChildState::running && ending_.insert(view.spec.id).second) effects_.push_back(MgrStop{view.spec.id});
  });
}

}  // namespace supervisorring
