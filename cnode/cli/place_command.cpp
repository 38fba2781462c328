#include "cli/place_command.h"

#include <istream>
#include <optional>
#include <ostream>
#include <vector>

#include "cli/atom_text.h"
#include "io/node_name.h"
#include "ring/consistent_hash.h"

namespace supervisorring {
namespace {

constexpr std::size_t kMaxLine = 1u << 20;  // longer than any id that a child has; keeps memory bounded

Result<std::vector<Term>> parse_members(std::string_view text) {
  std::vector<Term> members;
  while (true) {
    const auto comma = text.find(',');
    const auto name = parse_node_name(text.substr(0, comma));
    if (!name) return Error{name.error()};
    members.push_back(Term::atom(name->whole()));
    if (comma == std::string_view::npos) return members;
    text.remove_prefix(comma + 1);
  }
}

enum class Line { text, too_long, end };

// One line without its end; what is over kMaxLine is read and dropped.
Line read_line(std::istream& in, std::string& line) {
  line.clear();
  bool too_long = false;
  for (int c = in.get(); ; c = in.get()) {
    if (c == std::istream::traits_type::eof()) {
      if (line.empty() && !too_long) return Line::end;
      break;
    }
    if (c == '\n') break;
    if (line.size() < kMaxLine) line.push_back(static_cast<char>(c));
    else too_long = true;
  }
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return too_long ? Line::too_long : Line::text;
}

}  // namespace

ExitStatus place(const PlaceOptions& options, std::istream& in, std::ostream& out, std::ostream& errors) {
  const auto members = parse_members(options.members);
  if (!members) {
    errors << "ringnode place: --members: " << members.error() << '\n';
    return ExitStatus::usage;
  }
  std::optional<Term> supervisor;
  if (!options.supervisor.empty()) {
    const auto name = parse_atom_argument(options.supervisor, "supervisor's name");
    if (!name) {
      errors << "ringnode place: --supervisor: " << name.error() << '\n';
      return ExitStatus::usage;
    }
    supervisor = *name;
  }
  const auto ring = Ring::make(*members);
  const HashFormat format = hash_format_of_otp(options.otp);
  ExitStatus status = ExitStatus::ok;
  std::string line;
  for (std::size_t number = 1;; ++number) {
    const Line kind = read_line(in, line);
    if (kind == Line::end) break;
    if (line.find_first_not_of(" \t") == std::string::npos && kind == Line::text) continue;
    const auto placed = kind == Line::too_long ? Result<std::string>(Error{"longer than 1 MiB"}) : place_line(*ring, format, supervisor, line);
    if (placed) {
      out << *placed << '\n';
    } else {
      errors << "ringnode place: line " << number << ": " << placed.error() << '\n';
      status = ExitStatus::bad_input;
    }
  }
  out.flush();
  return status;
}

}  // namespace supervisorring
