// Connections: every other node that this one talks to, or is about to.
//
// One Remote a node name: on its way up or up. It is made by the first thing sent to the node (look-up in the epmd of the
// node's host, TCP, handshake; one time limit for all of it) or by the peer's own connect. Of attempts of ours kMaxAttempts
// are under way at a time; the others wait, in the order in which they were asked for. What is sent before it is up is
// kept. When it fails or is lost, Signals::node_down tells who holds links and monitors there; that happens between two
// callbacks, never within one (settle()).
//
// Who wins when both connect at once, and what a second connection of one name means, is as in kernel's net_kernel and
// dist_util: the node with the greater name keeps its own attempt; a name that is up already is asked `alive`, and
// when the peer means the new one, the old one is dropped when the new handshake has proved the cookie.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "dist/connection.h"
#include "dist/epmd.h"
#include "node/channel.h"
#include "node/effect.h"
#include "node/log_limit.h"
#include "node/process_table.h"

namespace supervisorring {

class Kernel;

enum class Connect : bool { no, yes };

// Another node, by name.
struct Remote {
  enum class State {
    waiting,      // for its turn
    looking_up,   // asking its epmd; `attempt` is that connection
    opening,      // TCP; `attempt` is that connection
    handshaking,  // `channel`, ours or theirs
    awaiting,     // the peer said nok: its own connect is on its way
    up,           // `channel`
  };
  Term node;
  std::string name;
  State state = State::looking_up;
  ConnectionId attempt = 0;
  Channel* channel = nullptr;      // not owned
  Channel* replacement = nullptr;  // up: a second connection whose handshake goes on after `alive`
  Bytes queued;                    // whole frames, until it is up
  Instant deadline{};              // of everything before handshaking; waiting: none yet
  bool doomed = false;             // lost or failed: removed by settle()
};

class Connections final : public ChannelOwner {
 public:
  explicit Connections(Kernel& kernel) : kernel_(kernel) {}

  // ---- for the rest of the node ---------------------------------------------------------------------
  // Where frames for `node` are appended, at once and whole. nullptr: not connected and not to be, or just lost (then
  // node_down follows by itself).
  Bytes* output_for(const Term& node, Connect connect);
  bool is_connected(const Term& node) const;
  bool offers(const Term& node, DistFlags flag) const;  // connected, and both sides offer it
  void connect(ProcessEntry& self, const Term& node);
  std::vector<Term> connected() const;  // in the order of terms
  ConnectionId new_id() { return last_id_ += 2; }
  bool has_lost() const { return !doomed_.empty(); }
  void settle();  // removes what was lost, tells about it, frees closed channels
  void limit_reading(bool limited);  // too many signals wait: nothing more from anybody

  // ---- inputs, of the connections that are known here ------------------------------------------------
  void handle_accepted(ConnectionId id, const std::string& address);
  void handle_opened(ConnectionId id);
  void handle_failed(ConnectionId id, const std::string& why);
  void handle_bytes(ConnectionId id, BytesView bytes);
  void handle_written(ConnectionId id, std::size_t count);
  void handle_closed(ConnectionId id, const std::string& why);
  void handle_timeout();

  // ---- outputs --------------------------------------------------------------------------------------
  // One SendBytes a connection that has output; closes those over the hard limit.
  void flush();
  std::optional<Instant> next_timeout() const;

  // ---- ChannelOwner ----------------------------------------------------------------------------------
  void channel_named(Channel& channel, const Peer& peer) override;
  bool channel_still_wanted(Channel& channel) override;
  void channel_up(Channel& channel, const Peer& peer) override;
  void channel_control(Channel& channel, ControlMessage&& message) override;
  void channel_failed(Channel& channel, const Error& error) override;

 private:
  struct Lookup {
    Term node;
    EpmdPortReader reader;
  };

  Remote* find(const Term& node) const;
  Remote& add(const Term& node, const std::string& name, Remote::State state);
  void begin_attempt(const Term& node);
  void begin_lookup(Remote& remote);
  void begin_waiting_attempts();
  std::size_t attempts() const { return lookups_.size() + openings_.size() + own_handshakes_.size(); }
  void begin_opening(Remote& remote, std::uint16_t port);
  void begin_handshake(Remote& remote, ConnectionId id);
  void abandon_attempt(Remote& remote);
  void doom(Remote& remote, const std::string& why);
  NameDecision decide(Channel& channel, const std::string& name);
  void handle_epmd_answer(ConnectionId id, Remote& remote, BytesView bytes);

  Channel* open_channel(ConnectionId id, ConnectionConfig config, Term node);
  ConnectionConfig channel_config(HandshakeRole role) const;
  void mark_dirty(Channel& channel);
  void flush(Channel& channel);
  void update_pause(Channel& channel);
  void close_channel(Channel& channel);  // from our side: what it still has to say goes out first
  void drop_channel(Channel& channel);   // forgets it
  void give_up_oldest_handshake();
  void log_stranger(std::string text);   // whose connection came to nothing: a limited number of lines
  void after_input(Channel& channel);
  void check(Channel& channel);
  void time_attempt(Remote& remote);
  void check_channels();
  void check_attempts();

  Kernel& kernel_;
  ConnectionId last_id_ = static_cast<ConnectionId>(-1);  // ours are odd
  std::unordered_map<Term, std::unique_ptr<Remote>> remotes_;
  mutable Remote* recent_ = nullptr;              // the one found last: frames for one node come in a row
  std::unordered_map<ConnectionId, std::unique_ptr<Channel>> channels_;
  std::unordered_map<ConnectionId, Lookup> lookups_;
  std::unordered_map<ConnectionId, Term> openings_;
  std::vector<std::unique_ptr<Channel>> closed_;  // freed by settle(): one of them may be on the stack
  std::vector<ConnectionId> dirty_;               // channels that have output, in the order of their first
  std::vector<std::pair<Term, std::string>> doomed_;  // node, why
  std::set<ConnectionId> handshakes_;             // accepted and not up yet; ids grow, so the first is the oldest
  LogLimit stranger_lines_;
  std::set<ConnectionId> own_handshakes_;         // of our own attempts
  std::deque<Term> waiting_;                      // for their turn; of each that is in State::waiting at least one
  struct Check { Instant at; ConnectionId id; };
  static bool later(const Check& a, const Check& b) { return a.at != b.at ? a.at > b.at : a.id > b.id; }
  std::vector<Check> checks_;                     // a min-heap; those that are not their channel's checked_at count for nothing
  std::deque<std::pair<Instant, Term>> attempt_deadlines_;  // in the order of time; some of attempts that are over
  bool reading_limited_ = false;
};

}  // namespace supervisorring
