#include "cli/supervisor_text.h"

#include <string>

#include "io/node_name.h"

namespace supervisorring {
namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

bool is_variable(std::string_view text) { return !text.empty() && ((text.front() >= 'A' && text.front() <= 'Z') || text.front() == '_'); }

std::string elixir_name(std::string_view word) {
  const std::string prefix = word.starts_with("Elixir.") ? "" : "Elixir.";
  return "'" + prefix + std::string(word) + "'";
}

Result<Term> parse_part(std::string_view text, std::string_view what) {
  text = trim(text);
  if (text.empty()) return Error{"the " + std::string(what) + " is missing"};
  if (is_variable(text))
    return Error{"the " + std::string(what) + " " + std::string(text) + " is a variable in Erlang: write " + elixir_name(text) +
                 " for an Elixir module (with its quotes, which the shell must not take away)"};
  auto term = parse_term(text);
  if (!term) return Error{"the " + std::string(what) + " '" + std::string(text.substr(0, 200)) + "' is no Erlang term: " + term.error()};
  return term;
}

}  // namespace

Result<Term> parse_atom_argument(std::string_view text, std::string_view what) {
  auto term = parse_part(text, what);
  if (term && !term->is_atom()) return Error{"the " + std::string(what) + " " + to_text(*term, 200) + " is no atom"};
  return term;
}

Result<SupervisorSource> parse_supervisor(std::string_view text) {
  const auto fail = [&](const std::string& why) {
    return Error{"--supervisor " + std::string(text.substr(0, 300)) + ": " + why + " (expected Name=Module@Node[=Arg])"};
  };
  const auto equals = text.find('=');
  if (equals == std::string_view::npos) return fail("there is no =");
  const auto rest = text.substr(equals + 1);
  const auto at = rest.find('@');
  if (at == std::string_view::npos) return fail("there is no @ after the =");
  const auto node_and_argument = rest.substr(at + 1);
  const auto second = node_and_argument.find('=');

  const auto name = parse_atom_argument(text.substr(0, equals), "supervisor's name");
  if (!name) return fail(name.error());
  const auto module = parse_atom_argument(rest.substr(0, at), "module");
  if (!module) return fail(module.error());
  const auto node = parse_node_name(trim(node_and_argument.substr(0, second)));
  if (!node) return fail(node.error());
  if (second == std::string_view::npos) return SupervisorSource{*name, *module, Term::atom(node->whole()), Term::nil()};
  const auto argument = parse_part(node_and_argument.substr(second + 1), "argument");
  if (!argument) return fail(argument.error());
  return SupervisorSource{*name, *module, Term::atom(node->whole()), *argument};
}

}  // namespace supervisorring
