// SimNetwork: whole nodes on a simulated network, in virtual time. One seed, one run.
//
// Carries out what nodes want done (effect.h): connections with a delay per pair of nodes, epmds, files. Time moves only in drive(),
// advance() and run_until(). A connection is in order and loses nothing, as TCP; what can go wrong with it: refused, closed, crashed,
// cut (nothing arrives any more and nobody is told, until heal()). A node can be stalled, and its wall clock be wrong.
//
// Not simulated: name look-up failures, half-closed connections, a disk that fails.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "event_queue.h"
#include "node/node.h"
#include "sim_epmd.h"

namespace supervisorring::sim {

std::string host_of(const std::string& node);

class SimNetwork {
 public:
  explicit SimNetwork(std::uint64_t seed = 1);
  ~SimNetwork();

  // ---- nodes ------------------------------------------------------------------------------------
  // Not started yet: define functions and processes, then start(). A listen_port of 0 is given one; seeds that were not set
  // differ between nodes. A name that crashed or halted may be added again.
  Node& add_node(NodeConfig config, WorkerPool* workers = nullptr);
  Node& add_node(const std::string& name);
  void start(const std::string& name);
  Node& node(const std::string& name);
  bool exists(const std::string& name) const { return nodes_.contains(name); }
  // Gone at once, as by SIGKILL: peers see their connections close. Its files stay.
  void crash(const std::string& name);
  // Gone without a trace, as by a pulled plug: nobody sees a connection close.
  void vanish(const std::string& name);
  // Node::run, and what follows from it at this instant. A node that is not live yet (its epmd has not answered) keeps `what`
  // for later, as Node::run does: what it captures must live until then.
  void run(const std::string& name, std::function<void(ProcessContext&)> what);
  void workers_ready(const std::string& name);
  void skew_wall_clock(const std::string& name, std::chrono::microseconds by);  // from the true time; a restart keeps it
  // As by SIGSTOP and SIGCONT, but that nobody answers a new connection meanwhile. What came in between waits, in order;
  // with `timers` its timers run before that, as a driver may do it.
  enum class First { inputs, timers };
  void stall(const std::string& name);
  void resume(const std::string& name, First first = First::inputs);
  bool stalled(const std::string& name) const { return stalled_.contains(name); }

  // ---- the network --------------------------------------------------------------------------------
  void set_delay(Duration delay) { delay_ = delay; }                       // of every pair without its own; 100 us
  void set_delay(const std::string& a, const std::string& b, Duration delay);
  void forget_delays() { delays_.clear(); }                                // of pairs
  void set_jitter(Duration most) { jitter_ = most; }                       // random, on top of every delay
  void refuse(const std::string& from, const std::string& to, bool refused = true);  // new connections only
  void refuse_nobody() { refused_.clear(); }
  void cut(const std::string& a, const std::string& b);                    // silently, both ways
  void heal(const std::string& a, const std::string& b);
  // Silently, one way, between all that is on these hosts, their epmds too.
  void cut_hosts(const std::string& from, const std::string& to) { cut_hosts_.insert({host_number(from), host_number(to)}); }
  void heal_hosts(const std::string& from, const std::string& to);
  void close_connections(const std::string& a, const std::string& b);      // both sides see it
  void hold_accepts(const std::string& name);                              // connects to it stay unanswered
  std::size_t open_connections(const std::string& a, const std::string& b) const;
  // Who is at the other end of `node`'s connection: a node's name, "epmd", or "" when there is none.
  std::string peer_of(const std::string& node, ConnectionId id) const;

  // ---- epmd: one a host, running from the start ------------------------------------------------------
  SimEpmd& epmd(const std::string& host) { return epmds_[host]; }
  void stop_epmd(const std::string& host);
  void start_epmd(const std::string& host) { epmds_[host].running = true; }

  // ---- time -------------------------------------------------------------------------------------------
  // Until nothing is on its way and no node has anything to do now. Aborts after a million steps.
  void drive();
  void advance(Duration by);
  bool run_until(const std::function<bool()>& condition, Duration at_most);
  // When something happens next by itself; nullopt: never.
  std::optional<Instant> next_event() const;
  Time time() const;
  std::uint64_t random();
  void reseed(std::uint64_t seed) { random_state_ = seed; }

  // ---- what came out ------------------------------------------------------------------------------------
  struct Logged { std::string node; LogLevel level; std::string text; };
  const std::vector<Logged>& logs() const { return logs_; }
  bool logged(const std::string& node, const std::string& part) const;
  const std::map<std::string, HaltNode>& halted() const { return halted_; }
  std::uint64_t halts() const { return halts_; }  // ever
  std::map<std::string, Bytes>& files(const std::string& node) { return files_[node]; }
  // Called with every effect of every node, before it is carried out.
  void on_effect(std::function<void(const std::string& node, const Effect&)> observer) { observer_ = std::move(observer); }
  std::size_t largest_batch() const { return largest_batch_; }  // most SendBytes for one connection in one step: 1

