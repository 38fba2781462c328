// Channel: one dist Connection with its socket's number, what is on its way out, and who it belongs to.
//
// Passes what the Connection tells on to its owner with itself as the first argument. Decides nothing.
#pragma once

#include "dist/connection.h"
#include "node/effect.h"
#include "supervisorring/term.h"

namespace supervisorring {

class Channel;

class ChannelOwner {
 public:
  virtual ~ChannelOwner() = default;
  virtual void channel_named(Channel& channel, const Peer& peer) = 0;
  virtual bool channel_still_wanted(Channel& channel) = 0;
  virtual void channel_up(Channel& channel, const Peer& peer) = 0;
  virtual void channel_control(Channel& channel, ControlMessage&& message) = 0;
  virtual void channel_failed(Channel& channel, const Error& error) = 0;
};

class Channel final : public ConnectionSink {
 public:
  Channel(ChannelOwner& owner_in, ConnectionId id_in, ConnectionConfig config, Instant now)
      : owner(owner_in), id(id_in), connection(std::move(config), now) {}

  void on_name(const Peer& peer) override { owner.channel_named(*this, peer); }
  bool on_alive(const Peer&) override { return owner.channel_still_wanted(*this); }
  void on_up(const Peer& peer) override { owner.channel_up(*this, peer); }
  void on_control(ControlMessage&& message) override { owner.channel_control(*this, std::move(message)); }
  void on_error(const Error& error) override { owner.channel_failed(*this, error); }

  ChannelOwner& owner;
  const ConnectionId id;
  Connection connection;
  Term node;                  // [] until the peer has given its name
  std::string address;        // of an accepted one, for log lines
  std::size_t unwritten = 0;  // bytes that the driver has and the peer has not
  std::optional<Instant> checked_at;  // when Connections looks at its time-outs next
  bool slow = false;          // unwritten is between the marks, coming from above
  bool paused = false;        // the driver was told not to read
  bool dirty = false;         // is in the list of those with output
  bool socket_gone = false;   // closed by the peer or a fault
};

}  // namespace supervisorring
