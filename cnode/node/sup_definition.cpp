#include "node/sup_definition.h"

#include <cctype>

namespace supervisorring {

namespace {

Result<Term> read_atom(std::string_view what, std::string_view text) {
  if (text.empty()) return Error{"--supervisor: expected Name=Module@Node[=Arg], got no " + std::string(what)};
  if (std::isupper(static_cast<unsigned char>(text[0])) || text[0] == '_')
    return Error{"--supervisor: " + std::string(what) + " " + std::string(text) + " is no Erlang atom; Elixir's " + std::string(text) + " is written '" +
                 (text.starts_with("Elixir.") ? "" : "Elixir.") + std::string(text) + "', quotes included"};
  auto term = parse_term(text);
  if (!term) return Error{"--supervisor: " + std::string(what) + " " + std::string(text) + ": " + term.error()};
  if (!term->is_atom()) return Error{"--supervisor: expected an atom as " + std::string(what) + ", got " + std::string(text)};
  return *term;
}

// The first `sign` that is not inside quotes.
std::size_t find_unquoted(std::string_view text, char sign) {
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\') ++i;
    else if (text[i] == '\'') quoted = !quoted;
    else if (text[i] == sign && !quoted) return i;
  }
  return std::string_view::npos;
}

}  // namespace

Result<SupervisorDefinition> parse_supervisor_option(std::string_view text) {
  const Error shape{"--supervisor: expected Name=Module@Node[=Arg], got " + std::string(text)};
  const std::size_t equals = find_unquoted(text, '=');
  if (equals == std::string_view::npos) return shape;
  auto name = read_atom("Name", text.substr(0, equals));
  if (!name) return Error{name.error()};
  std::string_view rest = text.substr(equals + 1);
  const std::size_t at = find_unquoted(rest, '@');
  if (at == std::string_view::npos) return shape;
  auto module = read_atom("Module", rest.substr(0, at));
  if (!module) return Error{module.error()};
  rest = rest.substr(at + 1);
  const std::size_t argument_at = find_unquoted(rest, '=');
  const std::string_view node = rest.substr(0, argument_at);
  const std::size_t host_at = node.find('@');
  if (host_at == std::string_view::npos || host_at == 0 || host_at + 1 == node.size() || node.size() > 255)
    return Error{"--supervisor: expected a node such as dev1@127.0.0.1 after Module@, got '" + std::string(node) + "'"};
  Term argument;
  if (argument_at != std::string_view::npos) {
    auto parsed = parse_term(rest.substr(argument_at + 1));
    if (!parsed) return Error{"--supervisor: Arg: " + parsed.error()};
    argument = *parsed;
  }
  return SupervisorDefinition{*name, RemoteDefinition{*module, atom(node), argument}};
}

}  // namespace supervisorring
