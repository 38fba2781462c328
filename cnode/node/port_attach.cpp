#include "node/port_attach.h"

namespace supervisorring {

namespace {

Error expected(const std::string& what, const Term& came) { return Error{"expected " + what + ", got " + to_text(came, 300)}; }

// The value of a map's key; [] when there is none.
Term value_of(const Term& map, std::string_view key) {
  const Term* const value = map.find(key);
  return value == nullptr ? Term() : *value;
}

std::optional<std::vector<Term>> atoms_of(const Term& list) {
  if (!list.is_proper_list()) return std::nullopt;
  std::vector<Term> atoms;
  for (const Term& each : list.elements()) {
    if (!each.is_atom()) return std::nullopt;
    atoms.push_back(each);
  }
  return atoms;
}

Result<PortChild> parse_child(const Term& child) {
  if (!child.is_map() || child.find("id") == nullptr || child.find("spec") == nullptr) return expected("a child with id and spec", child);
  PortChild out;
  out.id = value_of(child, "id");
  out.spec = value_of(child, "spec");
  if (value_of(child, "pid").is_pid()) out.pid = value_of(child, "pid");
  const auto token = value_of(child, "token").as_int64();
  if (token && *token >= 0) out.token = static_cast<std::uint64_t>(*token);
  if (const auto place = value_of(child, "seq").as_int64(); place && *place > 0) out.place = static_cast<std::uint64_t>(*place);
  if (const Term request = value_of(child, "request"); !request.is_atom("none")) out.request = request;
  if (const Term* exited = child.find("exited")) out.exited = *exited;
  if (const Term* failed = child.find("failed")) out.failed = *failed;
  if (!out.pid.is_pid() && !out.token) return expected("a child with a pid or a token", child);
  return out;
}

// {kept, [{Key, Value}]}
Result<std::vector<std::pair<Term, Term>>> parse_kept(const Term& kept) {
  if (!kept.is_proper_list()) return expected("kept as a list", kept);
  std::vector<std::pair<Term, Term>> out;
  for (const Term& pair : kept.elements()) {
    if (!pair.is_tuple(2)) return expected("{Key, Value} in kept", pair);
    out.emplace_back(pair[0], pair[1]);
  }
  return out;
}

Result<bool> parse_ring(const Term& map, PortAttach& out) {
  const auto connected = atoms_of(value_of(map, "connected"));
  const auto join = atoms_of(value_of(map, "join"));
  if (!connected || !join) return expected("lists of nodes as connected and join", map);
  out.connected = *connected;
  out.join = *join;
  const Term otp = value_of(map, "otp");
  if (otp != integer(25) && otp != integer(26)) return expected("otp as 25 or 26", otp);
  out.otp = static_cast<int>(otp.to_int64());
  const Term data_dir = value_of(map, "data_dir");
  if (data_dir.is_binary() && !data_dir.bytes().empty()) out.data_dir = std::string(data_dir.bytes());
  else if (!data_dir.is_nil() && !data_dir.is_atom("default")) return expected("data_dir as a binary or default", data_dir);
  const Term beam = value_of(map, "beam");
  const Term elixir = beam.is_map() ? value_of(beam, "elixir") : Term();
  if (!elixir.is_atom("true") && !elixir.is_atom("false")) return expected("beam with elixir true or false", beam);
  out.elixir = elixir.is_atom("true");
  return true;
}

}  // namespace

Result<PortSupervisor> parse_port_supervisor(const Term& supervisor) {
  if (!supervisor.is_map()) return expected("a supervisor as a map", supervisor);
  PortSupervisor out;
  out.name = value_of(supervisor, "name");
  out.module = value_of(supervisor, "module");
  out.args = value_of(supervisor, "args");
  out.flags = value_of(supervisor, "flags");
  out.specs = value_of(supervisor, "specs");
  out.global = value_of(supervisor, "global");
  out.local = value_of(supervisor, "local");
  out.manager = value_of(supervisor, "manager");
  if (!out.name.is_atom() || !out.module.is_atom()) return expected("atoms as a supervisor's name and module", supervisor);
  if (!out.global.is_pid() || !out.local.is_pid() || !out.manager.is_pid()) return expected("pids as a supervisor's global, local and manager", supervisor);
  const Term children = value_of(supervisor, "children");
  if (!children.is_proper_list()) return expected("a list as a supervisor's children", children);
  for (const Term& each : children.elements()) {
    auto child = parse_child(each);
    if (!child) return Error{child.error()};
    out.children.push_back(std::move(*child));
  }
  return out;
}

Result<PortAttach> parse_port_attach(const Term& input) {
  if (!input.is_tagged("attach", 3) || !input[2].is_map()) return expected("{attach, 1, Map}", input);
  if (input[1] != integer(kPortVersion))
    return Error{"the application speaks version " + to_text(input[1], 20) + " of the port and this program version " + std::to_string(kPortVersion)};
  const Term& map = input[2];
  PortAttach out;
  out.node = value_of(map, "node");
  if (!out.node.is_atom()) return expected("an atom as node", out.node);
  const auto generation = value_of(map, "generation").as_int64();
  if (!generation || *generation < 1 || *generation > 0x7fffffff) return expected("a generation", value_of(map, "generation"));
  out.generation = static_cast<std::uint64_t>(*generation);
  const Term relays = value_of(map, "relays");
  if (!relays.is_map()) return expected("relays as a map", relays);
  out.nano_ring = value_of(relays, "nano_ring");
  out.super_sup = value_of(relays, "super_sup");
  out.peer = value_of(relays, "peer");
  if (!out.nano_ring.is_pid() || !out.super_sup.is_pid() || !out.peer.is_pid()) return expected("pids as nano_ring, super_sup and peer", relays);
  if (auto ring = parse_ring(map, out); !ring) return Error{ring.error()};
  auto kept = parse_kept(value_of(map, "kept"));
  if (!kept) return Error{kept.error()};
  out.kept = std::move(*kept);
  const Term supervisors = value_of(map, "supervisors");
  if (!supervisors.is_proper_list()) return expected("a list of supervisors", supervisors);
  for (const Term& each : supervisors.elements()) {
    auto supervisor = parse_port_supervisor(each);
    if (!supervisor) return Error{supervisor.error()};
    out.supervisors.push_back(std::move(*supervisor));
  }
  return out;
}

}  // namespace supervisorring
