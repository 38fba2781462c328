#include "cli/status_view.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <span>

namespace supervisorring {
namespace {

constexpr std::size_t kBar = 24;          // characters for a whole ring
constexpr std::size_t kWidest = 60;       // a longer id is cut

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
std::string node_text(const Term* value) {
  if (value == nullptr || !value->is_atom()) return "?";
  std::string name(value->atom_name());
  for (char& c : name)
    if (static_cast<unsigned char>(c) < ' ') c = '?';
  return name;
}

bool holds(std::span<const Term> list, const Term& element) { return std::find(list.begin(), list.end(), element) != list.end(); }

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
  std::string text = node_text(find(status, "node")) + ": ringnode " + text_of(status, "version") + ", running for " + duration(number_of(status, "uptime"));
  text += is_true(status, "epmd") ? ", registered with epmd" : ", NOT registered with epmd";
  text += is_true(status, "published") ? ", visible" : ", hidden";
  text += "\nplacement as on OTP " + text_of(status, "otp") + (number_of(status, "otp") == 25 ? " and below" : " and above");
  if (is_true(status, "leaving")) text += ", LEAVING";
  const bool unsettled = find(status, "settled") != nullptr && !is_true(status, "settled");
  const std::string cannot_run = text_of(status, "cannot_run", "");
  if (is_true(status, "forced")) text += ", forced";
  const bool minority = is_true(status, "minority");
  if (minority) text += ", IN A MINORITY: nothing runs here";
  else if (unsettled && cannot_run.empty()) text += ", NOT SETTLED: no child is started yet";
  text += "\n";
  const Term* drain = find(status, "drain");
  if (drain != nullptr && is_true(*drain, "self")) {
    const std::string rate = text_of(*drain, "rate", "none");
    text += "DRAINED: it owns no children until uncordon" + (rate == "none" ? "" : ", " + rate + " moves a second") + "\n";
  }
  if (drain != nullptr && !text_of(*drain, "note", "").empty()) text += text_of(*drain, "note", "") + "\n";
  const Term* cordon = find(status, "cordon");
  if (cordon != nullptr && is_true(*cordon, "self"))
    text += "CORDONED: it keeps its children (" + std::to_string(number_of(*cordon, "children")) + ") and gets no new ones until uncordon\n";
  if (cordon != nullptr && !text_of(*cordon, "note", "").empty()) text += text_of(*cordon, "note", "") + "\n";
  for (const Term& file : list_of(status, "unwritten"))
    text += "NOT WRITTEN for " + duration(number_of(file, "seconds")) + ", tried again and again: " + text_of(file, "why") + "\n";
  for (const Term& member : list_of(status, "other_format"))
    text += "MIXED: " + node_text(&member) + " places children as another OTP does, so they run twice or nowhere\n";
  if (cannot_run.empty()) return text;
  return text + (is_true(status, "forced") ? "DEGRADED: " : "STANDING ASIDE, no child runs here: ") + cannot_run + "\n";
}

std::string members(const Term& status) {
  const auto all = list_of(status, "members");
  const auto up = list_of(status, "up");
  const auto connected = list_of(status, "connected");
  const Term* self = find(status, "node");
  const Term* shares = find(status, "shares");
  std::size_t width = 0;
  for (const Term& member : all) width = std::max(width, node_text(&member).size());
  std::string text = "\nmembers: " + std::to_string(up.size()) + " of " + std::to_string(all.size()) + " up\n";
  for (const Term& member : all) {
    const bool is_up = holds(up, member);
    text += "  " + pad(node_text(&member), width) + (is_up ? "  up    " : "  down");
    const Term* share = shares != nullptr && shares->is_map() ? shares->find(member) : nullptr;
    if (is_up && share != nullptr && share->is_real()) text += share_text(share->to_double());
    if (holds(list_of(status, "drained"), member)) text += "  drained";
    if (holds(list_of(status, "cordoned"), member)) text += "  cordoned";
    if (self != nullptr && member == *self) text += "  this node";
    else if (is_up && !holds(connected, member)) text += "  not connected";
    text += '\n';
  }
  return text;
}

// A count and what it counts, where it is not 0.
std::string counted(const Term& map, std::string_view key, std::string_view what) {
  const auto number = number_of(map, key);
  return number > 0 ? ", " + std::to_string(number) + " " + std::string(what) : "";
}

std::string supervisor(const Term& one) {
  std::string text = "\nsupervisor " + text_of(one, "name") + ": " + text_of(one, "state") + ", " + std::to_string(number_of(one, "active")) +
                     " children run here of " + std::to_string(number_of(one, "known")) + " in the cluster";
  text += counted(one, "waiting_to_start", "wait to start") + counted(one, "starting", "are starting") + counted(one, "asked_for", "are asked for") +
          counted(one, "waiting_to_move", "wait to move") + counted(one, "moving", "are moving away") + counted(one, "arriving", "are arriving") + "\n";
  if (const std::string set = text_of(one, "members", "all"); set != "all") text += "  members => " + set + "\n";
  if (const std::string note = text_of(one, "members_note", ""); !note.empty()) text += "  " + note + "\n";
  if (const std::string progress = text_of(one, "progress", ""); !progress.empty()) text += "  " + progress + "\n";
  if (const std::string why = text_of(one, "why", ""); !why.empty()) text += "  " + why + "\n";
  for (const Term& pending : list_of(one, "pending"))
    if (pending.is_tuple(2)) text += "  " + to_text(pending[0], kWidest) + ": " + pending[1].as_text().value_or(to_text(pending[1], kWidest)) + "\n";
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
