#include "sup/child_spec.h"

#include <algorithm>
#include <unordered_set>

namespace supervisorring {

namespace {

// erlang:send_after's limit: no shutdown waits longer than 49.7 days, whatever the spec says.
constexpr std::int64_t kMaxShutdownMs = 4'294'967'295;

Term fault(std::string_view tag, const Term& what) { return tuple(atom(tag), what); }

struct RawSpec {
  const Term* id = nullptr;
  const Term* start = nullptr;
  const Term* restart = nullptr;
  const Term* significant = nullptr;
  const Term* shutdown = nullptr;
  const Term* type = nullptr;
  const Term* modules = nullptr;
};

std::optional<Term> check_start(const Term& start) {
  if (start.is_tuple(3) && start[0].is_atom() && start[1].is_atom() && start[2].is_list()) return std::nullopt;
  return fault("invalid_mfa", start);
}

std::optional<Term> read_restart(const Term* given, RestartType& out) {
  if (!given || given->is_atom("permanent")) out = RestartType::permanent;
  else if (given->is_atom("transient")) out = RestartType::transient;
  else if (given->is_atom("temporary")) out = RestartType::temporary;
  else return fault("invalid_restart_type", *given);
  return std::nullopt;
}

std::optional<Term> read_significant(const Term* given, RestartType restart, std::optional<AutoShutdown> auto_shutdown, bool& out) {
  out = given && given->is_atom("true");
  if (out && auto_shutdown == AutoShutdown::never)
    return fault("bad_combination", list({tuple(atom("auto_shutdown"), atom("never")), tuple(atom("significant"), atom("true"))}));
  if (out && restart == RestartType::permanent)
    return fault("bad_combination", list({tuple(atom("restart"), atom("permanent")), tuple(atom("significant"), atom("true"))}));
  if (given && !out && !given->is_atom("false")) return fault("invalid_significant", *given);
  return std::nullopt;
}

std::optional<Term> read_type(const Term* given, ChildType& out) {
  if (!given || given->is_atom("worker")) out = ChildType::worker;
  else if (given->is_atom("supervisor")) out = ChildType::supervisor;
  else return fault("invalid_child_type", *given);
  return std::nullopt;
}

std::optional<Term> read_shutdown(const Term* given, ChildSpec& spec) {
  const Term shutdown = given ? *given : spec.type == ChildType::worker ? integer(5000) : atom("infinity");
  spec.shutdown_term = shutdown;
  if (shutdown.is_atom("brutal_kill")) {
    spec.shutdown = ShutdownKind::brutal_kill;
  } else if (shutdown.is_atom("infinity")) {
    spec.shutdown = ShutdownKind::infinity;
  } else if (shutdown.is_integer() && !shutdown.is_negative()) {
    spec.shutdown = ShutdownKind::timeout;
    spec.shutdown_ms = std::chrono::milliseconds(std::min(shutdown.as_int64().value_or(kMaxShutdownMs), kMaxShutdownMs));
  } else {
    return fault("invalid_shutdown", shutdown);
  }
  return std::nullopt;
}

std::optional<Term> check_modules(const Term& modules) {
  if (modules.is_atom("dynamic")) return std::nullopt;
  if (!modules.is_list()) return fault("invalid_modules", modules);
  for (const Term& module : modules.elements())
    if (!module.is_atom()) return fault("invalid_module", module);
  if (!modules.is_proper_list()) return fault("invalid_modules", modules);
  return std::nullopt;
}

OrReason<ChildSpec> check_raw(const RawSpec& raw, std::optional<AutoShutdown> auto_shutdown) {
  if (!raw.id) return atom("missing_id");
  if (!raw.start) return atom("missing_start");
  ChildSpec spec;
  spec.id = *raw.id;
  spec.start = *raw.start;
  if (auto wrong = check_start(spec.start)) return *wrong;
  if (auto wrong = read_restart(raw.restart, spec.restart)) return *wrong;
  if (auto wrong = read_significant(raw.significant, spec.restart, auto_shutdown, spec.significant)) return *wrong;
  if (auto wrong = read_type(raw.type, spec.type)) return *wrong;
  if (auto wrong = read_shutdown(raw.shutdown, spec)) return *wrong;
  spec.modules = raw.modules ? *raw.modules : list({spec.start[0]});
  if (auto wrong = check_modules(spec.modules)) return *wrong;
  return spec;
}

// Specs up to the first fault; ids unique. Items for which `other` returns true are not child specs.
template <class Other>
OrReason<SharedSpecs> check_list(const Term& specs, std::optional<AutoShutdown> auto_shutdown, Other other) {
  SharedSpecs children;
  std::unordered_set<Term> ids;
  children.reserve(specs.elements().size());
  ids.reserve(specs.elements().size());
  for (const Term& item : specs.elements()) {
    if (other(item)) continue;
    auto checked = check_child_spec(item, auto_shutdown);
    if (auto* reason = std::get_if<Term>(&checked)) return *reason;
    auto& spec = std::get<ChildSpec>(checked);
    if (!ids.insert(spec.id).second) return fault("duplicate_child_name", spec.id);
    children.emplace_back(std::move(spec));
  }
  if (!specs.is_proper_list()) return fault("invalid_child_spec", specs.tail());
  return children;
}

}  // namespace

OrReason<ChildSpec> check_child_spec(const Term& spec, std::optional<AutoShutdown> auto_shutdown) {
  RawSpec raw;
  if (spec.is_map()) {
    raw = {spec.find("id"), spec.find("start"), spec.find("restart"), spec.find("significant"),
           spec.find("shutdown"), spec.find("type"), spec.find("modules")};
  } else if (spec.is_tuple(6)) {
    raw = {&spec[0], &spec[1], &spec[2], nullptr, &spec[3], &spec[4], &spec[5]};
  } else {
    return fault("invalid_child_spec", spec);
  }
  return check_raw(raw, auto_shutdown);
}

Term check_childspecs(const Term& specs) {
  if (!specs.is_list()) return tuple(atom("error"), fault("badarg", specs));
  const auto checked = check_list(specs, std::nullopt, [](const Term&) { return false; });
  if (auto* reason = std::get_if<Term>(&checked)) return tuple(atom("error"), *reason);
  return atom("ok");
}

Term to_term(RestartType type) {
  return atom(type == RestartType::permanent ? "permanent" : type == RestartType::transient ? "transient" : "temporary");
}

Term to_term(ChildType type) { return atom(type == ChildType::worker ? "worker" : "supervisor"); }

Term to_tuple(const ChildSpec& spec) {
  return tuple(spec.id, spec.start, to_term(spec.restart), spec.shutdown_term, to_term(spec.type), spec.modules);
}

Term to_map(const ChildSpec& spec) {
  const Term start = spec.restart == RestartType::temporary ? tuple(spec.start[0], spec.start[1], atom("undefined")) : spec.start;
  return Term::map({{atom("id"), spec.id},
                    {atom("start"), start},
                    {atom("restart"), to_term(spec.restart)},
                    {atom("significant"), Term::boolean(spec.significant)},
                    {atom("shutdown"), spec.shutdown_term},
                    {atom("type"), to_term(spec.type)},
                    {atom("modules"), spec.modules}});
}

Term to_child_record(const ChildSpec& spec, const Term& pid) {
  return tuple(atom("child"), pid, spec.id, spec.start, to_term(spec.restart), Term::boolean(spec.significant),
               spec.shutdown_term, to_term(spec.type), spec.modules);
}

OrReason<SupervisorFlags> check_flags(const Term& flags) {
  Term strategy = atom("one_for_one"), intensity = integer(1), period = integer(5), auto_shutdown = atom("never"), members = atom("all");
  if (flags.is_tuple(3)) {
    strategy = flags[0], intensity = flags[1], period = flags[2];
  } else if (flags.is_map()) {
    const auto take = [&](std::string_view key, Term& into) { if (const Term* given = flags.find(key)) into = *given; };
    take("strategy", strategy), take("intensity", intensity), take("period", period), take("auto_shutdown", auto_shutdown), take("members", members);
  } else {
    return fault("invalid_type", flags);
  }
  SupervisorFlags out;
  if (strategy.is_atom("one_for_one")) out.strategy = Strategy::one_for_one;
  else if (strategy.is_atom("one_for_all")) out.strategy = Strategy::one_for_all;
  else if (strategy.is_atom("rest_for_one")) out.strategy = Strategy::rest_for_one;
  else return fault("invalid_strategy", strategy);
  if (!intensity.is_integer() || intensity.is_negative()) return fault("invalid_intensity", intensity);
  if (!period.is_integer() || period.is_negative() || period == integer(0)) return fault("invalid_period", period);
  out.intensity = intensity.as_int64().value_or(INT64_MAX);
  out.period = period.as_int64().value_or(INT64_MAX);
  if (auto_shutdown.is_atom("never")) out.auto_shutdown = AutoShutdown::never;
  else if (auto_shutdown.is_atom("any_significant")) out.auto_shutdown = AutoShutdown::any_significant;
  else if (auto_shutdown.is_atom("all_significant")) out.auto_shutdown = AutoShutdown::all_significant;
  else return fault("invalid_auto_shutdown", auto_shutdown);
  auto owners = read_owner_set(members);
  if (!owners) return fault("invalid_members", members);
  out.members = std::move(*owners);
  return out;
}

Term to_term(Strategy strategy) {
  return atom(strategy == Strategy::one_for_one ? "one_for_one" : strategy == Strategy::one_for_all ? "one_for_all" : "rest_for_one");
}

Term to_term(AutoShutdown auto_shutdown) {
  return atom(auto_shutdown == AutoShutdown::never ? "never" : auto_shutdown == AutoShutdown::any_significant ? "any_significant" : "all_significant");
}

Term to_term(const SupervisorFlags& flags) {
  std::vector<Term::Pair> pairs{{atom("strategy"), to_term(flags.strategy)},
                                {atom("intensity"), integer(flags.intensity)},
                                {atom("period"), integer(flags.period)},
                                {atom("auto_shutdown"), to_term(flags.auto_shutdown)}};
  if (!flags.members.is_all()) pairs.emplace_back(atom("members"), to_term(flags.members));
  return Term::map(std::move(pairs));
}

OrReason<SupervisorInit> check_init(const Term& module, const Term& returned) {
  if (returned.is_atom("ignore")) return returned;
  if (!returned.is_tagged("ok", 2) || !returned[1].is_tuple(2))
    return fault("bad_return", tuple(module, atom("init"), returned));
  auto flags = check_flags(returned[1][0]);
  if (auto* reason = std::get_if<Term>(&flags)) return fault("supervisor_data", *reason);
  SupervisorInit init;
  init.flags = std::get<SupervisorFlags>(flags);
  const Term& specs = returned[1][1];
  if (!specs.is_list()) return fault("start_spec", fault("invalid_child_spec", specs));
  const auto is_handler = [&](const Term& item) {
    if (!item.is_tagged("dyn_child_handler", 2) || !item[1].is_atom()) return false;
    init.handlers.push_back(item[1]);
    return true;
  };
  auto children = check_list(specs, init.flags.auto_shutdown, is_handler);
  if (auto* reason = std::get_if<Term>(&children)) return fault("start_spec", *reason);
  init.children = std::move(std::get<SharedSpecs>(children));
  return init;
}

StartTarget start_target(const ChildSpec& spec) {
  const Term& module = spec.start[0];
  const Term& function = spec.start[1];
  const bool generic = module.is_atom("gen_server") || module.is_atom("Elixir.GenServer");
  if (!generic || !(function.is_atom("start_link") || function.is_atom("start"))) return {module, function};
  const auto arguments = spec.start[2].elements();
  // gen_server:start_link({local, Name}, Module, Args, Options) | (Module, Args, Options); GenServer: (Module, Arg[, Options])
  const std::size_t at = module.is_atom("gen_server") && arguments.size() == 4 ? 1 : 0;
  if (arguments.size() <= at || !arguments[at].is_atom()) return {module, function};
  return {arguments[at], atom("start_link")};
}

}  // namespace supervisorring
