#include "check_converged.h"

#include "describe.h"

namespace supervisorring::sim {
namespace {

std::string names(const std::vector<Term>& members) {
  std::string text;
  for (const Term& member : members) text += " " + short_name(std::string(member.atom_name()));
  return text;
}

}  // namespace

std::optional<std::string> check_converged(const SimCluster& cluster) {
  std::vector<Term> running;
  for (const std::string& name : cluster.running()) running.push_back(atom(name));
  const RingChange* first = nullptr;
  for (const std::string& name : cluster.running()) {
    const RingChange& view = cluster.view(name);
    if (view.leaving) return short_name(name) + " is still leaving";
    if (!view.settled) return short_name(name) + " is not settled";
    if (view.new_up != running) return short_name(name) + " counts up:" + names(view.new_up) + "; running:" + names(running);
    if (!first) first = &view;
    if (view.new_nodes != first->new_nodes) {
      return short_name(name) + " has the members" + names(view.new_nodes) + "; " + short_name(cluster.running().front()) + names(first->new_nodes);
    }
  }
  return std::nullopt;
}

}  // namespace supervisorring::sim
