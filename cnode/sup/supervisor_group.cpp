// Group restarts: strategies one_for_all and rest_for_one.
#include "sup/supervisor.h"

namespace supervisorring {

void Supervisor::restart_group(Seq failed, Instant now) {
  const auto first = flags_.strategy == Strategy::one_for_all ? children_.begin() : children_.find(failed);
  for (auto it = first; it != children_.end(); ++it) {
    auto& [seq, child] = *it;
    const bool runs = child.state == ChildState::running;
    const bool starts = child.token != 0;
    if (child.state == ChildState::stopping || (starts && child.held) || group_stops_.contains(seq)) continue;
    if (runs || starts) {
      group_starts_.erase(seq);
      group_stops_.insert(seq);
      changed(child.spec->id);
    } else {
      await_turn(seq, child);
    }
  }
  go_on_with_group(now);
}

void Supervisor::await_turn(Seq seq, Child& child) {
  group_stops_.erase(seq);
  group_starts_.insert(seq);
  child.state = ChildState::restarting;
  child.start_kind = StartKind::restart;
  changed(child.spec->id);
}

void Supervisor::go_on_with_group(Instant now) {
  if (stop_reason_) return;
  while (!group_stops_.empty()) {
    const Seq seq = *group_stops_.rbegin();
    Child& child = children_.at(seq);
    if (child.state == ChildState::running) begin_stopping(seq, child, now);
    if (child.state == ChildState::stopping || child.token != 0) return;
    await_turn(seq, child);  // its start, which was under way, came to nothing
  }
  if (group_starts_.empty()) return;
  const Seq seq = *group_starts_.begin();
  Child& child = children_.at(seq);
  if (child.token == 0) attempt(seq, child, StartKind::restart, Term());
}

// A member that ended before it was told to: no restart of its own.
void Supervisor::ended_in_group(Seq seq, Child& child, const Term& reason, Instant now) {
  report_shutdown(child, reason);
  if (child.spec->restart == RestartType::temporary) return forget(seq, Term(child.spec->id), now);
  await_turn(seq, child);
  go_on_with_group(now);
}

// When the member `failed` has not started: those after it are down until it is tried again, which takes them in again.
void Supervisor::others_stay_down(Seq failed) {
  if (!group_stops_.empty()) return;
  for (const Seq seq : std::exchange(group_starts_, {})) {
    if (seq == failed) continue;
    Child& child = children_.at(seq);
    child.state = ChildState::down;
    changed(child.spec->id);
  }
}

void Supervisor::leave_group(Seq seq) {
  group_stops_.erase(seq);
  group_starts_.erase(seq);
}

bool Supervisor::is_to_restart(const Term& id) const {
  const auto item = find_item(id);
  return item && group_stops_.contains(item->first);
}

}  // namespace supervisorring
