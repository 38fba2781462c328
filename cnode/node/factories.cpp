#include <algorithm>

#include "supervisorring/factory.h"

namespace supervisorring {
namespace {

// The value of `name` in a keyword list; nullptr: none, or no keyword list.
const Term* name_option(const Term& options) {
  if (!options.is_proper_list()) return nullptr;
  for (const Term& option : options.elements()) {
    if (option.is_tagged("name", 2)) return &option[1];
  }
  return nullptr;
}

Error refused(const Term& arguments) {
  return {"expected {local, Name} or name: with an atom in the arguments of a native child, got " + to_text(arguments, 300)};
}

// {local, Name}, or Name itself as Elixir writes it.
bool take_name(const Term& given, Term& name) {
  const Term& bare = given.is_tagged("local", 2) ? given[1] : given;
  if (!bare.is_atom()) return false;
  name = bare.is_atom("nil") || bare.is_atom("undefined") ? Term() : bare;
  return true;
}

}  // namespace

void worker_registry::add(std::string_view module, GenServerFactory make, WorkerOptions options) {
  modules_.insert_or_assign(std::string(module), Entry{std::make_shared<const GenServerFactory>(std::move(make)), options});
}

void worker_registry::add(std::string_view module, std::string_view function, GenServerFactory make, WorkerOptions options) {
  functions_.insert_or_assign({std::string(module), std::string(function)}, Entry{std::make_shared<const GenServerFactory>(std::move(make)), options});
}

std::vector<std::string> worker_registry::names() const {
  std::vector<std::string> names;
  for (const auto& [module, entry] : modules_) names.push_back(module);
  for (const auto& [key, entry] : functions_) names.push_back(key.first + ":" + key.second);
  std::sort(names.begin(), names.end());
  return names;
}

Error worker_registry::unknown(const Term& module) const {
  std::string text = "no native factory for " + to_text(module, 300) + "; registered:";
  for (const std::string& name : names()) text += " " + name;
  if (modules_.empty() && functions_.empty()) text += " none";
  return {text};
}

Result<Worker> worker_registry::resolve(const Term& start) const {
  if (!start.is_tuple(3) || !start[0].is_atom() || !start[1].is_atom() || !start[2].is_proper_list()) {
    return Error{"expected {Module, Function, Arguments}, got " + to_text(start, 300)};
  }
  const bool is_start_link = start[1].is_atom("start_link") || start[1].is_atom("start");
  const std::string module(start[0].atom_name());
  const auto exact = functions_.empty() ? functions_.end() : functions_.find({module, std::string(start[1].atom_name())});
  if (exact != functions_.end()) return with_arguments(start[0], exact->second, start[2].elements());
  if (is_start_link && module == "gen_server") return resolve_gen_server(start[2]);
  if (is_start_link && module == "Elixir.GenServer") return resolve_elixir_gen_server(start[2]);
  const auto by_module = modules_.find(module);
  if (is_start_link && by_module != modules_.end()) return with_arguments(start[0], by_module->second, start[2].elements());
  return unknown(tuple(start[0], start[1], integer(static_cast<std::int64_t>(start[2].size()))));
}

Result<Worker> worker_registry::resolve_gen_server(const Term& arguments) const {
  const bool named = arguments.size() == 4;
  if (!named && arguments.size() != 3) return refused(arguments);
  const std::size_t at = named ? 1 : 0;
  Term name;
  if (named && (!arguments[0].is_tagged("local", 2) || !take_name(arguments[0], name))) return refused(arguments);
  if (!arguments[at].is_atom()) return refused(arguments);
  const auto entry = modules_.find(arguments[at].atom_name());
  if (entry == modules_.end()) return unknown(arguments[at]);
  return found(arguments[at], entry->second, arguments[at + 1], name);
}

Result<Worker> worker_registry::resolve_elixir_gen_server(const Term& arguments) const {
  if ((arguments.size() != 2 && arguments.size() != 3) || !arguments[0].is_atom()) return refused(arguments);
  Term name;
  const Term* option = arguments.size() == 3 ? name_option(arguments[2]) : nullptr;
  if (option && !take_name(*option, name)) return refused(arguments);
  const auto entry = modules_.find(arguments[0].atom_name());
  if (entry == modules_.end()) return unknown(arguments[0]);
  return found(arguments[0], entry->second, arguments[1], name);
}

Result<Worker> worker_registry::with_arguments(const Term& module, const Entry& entry, std::span<const Term> arguments) const {
  Term name;
  const auto all = [given = arguments] { return Term::list(std::vector<Term>(given.begin(), given.end())); };
  if (!arguments.empty()) {
    const Term* option = name_option(arguments.back());
    const bool local_first = arguments.front().is_tagged("local", 2);
    if (local_first || arguments.front().is_tagged("global", 2) || arguments.front().is_tagged("via", 3)) {
      if (!local_first || !take_name(arguments.front(), name)) return refused(all());
      arguments = arguments.subspan(1);
    } else if (option) {
      if (!take_name(*option, name)) return refused(all());
      if (arguments.size() > 1) arguments = arguments.first(arguments.size() - 1);
    }
  }
  Term argument = arguments.size() == 1 ? arguments[0] : Term::list(std::vector<Term>(arguments.begin(), arguments.end()));
  return found(module, entry, std::move(argument), std::move(name));
}

Result<Worker> worker_registry::found(const Term& module, const Entry& entry, Term argument, Term name) const {
  return Worker{entry.make, entry.options, module, std::move(argument), std::move(name)};
}

}  // namespace supervisorring