 private:
  using HostNumber = std::uint32_t;
  using HostPair = std::pair<HostNumber, HostNumber>;  // from, to
  struct HashOfPair {
    std::size_t operator()(const HostPair& pair) const { return std::hash<std::uint64_t>()(static_cast<std::uint64_t>(pair.first) << 32 | pair.second); }
  };
  struct Side {
    std::string node;     // "" : an epmd
    std::string host;     // of the epmd
    ConnectionId id = 0;  // the node's; an epmd's: the connection's number
    bool open = false;    // bytes to it are delivered
    bool paused = false;
    Instant last_arrival{};
    std::uint16_t port = 0;  // that was connected to
    HostNumber host_number = 0;
    std::uint64_t held = 0;  // events for it in held_
  };
  struct Connection {
    Side side[2];  // 0 opened it
    std::uint64_t due = 0;  // events of it in events_ and held_
  };
  enum class What { opened, failed, accepted, bytes, written, closed };
  struct Event {
    What what;
    std::uint64_t connection;
    int side;  // who it happens to
    Bytes bytes;
    std::size_t count = 0;
    std::string text;
  };
  using Place = std::pair<std::uint64_t, int>;  // connection, side
  struct Machine {
    std::unique_ptr<Node> node;
    NodeConfig config;
    std::optional<Instant> next;  // its next time-out
    bool started = false;
    std::unordered_map<ConnectionId, Place> sides;
  };
  using Pair = std::pair<std::string, std::string>;

  static Pair pair_of(const std::string& a, const std::string& b) { return a < b ? Pair{a, b} : Pair{b, a}; }
  Time time_of(const Machine& machine) const;
  bool is_cut(const Connection& connection, int towards) const;
  Duration delay_of(const Connection& connection);
  void schedule(Event event, Duration after);
  void send_to_side(std::uint64_t connection, int side, Event event);
  bool step(Instant limit);
  void set_next(const std::string& name, Machine& machine, std::optional<Instant> next);
  void perform(Event event);
  void hold(Event event);
  void forget_if_over(std::uint64_t connection);
  std::vector<std::uint64_t> connections_of(const std::string& a, const std::string& b) const;
  void perform_on_epmd(Event& event, Side& side);
  void perform_on_node(Event& event, Side& side, Machine& machine);
  HostNumber host_number(const std::string& host) { return host_numbers_.emplace(host, static_cast<HostNumber>(host_numbers_.size())).first->second; }
  Side side_of(const std::string& node, const std::string& host, ConnectionId id, bool open, std::uint16_t port = 0);
  void release(std::vector<Place> ways);
  void release_if(const std::function<bool(const Side& from, const Side& to)>& which);

  void carry_out(Machine& machine);
  void carry_out(Machine& machine, const OpenConnection& effect);
  void carry_out(Machine& machine, SendBytes&& effect);
  void carry_out(Machine& machine, const CloseConnection& effect);
  void carry_out(Machine& machine, const PauseReading& effect);
  void remove_machine(const std::string& name, bool peers_see_it);
  static std::optional<Place> find_side(const Machine& machine, ConnectionId id);
  std::optional<Place> find_side(const std::string& name, ConnectionId id) const;

  std::uint64_t random_state_;
  Instant now_{};
  Duration delay_ = std::chrono::microseconds(100);
  Duration jitter_{0};
  std::unordered_map<std::string, Machine> nodes_;
  std::set<std::pair<Instant, std::string>> timeouts_;  // of those that are not stalled
  std::map<std::string, SimEpmd> epmds_;
  std::map<std::pair<std::string, std::uint16_t>, std::string> listeners_;
  std::map<Pair, Duration> delays_;
  std::set<Pair> cut_;
  std::unordered_map<std::string, HostNumber> host_numbers_;
  std::unordered_set<HostPair, HashOfPair> cut_hosts_;
  std::set<std::string> stalled_;
  std::map<std::string, std::chrono::microseconds> wall_skews_;
  std::set<Pair> refused_;  // from, to
  std::set<std::string> holding_;
  std::unordered_map<std::uint64_t, Connection> connections_;
  EventQueue<Event> events_;
  // By a cut, a stall or a reader that pauses: by its way, with its number in the order of all.
  std::map<Place, std::vector<std::pair<std::uint64_t, Event>>> held_;
  std::unordered_map<HostPair, std::set<Place>, HashOfPair> held_between_;  // the same ways by their hosts
  std::uint64_t last_held_ = 0;
  std::uint64_t last_connection_ = 0;
  ConnectionId last_accepted_ = 0;
  std::uint16_t last_port_ = 20'000;
  std::vector<Logged> logs_;
  std::map<std::string, HaltNode> halted_;
  std::uint64_t halts_ = 0;
  std::map<std::string, std::map<std::string, Bytes>> files_;
  std::function<void(const std::string&, const Effect&)> observer_;
  std::size_t largest_batch_ = 0;
};

}  // namespace supervisorring::sim
