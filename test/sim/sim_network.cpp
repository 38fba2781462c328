#include "sim_network.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>

namespace supervisorring::sim {
namespace {

[[noreturn]] void fail(const std::string& why) {
  std::fprintf(stderr, "SimNetwork: %s\n", why.c_str());
  std::abort();
}

}  // namespace

std::string host_of(const std::string& node) { return node.substr(node.find('@') + 1); }

SimNetwork::SimNetwork(std::uint64_t seed) : random_state_(seed) {}
SimNetwork::~SimNetwork() = default;

// splitmix64
std::uint64_t SimNetwork::random() {
  random_state_ += 0x9E3779B97F4A7C15ull;
  std::uint64_t z = random_state_;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

// ---- nodes ---------------------------------------------------------------------------------------------

Node& SimNetwork::add_node(NodeConfig config, WorkerPool* workers) {
  if (nodes_.contains(config.name)) fail("there is a node " + config.name + " already");
  if (config.listen_port == 0) config.listen_port = ++last_port_;
  if (config.seed == 1) config.seed = random();
  Machine& machine = nodes_[config.name];
  machine.config = config;
  machine.node = std::make_unique<Node>(config, workers);
  listeners_[{host_of(config.name), config.listen_port}] = config.name;
  halted_.erase(config.name);
  return *machine.node;
}

Node& SimNetwork::add_node(const std::string& name) {
  NodeConfig config;
  config.name = name;
  config.cookie = "secret";
  config.epmd_host = host_of(name);
  return add_node(std::move(config));
}

void SimNetwork::start(const std::string& name) {
  Machine& machine = nodes_.at(name);
  machine.started = true;
  machine.node->start(time_of(machine));
  carry_out(machine);
}

Node& SimNetwork::node(const std::string& name) {
  const auto found = nodes_.find(name);
  if (found == nodes_.end()) fail("there is no node " + name);
  return *found->second.node;
}

void SimNetwork::crash(const std::string& name) { remove_machine(name, true); }
void SimNetwork::vanish(const std::string& name) { remove_machine(name, false); }

void SimNetwork::remove_machine(const std::string& name, bool peers_see_it) {
  resume(name);
  Machine& machine = nodes_.at(name);
  set_next(name, machine, std::nullopt);
  listeners_.erase({host_of(name), machine.config.listen_port});
  std::vector<std::pair<ConnectionId, Place>> own(machine.sides.begin(), machine.sides.end());
  std::sort(own.begin(), own.end());
  for (const auto& [id, place] : own) {
    const auto [number, side] = place;
    Connection& connection = connections_.at(number);
    connection.side[side].open = false;
    // Its own epmd always sees it: it is on the same machine.
    if (peers_see_it || connection.side[1 - side].node.empty()) {
      send_to_side(number, 1 - side, {What::closed, number, 1 - side, {}, 0, "closed by the peer"});
    }
    forget_if_over(number);
  }
  nodes_.erase(name);
}

void SimNetwork::run(const std::string& name, std::function<void(ProcessContext&)> what) {
  Machine& machine = nodes_.at(name);
  machine.node->run(std::move(what), time_of(machine));
  carry_out(machine);
}

void SimNetwork::workers_ready(const std::string& name) {
  Machine& machine = nodes_.at(name);
  machine.node->workers_ready(time_of(machine));
  carry_out(machine);
}

void SimNetwork::skew_wall_clock(const std::string& name, std::chrono::microseconds by) { wall_skews_[name] = by; }

void SimNetwork::stall(const std::string& name) {
  stalled_.insert(name);
  const auto machine = nodes_.find(name);
  if (machine != nodes_.end() && machine->second.next) timeouts_.erase({*machine->second.next, name});
}

void SimNetwork::set_next(const std::string& name, Machine& machine, std::optional<Instant> next) {
  if (machine.next == next) return;
  if (machine.next) timeouts_.erase({*machine.next, name});
  machine.next = next;
  if (next && !stalled(name)) timeouts_.emplace(*next, name);
}

void SimNetwork::resume(const std::string& name, First first) {
  if (stalled_.erase(name) == 0) return;
  release_if([&](const Side&, const Side& to) { return to.node == name; });
  Machine& machine = nodes_.at(name);
  if (machine.next) timeouts_.emplace(*machine.next, name);
  if (first == First::inputs || !machine.next || *machine.next > now_) return;
  machine.node->timeout(time_of(machine));
  carry_out(machine);
}

// ---- the network -----------------------------------------------------------------------------------------

void SimNetwork::set_delay(const std::string& a, const std::string& b, Duration delay) { delays_[pair_of(a, b)] = delay; }

void SimNetwork::refuse(const std::string& from, const std::string& to, bool refused) {
  if (refused) refused_.insert({from, to}); else refused_.erase({from, to});
}

void SimNetwork::cut(const std::string& a, const std::string& b) { cut_.insert(pair_of(a, b)); }

void SimNetwork::heal(const std::string& a, const std::string& b) {
  cut_.erase(pair_of(a, b));
  release_if([&](const Side& from, const Side& to) { return pair_of(from.node, to.node) == pair_of(a, b); });
}

void SimNetwork::heal_hosts(const std::string& from, const std::string& to) {
  const HostPair way{host_number(from), host_number(to)};
  cut_hosts_.erase(way);
  const auto found = held_between_.find(way);
  if (found != held_between_.end()) release({found->second.begin(), found->second.end()});
}

void SimNetwork::close_connections(const std::string& a, const std::string& b) {
  for (const std::uint64_t number : connections_of(a, b)) {
    const Connection& connection = connections_.at(number);
    for (const int side : {0, 1}) {
      if (connection.side[side].open) schedule({What::closed, number, side, {}, 0, "connection reset"}, Duration::zero());
    }
  }
}

// In ascending order.
std::vector<std::uint64_t> SimNetwork::connections_of(const std::string& a, const std::string& b) const {
  std::set<std::uint64_t> numbers;
  for (const std::string& one : {a, b}) {
    const auto machine = nodes_.find(one);
    if (machine == nodes_.end()) continue;
    for (const auto& [id, place] : machine->second.sides) {
      const Connection& connection = connections_.at(place.first);
      if (pair_of(connection.side[0].node, connection.side[1].node) == pair_of(a, b)) numbers.insert(place.first);
    }
  }
  return {numbers.begin(), numbers.end()};
}

void SimNetwork::hold_accepts(const std::string& name) { holding_.insert(name); }

std::string SimNetwork::peer_of(const std::string& node, ConnectionId id) const {
  const auto place = find_side(node, id);
  if (!place) return {};
  const std::string& other = connections_.at(place->first).side[1 - place->second].node;
  return other.empty() ? "epmd" : other;
}

std::size_t SimNetwork::open_connections(const std::string& a, const std::string& b) const {
  const auto numbers = connections_of(a, b);
  return static_cast<std::size_t>(std::count_if(numbers.begin(), numbers.end(), [&](std::uint64_t number) {
    const Connection& connection = connections_.at(number);
    return connection.side[0].open && connection.side[1].open;
  }));
}

void SimNetwork::stop_epmd(const std::string& host) {
  epmds_[host].stop();
  std::vector<std::uint64_t> numbers;
  for (const auto& [number, connection] : connections_) numbers.push_back(number);
  std::sort(numbers.begin(), numbers.end());
  for (const std::uint64_t number : numbers) {
    Connection& connection = connections_.at(number);
    Side& epmd_side = connection.side[1];
    if (!epmd_side.node.empty() || epmd_side.host != host || !epmd_side.open) continue;
    epmd_side.open = false;
    send_to_side(number, 0, {What::closed, number, 0, {}, 0, "closed by the peer"});
  }
}

bool SimNetwork::is_cut(const Connection& connection, int towards) const {
  const Side& from = connection.side[1 - towards];
  const Side& to = connection.side[towards];
  return (!cut_.empty() && cut_.contains(pair_of(from.node, to.node))) || (!cut_hosts_.empty() && cut_hosts_.contains({from.host_number, to.host_number}));
}

Duration SimNetwork::delay_of(const Connection& connection) {
  // A node and its own epmd: what one life of it did last comes before what the next does first, whatever the network's delays are.
  if (connection.side[1].node.empty() && connection.side[0].host == connection.side[1].host) return std::chrono::microseconds(100);
  const auto own = delays_.empty() ? delays_.end() : delays_.find(pair_of(connection.side[0].node, connection.side[1].node));
  Duration delay = own == delays_.end() ? delay_ : own->second;
  if (jitter_ > Duration::zero()) delay += Duration(static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(jitter_.count())));
  return delay;
}

void SimNetwork::schedule(Event event, Duration after) {
  const auto connection = connections_.find(event.connection);
  if (connection == connections_.end()) return;
  ++connection->second.due;
  events_.put(now_ + after, std::move(event));
}

// As schedule(), after the connection's delay and never before what was sent to that side earlier.
void SimNetwork::send_to_side(std::uint64_t number, int side, Event event) {
  Connection& connection = connections_.at(number);
  Instant& last = connection.side[side].last_arrival;
  last = std::max(last, now_ + delay_of(connection));
  schedule(std::move(event), last - now_);
}

void SimNetwork::release_if(const std::function<bool(const Side& from, const Side& to)>& which) {
  std::vector<Place> ways;
  for (const auto& [way, events] : held_) {
    const Connection& connection = connections_.at(way.first);
    if (which(connection.side[1 - way.second], connection.side[way.second])) ways.push_back(way);
  }
  release(std::move(ways));
}

// In the order in which they were held.
void SimNetwork::release(std::vector<Place> ways) {
  std::vector<std::pair<std::uint64_t, Event>> released;
  for (const Place& way : ways) {
    const auto events = held_.find(way);
    if (events == held_.end()) continue;
    Connection& connection = connections_.at(way.first);
    connection.side[way.second].held = 0;
    connection.due -= events->second.size();
    std::move(events->second.begin(), events->second.end(), std::back_inserter(released));
    held_.erase(events);
    const auto between = held_between_.find({connection.side[1 - way.second].host_number, connection.side[way.second].host_number});
    between->second.erase(way);
    if (between->second.empty()) held_between_.erase(between);
  }
  std::sort(released.begin(), released.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (auto& [number, event] : released) schedule(std::move(event), Duration::zero());
}

// Neither end knows it any more, and nothing of it is under way.
void SimNetwork::forget_if_over(std::uint64_t number) {
  const auto found = connections_.find(number);
  if (found == connections_.end()) return;
  const Connection& connection = found->second;
  if (connection.due == 0 && !connection.side[0].open && !connection.side[1].open) connections_.erase(found);
}

// ---- time ------------------------------------------------------------------------------------------------

Time SimNetwork::time() const {
  return {now_, std::chrono::microseconds(1'700'000'000'000'000) +
                    std::chrono::duration_cast<std::chrono::microseconds>(now_.time_since_epoch())};
}

Time SimNetwork::time_of(const Machine& machine) const {
  Time time = this->time();
  const auto skew = wall_skews_.find(machine.config.name);
  if (skew != wall_skews_.end()) time.wall += skew->second;
  return time;
}

std::optional<Instant> SimNetwork::next_event() const {
  std::optional<Instant> next;
  if (!events_.empty()) next = events_.next_time();
  if (!timeouts_.empty() && (!next || timeouts_.begin()->first < *next)) next = timeouts_.begin()->first;
  return next;
}

// The next thing to happen not later than `limit`: something on the network before a time-out of the same instant.
bool SimNetwork::step(Instant limit) {
  std::optional<Instant> next;
  if (!timeouts_.empty()) next = timeouts_.begin()->first;
  if (!events_.empty() && (!next || events_.next_time() <= std::max(*next, now_))) {
    if (events_.next_time() > limit) return false;
    now_ = std::max(now_, events_.next_time());
    Event event = events_.take();
    const std::uint64_t number = event.connection;
    --connections_.at(number).due;
    perform(std::move(event));
    forget_if_over(number);
    return true;
  }
  if (!next || *next > limit) return false;
  now_ = std::max(now_, *next);
  Machine& machine = nodes_.at(timeouts_.begin()->second);
  machine.node->timeout(time_of(machine));
  carry_out(machine);
  return true;
}

void SimNetwork::drive() {
  for (int steps = 0; steps < 1'000'000; ++steps) {
    const Instant limit = events_.empty() ? now_ : events_.next_time();
    if (!step(limit)) return;
  }
  fail("not idle after a million steps");
}

void SimNetwork::advance(Duration by) {
  const Instant until = now_ + by;
  while (step(until)) {
  }
  now_ = until;
}

bool SimNetwork::run_until(const std::function<bool()>& condition, Duration at_most) {
  const Instant until = now_ + at_most;
  while (!condition()) {
    if (!step(until)) {
      now_ = until;
      return condition();
    }
  }
  return true;
}

bool SimNetwork::logged(const std::string& node, const std::string& part) const {
  return std::any_of(logs_.begin(), logs_.end(),
                     [&](const Logged& line) { return line.node == node && line.text.find(part) != std::string::npos; });
}

}  // namespace supervisorring::sim
