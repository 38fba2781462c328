// The outgoing half of Connections: channels, their output and their backlog.
#include <algorithm>

#include "node/connections.h"
#include "node/kernel.h"

namespace supervisorring {

ConnectionConfig Connections::channel_config(HandshakeRole role) const {
  const NodeConfig& node = kernel_.config;
  ConnectionConfig config;
  config.role = role;
  config.self.name = node.name;
  config.self.creation = kernel_.identity.creation();
  config.self.cookie = node.cookie;
  config.self.flags = kOurFlags | (node.published ? DFLAG_PUBLISHED : 0);
  config.random = [&kernel = kernel_] { return kernel.random(); };
  config.handshake_timeout = node.handshake_timeout;
  config.tick_time = node.tick_time;
  return config;
}

Channel* Connections::open_channel(ConnectionId id, ConnectionConfig config, Term node) {
  auto channel = std::make_unique<Channel>(*this, id, std::move(config), kernel_.time.now);
  channel->node = std::move(node);
  Channel* const opened = channel.get();
  channels_.emplace(id, std::move(channel));
  if (reading_limited_) update_pause(*opened);
  return opened;
}

void Connections::mark_dirty(Channel& channel) {
  if (channel.dirty) return;
  channel.dirty = true;
  dirty_.push_back(channel.id);
}

void Connections::flush() {
  std::vector<ConnectionId> dirty;
  dirty.swap(dirty_);
  for (const ConnectionId id : dirty) {
    const auto found = channels_.find(id);
    if (found == channels_.end()) continue;
    Channel& channel = *found->second;
    channel.dirty = false;
    flush(channel);
    check(channel);
    if (channel.unwritten <= kBacklogHardLimit) continue;
    const std::string why = "it has not taken " + std::to_string(channel.unwritten) + " bytes; the limit is " +
                            std::to_string(kBacklogHardLimit);
    channel.connection.close();
    channel_failed(channel, Error{why});
  }
  if (has_lost()) settle();
  begin_waiting_attempts();
  closed_.clear();
}

void Connections::flush(Channel& channel) {
  if (!channel.connection.has_output()) return;
  Bytes bytes = channel.connection.take_output(kernel_.time.now);
  channel.unwritten += bytes.size();
  kernel_.effects.emplace_back(SendBytes{channel.id, std::move(bytes)});
  if (channel.unwritten > kBacklogHighWater) {
    channel.slow = true;
    update_pause(channel);
  }
}

void Connections::handle_written(ConnectionId id, std::size_t count) {
  const auto found = channels_.find(id);
  if (found == channels_.end()) return;
  Channel& channel = *found->second;
  channel.unwritten -= std::min(count, channel.unwritten);
  if (channel.slow && channel.unwritten < kBacklogLowWater) {
    channel.slow = false;
    update_pause(channel);
  }
}

void Connections::limit_reading(bool limited) {
  if (limited == reading_limited_) return;
  reading_limited_ = limited;
  std::vector<ConnectionId> ids;
  for (const auto& [id, channel] : channels_) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  for (const ConnectionId id : ids) update_pause(*channels_.at(id));
}

void Connections::update_pause(Channel& channel) {
  const bool pause = channel.slow || reading_limited_;
  if (pause == channel.paused) return;
  channel.paused = pause;
  channel.connection.reading_paused(pause, kernel_.time.now);
  kernel_.effects.emplace_back(PauseReading{channel.id, pause});
  check(channel);
}

void Connections::close_channel(Channel& channel) {
  if (!channel.socket_gone) {
    flush(channel);
    kernel_.effects.emplace_back(CloseConnection{channel.id});
  }
  drop_channel(channel);
}

void Connections::drop_channel(Channel& channel) {
  handshakes_.erase(channel.id);
  own_handshakes_.erase(channel.id);
  channel.connection.close();
  const auto found = channels_.find(channel.id);
  closed_.push_back(std::move(found->second));
  channels_.erase(found);
}

void Connections::log_stranger(std::string text) {
  const auto left_out = stranger_lines_.admit(kernel_.time.now);
  if (!left_out) return;
  if (*left_out > 0) {
    kernel_.log(LogLevel::warning, std::to_string(*left_out) + " more lines about connections that came to nothing were left out");
  }
  kernel_.log(LogLevel::warning, std::move(text));
}

void Connections::after_input(Channel& channel) {
  if (!channels_.contains(channel.id)) return;
  if (channel.connection.has_output()) mark_dirty(channel);
  check(channel);
}

// Earlier than it is checked anyway, which is seldom: most time-outs move to later, and are looked at again when they were due.
void Connections::check(Channel& channel) {
  const auto at = channel.connection.next_timeout();
  if (!at || (channel.checked_at && *channel.checked_at <= *at)) return;
  channel.checked_at = *at;
  checks_.push_back({*at, channel.id});
  std::push_heap(checks_.begin(), checks_.end(), later);
  if (checks_.size() < 1'024 || checks_.size() < 4 * channels_.size()) return;
  std::erase_if(checks_, [this](const Check& each) {
    const auto found = channels_.find(each.id);
    return found == channels_.end() || found->second->checked_at != each.at;
  });
  std::make_heap(checks_.begin(), checks_.end(), later);
}

std::optional<Instant> Connections::next_timeout() const {
  std::optional<Instant> next;
  if (!checks_.empty()) next = checks_.front().at;
  if (!attempt_deadlines_.empty() && (!next || attempt_deadlines_.front().first < *next)) next = attempt_deadlines_.front().first;
  return next;
}

}  // namespace supervisorring
