// SimNetwork's inputs to nodes, and the carrying out of what they want done.
#include <algorithm>

#include "sim_network.h"

namespace supervisorring::sim {

std::optional<SimNetwork::Place> SimNetwork::find_side(const Machine& machine, ConnectionId id) {
  const auto found = machine.sides.find(id);
  return found == machine.sides.end() ? std::nullopt : std::optional(found->second);
}

std::optional<SimNetwork::Place> SimNetwork::find_side(const std::string& name, ConnectionId id) const {
  const auto machine = nodes_.find(name);
  return machine == nodes_.end() ? std::nullopt : find_side(machine->second, id);
}

// ---- what happens to a side ----------------------------------------------------------------------------

void SimNetwork::perform(Event event) {
  const auto found = connections_.find(event.connection);
  if (found == connections_.end()) return;
  Connection& connection = found->second;
  if (is_cut(connection, event.side) && event.what != What::written) return hold(std::move(event));
  Side& side = connection.side[event.side];
  if (stalled(side.node)) return hold(std::move(event));
  const bool behind_held = event.what != What::written && side.held > 0;
  if (behind_held || (side.paused && (event.what == What::bytes || event.what == What::closed))) {
    return hold(std::move(event));
  }
  if (side.node.empty()) return perform_on_epmd(event, side);
  const auto machine = nodes_.find(side.node);
  const bool another_life = event.what == What::accepted && machine != nodes_.end() && machine->second.config.listen_port != side.port;
  if (machine != nodes_.end() && !another_life) return perform_on_node(event, side, machine->second);
  if (event.what == What::accepted) send_to_side(event.connection, 0, {What::failed, event.connection, 0, {}, 0, "connection refused"});
}

void SimNetwork::hold(Event event) {
  const Place way{event.connection, event.side};
  Connection& connection = connections_.at(event.connection);
  ++connection.due;
  if (++connection.side[event.side].held == 1) held_between_[{connection.side[1 - event.side].host_number, connection.side[event.side].host_number}].insert(way);
  held_[way].emplace_back(++last_held_, std::move(event));
}

void SimNetwork::perform_on_epmd(Event& event, Side& side) {
  SimEpmd& epmd = epmds_[side.host];
  const std::uint64_t number = event.connection;
  if (event.what == What::closed) {
    epmd.closed(number);
    side.open = false;
    return;
  }
  if (event.what != What::bytes || !epmd.running || !side.open) return;
  auto answer = epmd.receive(number, event.bytes);
  if (!answer) return;
  send_to_side(number, 0, {What::bytes, number, 0, std::move(answer->bytes), 0, {}});
  if (!answer->close) return;
  side.open = false;
  epmd.closed(number);
  send_to_side(number, 0, {What::closed, number, 0, {}, 0, "closed by the peer"});
}

void SimNetwork::perform_on_node(Event& event, Side& side, Machine& machine) {
  const std::uint64_t number = event.connection;
  const Time now = time_of(machine);
  if (event.what != What::accepted) {
    // Numbers of connections begin again in another life: what was held back for an earlier one is not for this.
    const auto place = find_side(machine, side.id);
    if (!place || place->first != number) return;
  }
  switch (event.what) {
    case What::opened:
      if (!side.open) return;
      machine.node->connection_opened(side.id, now);
      break;
    case What::failed:
      side.open = false;
      machine.sides.erase(side.id);
      machine.node->connection_failed(side.id, Error{event.text}, now);
      break;
    case What::accepted: {
      Connection& connection = connections_.at(number);
      side.open = true;
      side.id = last_accepted_ += 2;
      machine.sides[side.id] = {number, 1};
      send_to_side(number, 0, {What::opened, number, 0, {}, 0, {}});
      machine.node->connection_accepted(side.id, connection.side[0].node, now);
      break;
    }
    case What::bytes:
      if (!side.open) return;
      schedule({What::written, number, 1 - event.side, {}, event.bytes.size(), {}}, Duration::zero());
      machine.node->bytes_received(side.id, event.bytes, now);
      break;
    case What::written:
      if (!side.open) return;
      machine.node->bytes_written(side.id, event.count, now);
      break;
    case What::closed:
      if (!side.open) return;
      side.open = false;
      machine.sides.erase(side.id);
      machine.node->connection_closed(side.id, event.text, now);
      break;
  }
  carry_out(machine);
}

// ---- effects ---------------------------------------------------------------------------------------------

void SimNetwork::carry_out(Machine& machine) {
  const std::string name = machine.config.name;  // it may halt
  Effects effects = machine.node->take_effects();
  set_next(name, machine, machine.started ? machine.node->next_timeout() : std::nullopt);
  std::map<ConnectionId, std::size_t> batches;
  for (Effect& effect : effects) {
    if (observer_) observer_(name, effect);
    if (const auto* open = std::get_if<OpenConnection>(&effect)) {
      carry_out(machine, *open);
    } else if (auto* send = std::get_if<SendBytes>(&effect)) {
      if (effects.size() > 1) largest_batch_ = std::max(largest_batch_, ++batches[send->id]);
      carry_out(machine, std::move(*send));
    } else if (const auto* close = std::get_if<CloseConnection>(&effect)) {
      carry_out(machine, *close);
    } else if (const auto* pause = std::get_if<PauseReading>(&effect)) {
      carry_out(machine, *pause);
    } else if (const auto* file = std::get_if<PersistFile>(&effect)) {
      files_[name][file->name] = file->content;
    } else if (const auto* removed = std::get_if<RemoveFile>(&effect)) {
      files_[name].erase(removed->name);
    } else if (const auto* line = std::get_if<LogLine>(&effect)) {
      logs_.push_back({name, line->level, line->text});
    } else if (const auto* halt = std::get_if<HaltNode>(&effect)) {
      halted_[name] = *halt;
      ++halts_;
      remove_machine(name, true);
      return;
    }
  }
}

SimNetwork::Side SimNetwork::side_of(const std::string& node, const std::string& host, ConnectionId id, bool open, std::uint16_t port) {
  Side side;
  side.node = node;
  side.host = host;
  side.id = id;
  side.open = open;
  side.port = port;
  side.host_number = host_number(host);
  return side;
}

void SimNetwork::carry_out(Machine& machine, const OpenConnection& effect) {
  const std::uint64_t number = ++last_connection_;
  Connection& connection = connections_[number];
  const std::string& name = machine.config.name;
  connection.side[0] = side_of(name, host_of(name), effect.id, true);
  machine.sides[effect.id] = {number, 0};
  const auto listener = listeners_.find({effect.host, effect.port});
  const bool to_epmd = effect.port == machine.config.epmd_port;
  if (to_epmd && epmds_[effect.host].running) {
    connection.side[1] = side_of({}, effect.host, number, true);
    return send_to_side(number, 0, {What::opened, number, 0, {}, 0, {}});
  }
  if (!to_epmd && listener != listeners_.end() && !refused_.contains({name, listener->second})) {
    connection.side[1] = side_of(listener->second, effect.host, 0, false, effect.port);
    if (!holding_.contains(listener->second)) send_to_side(number, 1, {What::accepted, number, 1, {}, 0, {}});
    return;
  }
  connection.side[1] = side_of({}, effect.host, number, false);
  send_to_side(number, 0, {What::failed, number, 0, {}, 0, "connection refused"});
}

void SimNetwork::carry_out(Machine& machine, SendBytes&& effect) {
  const auto place = find_side(machine, effect.id);
  if (!place) return;
  const int to = 1 - place->second;
  send_to_side(place->first, to, {What::bytes, place->first, to, std::move(effect.bytes), 0, {}});
}

void SimNetwork::carry_out(Machine& machine, const CloseConnection& effect) {
  const auto place = find_side(machine, effect.id);
  if (!place) return;
  const int to = 1 - place->second;
  connections_.at(place->first).side[place->second].open = false;
  machine.sides.erase(effect.id);
  send_to_side(place->first, to, {What::closed, place->first, to, {}, 0, "closed by the peer"});
}

void SimNetwork::carry_out(Machine& machine, const PauseReading& effect) {
  const auto place = find_side(machine, effect.id);
  if (!place) return;
  connections_.at(place->first).side[place->second].paused = effect.paused;
  if (effect.paused) return;
  release({*place});
}

}  // namespace supervisorring::sim
