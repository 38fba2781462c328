#include "orders.h"

#include <algorithm>

#include "describe.h"

namespace supervisorring::sim {

std::vector<std::string> Orders::placed(const std::vector<std::string>& up) const {
  std::vector<std::string> names = up;
  std::erase_if(names, [this](const std::string& name) { return told_.contains(name); });
  return names.empty() ? up : names;
}

std::vector<std::string> Orders::keepers(const std::vector<std::string>& up, const std::string& id) const {
  std::vector<std::string> names;
  for (const auto& [name, told] : told_) {
    if (told.keeps.contains(id) && std::find(up.begin(), up.end(), name) != up.end()) names.push_back(name);
  }
  return names;
}

void Orders::cordoned(const std::string& name, std::set<std::string> keeps) {
  for (auto& [other, told] : told_) {
    if (other == name) continue;
    for (const std::string& id : keeps) {
      if (told.keeps.contains(id)) disputed_.insert(id);
    }
  }
  told_[name] = {true, std::move(keeps)};
}

std::string Orders::text() const {
  std::string out;
  for (const auto& [name, told] : told_) {
    out += (out.empty() ? "" : ", ") + short_name(name) + (told.cordoned ? " is cordoned and keeps" : " is drained");
    for (const std::string& id : told.keeps) out += " " + id;
  }
  return out;
}

}  // namespace supervisorring::sim
