#include "node/connections.h"

#include <algorithm>

#include "node/kernel.h"

namespace supervisorring {

// ---- for the rest of the node -------------------------------------------------------------------------

Remote* Connections::find(const Term& node) const {
  if (recent_ != nullptr && recent_->node == node) return recent_;
  const auto found = remotes_.find(node);
  if (found == remotes_.end()) return nullptr;
  recent_ = found->second.get();
  return recent_;
}

Bytes* Connections::output_for(const Term& node, Connect connect) {
  Remote* remote = find(node);
  if (remote == nullptr) {
    if (connect == Connect::no || kernel_.halted()) return nullptr;
    begin_attempt(node);
    remote = find(node);
  }
  if (remote->doomed) return nullptr;
  if (remote->state == Remote::State::up) {
    mark_dirty(*remote->channel);
    return &remote->channel->connection.output();
  }
  if (remote->queued.size() > kMaxBytesWhileConnecting) {
    doom(*remote, "more than " + std::to_string(kMaxBytesWhileConnecting) + " bytes wait for the connection");
    return nullptr;
  }
  return &remote->queued;
}

bool Connections::is_connected(const Term& node) const {
  const Remote* const remote = find(node);
  return remote != nullptr && remote->state == Remote::State::up && !remote->doomed;
}

bool Connections::offers(const Term& node, DistFlags flag) const {
  return is_connected(node) && (find(node)->channel->connection.common_flags() & flag) != 0;
}

void Connections::connect(ProcessEntry& self, const Term& node) {
  if (node == kernel_.identity.node() || is_connected(node)) {
    if (self.monitors_nodes) kernel_.queue.message(self.number, tuple(atom("nodeup"), node));
    return;
  }
  output_for(node, Connect::yes);
}

std::vector<Term> Connections::connected() const {
  std::vector<Term> nodes;
  for (const auto& [node, remote] : remotes_) {
    if (remote->state == Remote::State::up && !remote->doomed) nodes.push_back(node);
  }
  std::sort(nodes.begin(), nodes.end(), [](const Term& a, const Term& b) { return compare(a, b) < 0; });
  return nodes;
}

void Connections::doom(Remote& remote, const std::string& why) {
  if (remote.doomed) return;
  remote.doomed = true;
  doomed_.emplace_back(remote.node, why);
}

void Connections::settle() {
  for (std::size_t i = 0; i < doomed_.size(); ++i) {
    const auto [node, why] = doomed_[i];
    Remote& remote = *find(node);
    const bool was_up = remote.state == Remote::State::up;
    const bool names_it = why.starts_with(remote.name + ": ");
    kernel_.log(was_up ? LogLevel::notice : LogLevel::info,
                (was_up ? "lost the connection to " : "no connection to ") + to_text(node, 300) + ": " + (names_it ? why.substr(remote.name.size() + 2) : why));
    abandon_attempt(remote);
    if (remote.channel != nullptr && channels_.contains(remote.channel->id)) close_channel(*remote.channel);
    Channel* const replacement = remote.replacement;
    recent_ = nullptr;
    remotes_.erase(node);
    kernel_.signals.node_down(node);
    if (replacement != nullptr) {  // the peer's newer connection goes on without the old one
      Remote& next = add(node, replacement->connection.peer().name, Remote::State::handshaking);
      next.channel = replacement;
    }
  }
  doomed_.clear();
  closed_.clear();
}

// ---- attempts of ours -----------------------------------------------------------------------------------

Remote& Connections::add(const Term& node, const std::string& name, Remote::State state) {
  auto remote = std::make_unique<Remote>();
  remote->node = node;
  remote->name = name;
  remote->state = state;
  Remote& added = *remotes_.emplace(node, std::move(remote)).first->second;
  if (state != Remote::State::waiting) time_attempt(added);
  return added;
}

void Connections::time_attempt(Remote& remote) {
  remote.deadline = kernel_.time.now + kernel_.config.handshake_timeout;
  attempt_deadlines_.emplace_back(remote.deadline, remote.node);
}

void Connections::begin_attempt(const Term& node) {
  const auto name = check_node_name(node.is_atom() ? node.atom_name() : BytesView());
  Remote& remote = add(node, name ? *name : std::string(), Remote::State::waiting);
  if (!name) return doom(remote, name.error());
  if (channels_.size() + lookups_.size() + openings_.size() + waiting_.size() >= kMaxConnections) {
    return doom(remote, "there are " + std::to_string(kMaxConnections) + " connections already");
  }
  if (attempts() >= kMaxAttempts) return waiting_.push_back(node);
  begin_lookup(remote);
}

void Connections::begin_waiting_attempts() {
  while (!waiting_.empty() && attempts() < kMaxAttempts && !kernel_.halted()) {
    const Term node = std::move(waiting_.front());
    waiting_.pop_front();
    Remote* const remote = find(node);
    if (remote != nullptr && remote->state == Remote::State::waiting && !remote->doomed) begin_lookup(*remote);
  }
}

void Connections::begin_lookup(Remote& remote) {
  remote.state = Remote::State::looking_up;
  time_attempt(remote);
  const auto port = kernel_.config.static_ports.find(remote.name);
  if (port != kernel_.config.static_ports.end()) return begin_opening(remote, port->second);
  if (kernel_.config.epmd_port == 0) return doom(remote, "no epmd is used and its port is not given");
  remote.attempt = new_id();
  lookups_.emplace(remote.attempt, Lookup{remote.node, {}});
  kernel_.effects.emplace_back(OpenConnection{remote.attempt, remote.name.substr(remote.name.find('@') + 1), kernel_.config.epmd_port});
}

void Connections::begin_opening(Remote& remote, std::uint16_t port) {
  remote.state = Remote::State::opening;
  remote.attempt = new_id();
  openings_.emplace(remote.attempt, remote.node);
  kernel_.effects.emplace_back(OpenConnection{remote.attempt, remote.name.substr(remote.name.find('@') + 1), port});
}

void Connections::begin_handshake(Remote& remote, ConnectionId id) {
  ConnectionConfig config = channel_config(HandshakeRole::initiator);
  config.peer = remote.name;
  remote.state = Remote::State::handshaking;
  remote.attempt = 0;
  remote.channel = open_channel(id, std::move(config), remote.node);
  own_handshakes_.insert(id);
  after_input(*remote.channel);
}

// Our own way to the peer is given up, whatever stage it is at.
void Connections::abandon_attempt(Remote& remote) {
  if (remote.attempt != 0) {
    kernel_.effects.emplace_back(CloseConnection{remote.attempt});
    lookups_.erase(remote.attempt);
    openings_.erase(remote.attempt);
    remote.attempt = 0;
  } else if (remote.state == Remote::State::handshaking && remote.channel != nullptr && channels_.contains(remote.channel->id)) {
    close_channel(*remote.channel);
    remote.channel = nullptr;
  }
}

void Connections::handle_opened(ConnectionId id) {
  if (const auto lookup = lookups_.find(id); lookup != lookups_.end()) {
    const std::string& name = find(lookup->second.node)->name;
    Bytes request;
    encode_request(EpmdPortRequest{name.substr(0, name.find('@'))}, request);
    kernel_.effects.emplace_back(SendBytes{id, std::move(request)});
  } else if (const auto opening = openings_.find(id); opening != openings_.end()) {
    Remote& remote = *find(opening->second);
    openings_.erase(opening);
    begin_handshake(remote, id);
  }
}

void Connections::handle_failed(ConnectionId id, const std::string& why) {
  const auto lookup = lookups_.find(id);
  const auto opening = openings_.find(id);
  if (lookup == lookups_.end() && opening == openings_.end()) return;
  const bool in_lookup = lookup != lookups_.end();
  Remote& remote = *find(in_lookup ? lookup->second.node : opening->second);
  remote.attempt = 0;
  if (in_lookup) lookups_.erase(lookup); else openings_.erase(opening);
  doom(remote, (in_lookup ? "the epmd of its host: " : "") + why);
}

void Connections::handle_epmd_answer(ConnectionId id, Remote& remote, BytesView bytes) {
  const auto answer = lookups_.at(id).reader.feed(bytes);
  if (answer.ok() && !answer->has_value()) return;
  lookups_.erase(id);
  remote.attempt = 0;
  kernel_.effects.emplace_back(CloseConnection{id});
  if (!answer) return doom(remote, answer.error());
  if ((*answer)->result != 0) return doom(remote, "the epmd of its host does not know the name");
  begin_opening(remote, (*answer)->port);
}

// ---- inputs ---------------------------------------------------------------------------------------------

void Connections::handle_accepted(ConnectionId id, const std::string& address) {
  if (!kernel_.live() || channels_.size() >= kMaxConnections) {
    log_stranger("refused a connection from " + address + ": " + (kernel_.live() ? "too many already" : "not ready yet"));
    kernel_.effects.emplace_back(CloseConnection{id});
    return;
  }
  if (handshakes_.size() >= kMaxPendingHandshakes) give_up_oldest_handshake();
  Channel* const channel = open_channel(id, channel_config(HandshakeRole::acceptor), Term());
  channel->address = address;
  handshakes_.insert(id);
  check(*channel);
}

// Who has just come is served before who has been waiting longest: strangers that stall keep nobody out.
void Connections::give_up_oldest_handshake() {
  Channel& oldest = *channels_.at(*handshakes_.begin());
  const std::string why = "its handshake was not done when there were " + std::to_string(kMaxPendingHandshakes) + " more";
  oldest.connection.close();
  channel_failed(oldest, Error{why});
  if (has_lost()) settle();
}

void Connections::handle_bytes(ConnectionId id, BytesView bytes) {
  if (const auto found = channels_.find(id); found != channels_.end()) {
    Channel& channel = *found->second;
    channel.connection.receive(bytes, kernel_.time.now, channel);
    after_input(channel);
  } else if (const auto lookup = lookups_.find(id); lookup != lookups_.end()) {
    handle_epmd_answer(id, *find(lookup->second.node), bytes);
  }
}

void Connections::handle_closed(ConnectionId id, const std::string& why) {
  if (const auto found = channels_.find(id); found != channels_.end()) {
    Channel& channel = *found->second;
    channel.socket_gone = true;
    channel.connection.close();
    channel_failed(channel, Error{why});
    return;
  }
  handle_failed(id, why);
}

void Connections::handle_timeout() {
  check_channels();
  check_attempts();
}

void Connections::check_channels() {
  std::vector<ConnectionId> due;
  while (!checks_.empty() && checks_.front().at <= kernel_.time.now) {
    std::pop_heap(checks_.begin(), checks_.end(), later);
    const Check first = checks_.back();
    checks_.pop_back();
    const auto found = channels_.find(first.id);
    if (found == channels_.end() || found->second->checked_at != first.at) continue;
    found->second->checked_at.reset();
    due.push_back(first.id);
  }
  std::sort(due.begin(), due.end());
  for (const ConnectionId id : due) {
    const auto found = channels_.find(id);
    if (found == channels_.end()) continue;
    Channel& channel = *found->second;
    channel.connection.timeout(kernel_.time.now, channel);
    after_input(channel);
  }
}

void Connections::check_attempts() {
  std::vector<Remote*> late;
  while (!attempt_deadlines_.empty() && attempt_deadlines_.front().first <= kernel_.time.now) {
    Remote* const remote = find(attempt_deadlines_.front().second);
    attempt_deadlines_.pop_front();
    if (remote == nullptr || remote->doomed || remote->deadline > kernel_.time.now) continue;
    const bool over = remote->state == Remote::State::up || remote->state == Remote::State::handshaking || remote->state == Remote::State::waiting;
    if (!over) late.push_back(remote);
  }
  std::sort(late.begin(), late.end(), [](const Remote* a, const Remote* b) { return a->name < b->name; });
  for (Remote* const remote : late) doom(*remote, "no connection within the set-up time");
}

// ---- what a channel tells ---------------------------------------------------------------------------------

NameDecision Connections::decide(Channel& channel, const std::string& name) {
  Remote* const remote = find(channel.node);
  if (remote == nullptr) {
    add(channel.node, name, Remote::State::handshaking).channel = &channel;
    return NameDecision::ok;
  }
  if (remote->state == Remote::State::waiting) {
    remote->state = Remote::State::handshaking;
    remote->channel = &channel;
    return NameDecision::ok;
  }
  const bool up = remote->state == Remote::State::up;
  if (up && remote->replacement != nullptr) close_channel(*remote->replacement);  // its node has tried once more
  if (up) remote->replacement = &channel;
  const bool theirs = remote->state == Remote::State::awaiting ||
                      (remote->channel != nullptr && remote->channel->connection.role() == HandshakeRole::acceptor);
  const NameDecision decision = theirs && !up ? NameDecision::ok_simultaneous : decide_name(kernel_.config.name, name, !up, up);
  if (decision != NameDecision::ok_simultaneous) return decision;
  abandon_attempt(*remote);
  remote->state = Remote::State::handshaking;
  remote->channel = &channel;
  return decision;
}

void Connections::channel_named(Channel& channel, const Peer& peer) {
  if (has_lost()) settle();
  NameDecision decision = NameDecision::not_allowed;
  if (peer.name == kernel_.config.name) {
    log_stranger("refused a connection from " + channel.address + " that says it is " + peer.name + ", as we are");
  } else {
    channel.node = atom(peer.name);
    decision = decide(channel, peer.name);
  }
  channel.connection.accept(decision, kernel_.time.now, channel);
}

bool Connections::channel_still_wanted(Channel& channel) {
  const Remote* const remote = find(channel.node);
  return remote != nullptr && !remote->doomed && remote->channel == &channel;
}

void Connections::channel_up(Channel& channel, const Peer& peer) {
  if (has_lost()) settle();
  handshakes_.erase(channel.id);
  own_handshakes_.erase(channel.id);
  Remote* remote = find(channel.node);
  if (remote != nullptr && remote->replacement == &channel) {
    doom(*remote, "its node has made a new one");
    settle();
    remote = find(channel.node);
  }
  if (remote == nullptr || remote->channel != &channel) return close_channel(channel);
  remote->state = Remote::State::up;
  kernel_.log(LogLevel::notice, "connected to " + peer.name);
  for (ProcessEntry* const entry : kernel_.processes.in_order()) {
    if (entry->monitors_nodes) kernel_.queue.message(entry->number, tuple(atom("nodeup"), channel.node));
  }
  channel.connection.output().append(remote->queued);
  remote->queued = Bytes();
  mark_dirty(channel);
}

void Connections::channel_failed(Channel& channel, const Error& error) {
  Remote* const remote = channel.node.is_nil() ? nullptr : find(channel.node);
  const bool current = remote != nullptr && remote->channel == &channel;
  if (remote != nullptr && remote->replacement == &channel) remote->replacement = nullptr;
  if (current && channel.connection.role() == HandshakeRole::initiator && remote->state == Remote::State::handshaking &&
      channel.connection.handshake_failure() == HandshakeFailure::simultaneous) {
    remote->state = Remote::State::awaiting;
    remote->channel = nullptr;
    if (remote->deadline <= kernel_.time.now) attempt_deadlines_.emplace_front(kernel_.time.now, remote->node);
  } else if (current) {
    doom(*remote, error.text);
  } else if (channel.connection.handshake_failure() != HandshakeFailure::simultaneous &&
             channel.connection.handshake_failure() != HandshakeFailure::given_up) {
    log_stranger("a connection from " + channel.address + " failed: " + error.text);
  }
  close_channel(channel);
}

}  // namespace supervisorring
