#include "sup/join_check.h"

namespace supervisorring {

namespace {
constexpr std::size_t kMaxNamed = 5;  // children named in one line; the rest is counted
}

Result<bool> check_join(const std::vector<RemoteSupervisor>& supervisors, const std::function<bool(const Term& name)>& defined_here,
                        const std::function<bool(const ChildSpec&)>& can_start) {
  for (const RemoteSupervisor& sup : supervisors) {
    if (!sup.refused.empty()) return Error{sup.refused};
    if (!sup.owned_here) continue;
    if (!defined_here(sup.name))
      return Error{to_text(sup.member) + " runs the supervisor " + to_text(sup.name) + ", which is not defined here: its share of the children would be lost"};
    std::string named;
    std::size_t missing = 0;
    for (const ChildSpec& child : sup.children) {
      if (can_start(child)) continue;
      if (missing++ < kMaxNamed) named += (named.empty() ? "" : ", ") + to_text(child.id, 100) + " (" + to_text(start_target(child).module, 100) + ")";
    }
    if (missing > kMaxNamed) named += " and " + std::to_string(missing - kMaxNamed) + " more";
    if (missing) return Error{to_text(sup.member) + " runs the supervisor " + to_text(sup.name) + " with children that no factory here can start: " + named};
  }
  return true;
}

std::vector<ChildSpec> read_specs(const Term& specs) {
  std::vector<ChildSpec> out;
  if (!specs.is_list()) return out;
  for (const Term& each : specs.elements()) {
    auto checked = check_child_spec(each, std::nullopt);
    if (auto* spec = std::get_if<ChildSpec>(&checked)) out.push_back(std::move(*spec));
  }
  return out;
}

Result<LegacyManagerState> read_manager_state(const Term& state) {
  const Term* name = state.is_map() ? state.find("sup_ref") : nullptr;
  const Term* specs = state.is_map() ? state.find("child_specs") : nullptr;
  if (!name || !name->is_atom() || !specs || !specs->is_list())
    return Error{"expected a child manager's state with sup_ref and child_specs, got " + to_text(state, 200)};
  LegacyManagerState out;
  out.name = *name;
  out.children = read_specs(*specs);
  for (const Term& each : specs->elements())
    if (each.is_tagged("dyn_child_handler", 2) && each[1].is_atom()) out.handlers.push_back(each[1]);
  return out;
}

}  // namespace supervisorring
