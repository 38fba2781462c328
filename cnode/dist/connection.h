// Connection: one distribution connection from its first byte to its last, without its socket.
//
// A Handshake (handshake.h), then frames (frame.h) of control messages (control.h), with ticks both ways. Bytes come in
// through receive(), what is to be written collects in an output buffer that the owner takes. Ticks follow kernel's
// net_kernel: a tick goes out when nothing was written for a quarter of the tick time; a peer from which nothing came for the
// whole tick time is dropped. A tick is answered by one, as `ei` answers it: the peer's tick time may be shorter than ours.
// A program that was itself held up (stopped, suspended) for longer than a tick judges no peer on what it has not read yet.
//
// Once it has failed it is closed: the Sink has been told why, once, the output taken once more may hold a last status, and
// nothing else happens. A callback may call any method, but must not destroy the Connection.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "dist/control.h"
#include "dist/frame.h"
#include "dist/handshake.h"
#include "supervisorring/time.h"

namespace supervisorring {

// What a connection tells its owner.
class ConnectionSink {
 public:
  virtual ~ConnectionSink() = default;
  // Acceptor: the peer has given its name. accept() must be called, now or later (before the handshake's deadline).
  virtual void on_name(const Peer& peer) = 0;
  // Initiator: the peer holds an old connection of ours. True: go on with this one (the peer drops the old one).
  virtual bool on_alive(const Peer& peer) { (void)peer; return true; }
  // The handshake is done. What send() writes follows it.
  virtual void on_up(const Peer& peer) = 0;
  virtual void on_control(ControlMessage&& message) = 0;
  // BadMessage::report only: a frame that was not understood and has been left out.
  virtual void on_bad_message(const Error& error) { (void)error; }
  // The connection has failed and is closed. Called once; not after close().
  virtual void on_error(const Error& error) = 0;
};

// What a frame that cannot be understood does. OTP closes: what else was in it (a monitor, an exit) would be lost unseen.
enum class BadMessage { close, report };

// Why a connection is closed.
enum class ConnectionFault { none, handshake, handshake_timeout, frame_too_large, bad_message, silent, closed_here };

struct ConnectionConfig {
  HandshakeRole role = HandshakeRole::acceptor;
  LocalIdentity self;
  std::string peer;  // initiator: the node that is called
  std::function<std::uint64_t()> random;
  Duration handshake_timeout = std::chrono::seconds(7);  // for the whole handshake: net_setuptime
  Duration tick_time = std::chrono::seconds(60);         // net_ticktime
  std::size_t max_frame = kDefaultMaxFrame;
  BadMessage bad_message = BadMessage::close;
};

class Connection {
 public:
  // The TCP connection was opened or accepted at `now`. An initiator's first packet is in the output.
  Connection(ConnectionConfig config, Instant now);

  // ---- inputs -----------------------------------------------------------------------------------
  void receive(BytesView bytes, Instant now, ConnectionSink& sink);
  // The answer to on_name. REQUIRES: on_name was called, and accept() was not; ignored when closed.
  // After `alive` the owner closes the older connection when this one is up (on_up), as the cookie is proven only then.
  void accept(NameDecision decision, Instant now, ConnectionSink& sink);
  void timeout(Instant now, ConnectionSink& sink);
  // The driver stopped (or goes on) reading: a peer that we do not listen to is not silent.
  void reading_paused(bool paused, Instant now);
  // Ends it from this side: no callback comes any more. Output written before may still be taken.
  void close();

  // ---- outputs ----------------------------------------------------------------------------------
  // False, and nothing written, unless it is up.
  bool send(const ControlMessage& message);
  // For the append_ functions of control.h. REQUIRES: up()
  Bytes& output();
  bool has_output() const { return !output_.empty(); }
  // What is to be written now. Counts as written at `now`.
  Bytes take_output(Instant now);
  std::optional<Instant> next_timeout() const;

  // ---- looking ----------------------------------------------------------------------------------
  bool up() const { return state_ == State::up; }
  bool closed() const { return state_ == State::closed; }
  HandshakeRole role() const { return config_.role; }
  const Peer& peer() const { return handshake_.peer(); }
  DistFlags common_flags() const { return handshake_.peer().flags & config_.self.flags; }
  ConnectionFault fault() const { return fault_; }
  HandshakeFailure handshake_failure() const { return handshake_.failure(); }

 private:
  enum class State { handshaking, up, closed };

  void advance(ConnectionSink& sink);
  void go_up(ConnectionSink& sink);
  void read_frames(ConnectionSink& sink);
  void answer_tick();
  void handle_frame(BytesView body, ConnectionSink& sink);
  void fail(ConnectionFault fault, Error error, ConnectionSink& sink);
  std::string who() const;

  ConnectionConfig config_;
  Handshake handshake_;
  FrameReader frames_;
  State state_ = State::handshaking;
  ConnectionFault fault_ = ConnectionFault::none;
  Bytes output_;
  bool name_told_ = false;   // on_name was called
  bool advancing_ = false;   // inside advance(): a callback's accept() is carried on there
  bool paused_ = false;
  Instant started_;
  Instant last_received_;
  Instant last_written_;
};

}  // namespace supervisorring
