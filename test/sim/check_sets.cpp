#include "check_sets.h"

#include "crdt/lww_set.h"
#include "describe.h"

namespace supervisorring::sim {
namespace {

std::optional<std::string> check(const std::vector<LwwEntry>& entries, const std::set<std::string>& names_ever) {
  std::set<std::string> seen;
  for (const LwwEntry& entry : entries) {
    const std::string name(entry.element.atom_name());
    if (!names_ever.contains(name)) return "names " + name + ", which never was";
    if (!seen.insert(name).second) return "holds two entries of " + name;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> check_sets(SimCluster& cluster, const std::set<std::string>& names_ever) {
  for (const std::string& name : cluster.running()) {
    for (const char* question : {"get_all", "get_up"}) {
      const auto answer = cluster.call(name, atom("Elixir.NanoRing"), atom(question));
      if (!answer) return short_name(name) + " does not answer " + question;
      const auto set = LwwStruct::from_term(*answer);
      if (!set) return short_name(name) + " answers " + question + " with " + set.error();
      if (const auto wrong = check(set->adds, names_ever)) return short_name(name) + "'s adds in " + question + ": it " + *wrong;
      if (const auto wrong = check(set->removes, names_ever)) return short_name(name) + "'s removes in " + question + ": it " + *wrong;
    }
  }
  return std::nullopt;
}

}  // namespace supervisorring::sim
