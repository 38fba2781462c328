// Looking at one child: where it belongs, and what is being done about it.
#include "sup/child_manager.h"

namespace supervisorring {

namespace {

constexpr std::string_view kPhases[] = {"offered to", "being frozen for", "its state is on the way to", "forwarding to", "running already on", "being handed to"};

std::string names(const std::vector<Term>& nodes) {
  std::string text;
  for (const Term& node : nodes) text += (text.empty() ? "" : ", ") + to_text(node);
  return text;
}

}  // namespace

std::string ChildManager::doing(const Term& id) const {
  if (const auto out = out_.find(id); out != out_.end())
    return std::string(kPhases[static_cast<std::size_t>(out->second.phase)]) + " " + to_text(out->second.target);
  if (const auto in = in_by_id_.find(id); in != in_by_id_.end()) return "arriving from " + to_text(in->second.source);
  if (const auto ask = asks_.find(id); ask != asks_.end())
    return ask->second.from.empty() ? "asking once more who runs it" : "asking who runs it: " + names(ask->second.from);
  if (starting_.contains(id)) return "starting";
  if (const auto retry = retries_.find(id); retry != retries_.end()) return retry->second.why;
  if (queued_to_start(id)) return "waiting to start";
  if (queued_to_move_.contains(id)) return "waiting to move";
  return "";
}

std::vector<std::pair<Term, std::string>> ChildManager::pending(std::size_t limit) const {
  std::vector<std::pair<Term, std::string>> out;
  const auto add = [&](const auto& table) {
    for (const auto& [id, value] : table)
      if (out.size() < limit) out.emplace_back(id, doing(id));
  };
  add(out_);
  add(retries_);
  add(in_by_id_);
  add(asks_);
  return out;
}

std::vector<std::pair<Term, std::string>> ChildManager::left_here(std::size_t limit) const {
  std::vector<std::pair<Term, std::string>> out;
  if (!local_) return out;
  local_->for_each([&](const Supervisor::View& view) {
    if (out.size() >= limit || view.state == Supervisor::ChildState::down) return;
    const auto entry = entries_.find(view.spec.id);
    if (entry != entries_.end() && entry->second.owner == self_) return;
    const bool placed = entry == entries_.end() || entry->second.digest;
    out.emplace_back(view.spec.id, placed ? doing(view.spec.id) : "its id cannot be placed");
  });
  return out;
}

Result<ChildManager::Explained> ChildManager::explain(const Term& id, Instant now) const {
  if (!ring_ || ring_->empty()) return Error{"no member is up"};
  const auto key = child_digest(supervisor_, id, format_);
  if (!key) return Error{key.error()};
  const Ring::Point point = ring_->point_of(*key);
  Explained out{*key, point.digest, point.number, point.member, point.member, {leaving_peers_.begin(), leaving_peers_.end()}, {}, false, doing(id), std::nullopt};
  if (const Term* const keeper = keeper_of(id)) out.owner = *keeper;
  if (full_ring_ && leaving_ && !full_ring_->has(self_)) out.leaving.push_back(self_);
  if (full_ring_)
    for (const Term& node : full_ring_->members())
      if (!owners_->has(node)) out.not_in_set.push_back(node);
  const auto entry = entries_.find(id);
  out.named = entry != entries_.end() && entry->second.wanted;
  const auto retry = retries_.find(id);
  if (retry != retries_.end() && !out_.contains(id)) out.next_try = std::max(Duration::zero(), retry->second.at - now);
  return out;
}

bool ChildManager::belongs(const Term& id) const {
  const auto it = entries_.find(id);
  if (it == entries_.end()) return busy_here(id);
  return it->second.owner == self_ && (it->second.wanted || busy_here(id) || in_by_id_.contains(id));
}

std::vector<Term> ChildManager::belonging() const {
  std::vector<Term> ids;
  for (const auto& [id, entry] : entries_)
    if (belongs(id)) ids.push_back(id);
  if (local_)
    local_->for_each([&](const Supervisor::View& view) {
      if (!entries_.contains(view.spec.id) && belongs(view.spec.id)) ids.push_back(view.spec.id);
    });
  return ids;
}

std::vector<Term> ChildManager::known_ids(std::size_t limit) const {
  std::vector<Term> ids;
  for (const auto& [id, entry] : entries_) {
    if (ids.size() == limit) break;
    ids.push_back(id);
  }
  return ids;
}

}  // namespace supervisorring
