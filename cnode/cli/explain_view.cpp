#include "cli/explain_view.h"

#include <span>

namespace supervisorring {
namespace {

constexpr std::size_t kWidest = 100;  // a longer term is cut

Term value(const Term& map, std::string_view key) {
  const Term* found = map.is_map() ? map.find(key) : nullptr;
  return found == nullptr ? atom("?") : *found;
}

// Names and numbers as they are, node names without the quotes that their @ asks for; nothing that moves the cursor.
std::string shown(const Term& term) {
  std::string text = term.is_atom() && term.atom_name().find('@') != std::string_view::npos ? std::string(term.atom_name())
                     : term.is_binary() ? term.as_text().value_or("?")
                                        : to_text(term, kWidest);
  for (char& c : text)
    if (static_cast<unsigned char>(c) < ' ') c = '?';
  return text;
}
std::string text_of(const Term& map, std::string_view key) { return shown(value(map, key)); }

std::string reason(const Term& why) {
  return why.is_atom("not_up") ? "not up" : why.is_atom("members") ? "not of its members" : why.is_atom("kind_unknown") ? "has not said what it is" : shown(why);
}

std::string joined(const Term& list) {
  std::string text;
  if (list.is_list())
    for (const Term& each : list.elements()) {
      text += text.empty() ? "" : ", ";
      text += each.is_tuple(2) ? shown(each[0]) + " (" + reason(each[1]) + ")" : shown(each);
    }
  return text;
}

std::string here_text(const Term& explained) {
  const Term here = value(explained, "here");
  if (here.is_atom("none")) return "not in the supervisor's table";
  const Term pid = value(explained, "pid");
  if (!pid.is_pid()) return shown(here);
  return shown(here) + " as " + to_text(pid) + ", a " + (value(explained, "by").is_atom("native") ? "native" : "BEAM") + " process";
}

}  // namespace

std::string explain_text(const Term& explained) {
  const Term point = value(explained, "point");
  std::string out = "child " + text_of(explained, "id") + " of " + text_of(explained, "supervisor") + ", as " + text_of(explained, "node") + " knows it\n";
  const auto line = [&](std::string_view name, const std::string& what) { out += "  " + std::string(name) + std::string(10 - name.size(), ' ') + what + "\n"; };
  line("key", text_of(explained, "key") + ", at " + text_of(explained, "digest") + " (format of OTP " + text_of(explained, "otp") + ")");
  line("point", "number " + text_of(point, "number") + " of " + text_of(point, "member") + ", at " + text_of(point, "digest") + ": the first from the key on");
  line("owner", text_of(explained, "owner") + (value(explained, "kept").is_atom("true") ? ", which is cordoned and keeps it" : ""));
  if (const Term set = value(explained, "members"); set.is_list() || set.is_atom("native") || set.is_atom("beam")) line("members", set.is_list() ? joined(set) : shown(set));
  if (const std::string note = text_of(explained, "members_note"); !note.empty() && note != "?") line("", note);
  if (const std::string who = joined(value(explained, "excluded")); !who.empty()) line("excluded", who);
  if (const std::string who = joined(value(explained, "without_supervisor")); !who.empty()) line("not there", "the supervisor does not run on " + who);
  line("named", value(explained, "named").is_atom("true") ? "yes, by the supervisor's definition or a handler" : "by nobody, as far as is known here");
  line("here", here_text(explained));
  const Term doing = value(explained, "doing");
  std::string what = doing.is_binary() && doing.as_text().value_or("").empty() ? "nothing pending" : shown(doing);
  if (const Term next = value(explained, "next_try_ms"); next.as_int64()) what += "; next try in " + to_text(next) + " ms";
  line("pending", what);
  return out;
}

std::string plan_text(const Term& plan) {
  std::string out = "up now:  " + joined(value(plan, "up")) + "\nup then: " + joined(value(plan, "up_then")) + "\n";
  const Term supervisors = value(plan, "supervisors");
  if (!supervisors.is_list() || supervisors.size() == 0) return out + "no supervisor runs here\n";
  for (const Term& each : supervisors.elements()) {
    out += text_of(each, "supervisor") + ": " + text_of(each, "moves") + " of " + text_of(each, "children") + " children would move";
    out += value(each, "complete").is_atom("false") ? ", of the first that were looked at; there are more\n" : "\n";
    if (const std::string who = joined(value(each, "excluded")); !who.empty()) out += "  excluded: " + who + "\n";
    const Term between = value(each, "moves_between");
    if (!between.is_list()) continue;
    for (const Term& moves : between.elements()) {
      const Term ids = value(moves, "ids");
      const bool more = ids.is_list() && static_cast<std::int64_t>(ids.size()) < value(moves, "count").as_int64().value_or(0);
      out += "  " + text_of(moves, "from") + " -> " + text_of(moves, "to") + ": " + text_of(moves, "count") + " (" + joined(ids) + (more ? ", ...)" : ")") + "\n";
    }
  }
  return out;
}

}  // namespace supervisorring
