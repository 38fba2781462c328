#include "cli/status_view.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <span>

namespace supervisorring {
namespace {

constexpr std::size_t kBar = 24;          // characters for a whole ring
constexpr std::size_t kWidest = 60;       // a longer id is cut
constexpr std::size_t kListedChildren = 200;

const Term* find(const Term& map, std::string_view key) { return map.is_map() ? map.find(key) : nullptr; }

bool is_true(const Term& map, std::string_view key) {
  const Term* value = find(map, key);
  return value != nullptr && value->is_atom("true");
}

std::span<const Term> list_of(const Term& map, std::string_view key) {
  const Term* value = find(map, key);
  return value != nullptr && value->is_list() ? value->elements() : std::span<const Term>{};
}

std::string text_of(const Term& map, std::string_view key, std::string_view otherwise = "?") {
  const Term* value = find(map, key);
  if (value == nullptr) return std::string(otherwise);
  if (value->is_binary()) return value->as_text().value_or(to_text(*value, kWidest));
  return to_text(*value, kWidest);
}

// A node name without the quotes that its @ asks for in Erlang.
std::string node_of(const Term& map, std::string_view key) {
  const Term* value = find(map, key);
  if (value == nullptr || !value->is_atom()) return "?";
  std::string name(value->atom_name());
  for (char& c : name)
    if (static_cast<unsigned char>(c) < ' ') c = '?';
  return name;
}

std::int64_t number_of(const Term& map, std::string_view key) {
  const Term* value = find(map, key);
  return value == nullptr ? 0 : value->as_int64().value_or(0);
}

std::string pad(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

std::string duration(std::int64_t seconds) {
  if (seconds < 60) return std::to_string(seconds) + " s";
  if (seconds < 3600) return std::to_string(seconds / 60) + " min " + std::to_string(seconds % 60) + " s";
  if (seconds < 86400) return std::to_string(seconds / 3600) + " h " + std::to_string(seconds % 3600 / 60) + " min";
  return std::to_string(seconds / 86400) + " d " + std::to_string(seconds % 86400 / 3600) + " h";
}

std::string share_text(double share) {
  share = std::clamp(share, 0.0, 1.0);
  const auto filled = static_cast<std::size_t>(share * kBar + 0.5);
  std::array<char, 16> percent{};
  std::snprintf(percent.data(), percent.size(), "%5.1f %%", share * 100);
  return "[" + std::string(filled, '#') + std::string(kBar - filled, '.') + "] " + percent.data();
}

std::string head(const Term& status) {
  std::string text = node_of(status, "node") + ": ringnode " + text_of(status, "version") + ", running for " + duration(number_of(status, "uptime"));
  text += is_true(status, "epmd") ? ", registered with epmd" : ", NOT registered with epmd";
  text += is_true(status, "published") ? ", visible" : ", hidden";
  text += "\nplacement as on OTP " + text_of(status, "otp") + (number_of(status, "otp") == 25 ? " and below" : " and above");
  if (is_true(status, "leaving")) text += ", LEAVING";
  if (find(status, "settled") != nullptr && !is_true(status, "settled")) text += ", NOT SETTLED: no child is started yet";
  if (is_true(status, "degraded")) text += ", DEGRADED: forced into a ring whose children cannot all run here";
  return text + "\n";
}

std::string members(const Term& status) {
  const auto all = list_of(status, "members");
  std::size_t up = 0;
  std::size_t width = 0;
  for (const Term& member : all) {
    up += is_true(member, "up") ? 1 : 0;
    width = std::max(width, node_of(member, "node").size());
  }
  std::string text = "\nmembers: " + std::to_string(up) + " of " + std::to_string(all.size()) + " up\n";
  for (const Term& member : all) {
    const std::string name = node_of(member, "node");
    text += "  " + pad(name, width) + (is_true(member, "up") ? "  up    " : "  down  ");
    const Term* share = find(member, "share");
    if (is_true(member, "up") && share != nullptr && share->is_real()) text += share_text(share->to_double());
    if (name == node_of(status, "node")) text += "  this node";
    else if (is_true(member, "up") && !is_true(member, "connected")) text += "  not connected";
    text += '\n';
  }
  return text;
}

std::string supervisor(const Term& one) {
  const auto children = list_of(one, "children");
  std::string text = "\nsupervisor " + text_of(one, "name") + ": " + std::to_string(number_of(one, "running")) + " running here of " +
                     std::to_string(number_of(one, "owned")) + " owned, " + std::to_string(number_of(one, "known")) + " in the cluster";
  if (const auto moving = number_of(one, "moving"); moving > 0) text += ", " + std::to_string(moving) + " moving";
  if (const Term* state = find(one, "state"); state != nullptr && !state->is_atom("running")) text += ", " + to_text(*state, 200);
  text += '\n';
  std::size_t width = 0;
  for (const Term& child : children.first(std::min(children.size(), kListedChildren))) width = std::max(width, text_of(child, "id").size());
  for (const Term& child : children.first(std::min(children.size(), kListedChildren)))
    text += "  " + pad(text_of(child, "id"), width) + "  " + pad(text_of(child, "pid"), 12) + "  " + text_of(child, "state", "") + "\n";
  if (children.size() > kListedChildren) text += "  … and " + std::to_string(children.size() - kListedChildren) + " more\n";
  return text;
}

std::string stuck(const Term& status) {
  std::string text;
  for (const Term& child : list_of(status, "stuck"))
    text += "\nSTUCK " + text_of(child, "pid") + " " + text_of(child, "module") + (find(child, "name") != nullptr ? " " + text_of(child, "name") : "") +
            ": its code has not returned for " + duration(number_of(child, "seconds")) + " since it ended with " + text_of(child, "reason") + "\n";
  return text;
}

}  // namespace

std::string status_text(const Term& status) {
  if (!status.is_map()) return to_text(status) + "\n";
  std::string text = head(status) + members(status);
  for (const Term& one : list_of(status, "supervisors")) text += supervisor(one);
  return text + stuck(status);
}

}  // namespace supervisorring
