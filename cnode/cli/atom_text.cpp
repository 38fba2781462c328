#include "cli/atom_text.h"

#include <string>

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

}  // namespace

Result<Term> parse_atom_argument(std::string_view text, std::string_view what) {
  text = trim(text);
  if (text.empty()) return Error{"the " + std::string(what) + " is missing"};
  if (is_variable(text))
    return Error{"the " + std::string(what) + " " + std::string(text) + " is a variable in Erlang: write " + elixir_name(text) +
                 " for an Elixir module (with its quotes, which the shell must not take away)"};
  auto term = parse_term(text);
  if (!term) return Error{"the " + std::string(what) + " '" + std::string(text.substr(0, 200)) + "' is no Erlang term: " + term.error()};
  if (!term->is_atom()) return Error{"the " + std::string(what) + " " + to_text(*term, 200) + " is no atom"};
  return term;
}

}  // namespace supervisorring
