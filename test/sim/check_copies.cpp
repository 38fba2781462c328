#include "check_copies.h"

#include <algorithm>

#include "describe.h"

namespace supervisorring::sim {
namespace {

std::shared_ptr<const Ring> ring_of(const std::vector<std::string>& names) {
  std::vector<Term> members;
  for (const std::string& name : names) members.push_back(atom(name));
  return Ring::make(members);
}

std::string short_names(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += " " + short_name(name);
  return text;
}

}  // namespace

std::optional<std::string> CheckCopies::operator()(const SimCluster& cluster, const Orders& orders) {
  const std::vector<std::string> running = cluster.running();
  if (running.empty()) return std::nullopt;
  std::vector<std::string> up;
  for (const Term& member : cluster.view(running.front()).new_up) up.emplace_back(member.atom_name());
  const std::vector<std::string> placed = orders.placed(up);
  if (!ring_ || members_ != placed) members_ = placed, ring_ = ring_of(placed);
  for (const std::string& id : cluster.ids()) {
    std::vector<std::string> owners = orders.keepers(up, id);
    if (owners.empty() || orders.disputed(id)) owners.emplace_back(ring_->owner_of(atom("counters"), atom(id), HashFormat::minor_version_1).value().atom_name());
    const std::string belongs = "belongs to " + short_name(owners.front()) + (orders.text().empty() ? "" : " (" + orders.text() + ")");
    std::vector<std::string> where;
    for (const std::string& name : running) where.insert(where.end(), cluster.copies(name).count(id), name);
    if (where.empty()) return id + " runs nowhere; it " + belongs;
    if (where.size() > 1) return id + " runs on" + short_names(where) + "; it " + belongs;
    if (std::find(owners.begin(), owners.end(), where.front()) == owners.end()) return id + " runs on" + short_names(where) + " and " + belongs;
  }
  return std::nullopt;
}

}  // namespace supervisorring::sim
