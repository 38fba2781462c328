// TcpConnection: one TCP connection, from resolving and connecting (or having been accepted) to its end.
//
// Reads when the system says that something is there, into the one buffer that all connections share, so an idle
// connection costs no memory. Writes go out in one gathered call when the driver says so (flush()), and wait for the socket only
// when it is full. It decides nothing: what happens is told to its Owner, from handlers of the io_context only.
//
// Closing: what was handed over is written first, then our side is shut, what still comes is dropped until the peer shuts
// its side or the linger time is over. (Closing with unread bytes would send a reset, which may destroy what we sent last, the
// `nok` of a handshake for example.)
#pragma once

#include <deque>
#include <memory>
#include <span>
#include <string>

#include "io/asio.h"
#include "node/effect.h"

namespace supervisorring {

class TcpConnection : public std::enable_shared_from_this<TcpConnection> {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual std::span<char> read_buffer() = 0;
    virtual void opened(ConnectionId) = 0;
    virtual void received(ConnectionId, BytesView) = 0;
    virtual void written(ConnectionId, std::size_t count) = 0;
    // The last call, once; not called after close() or abort(), where closed() tells that it is over.
    virtual void failed(ConnectionId, const std::string& why) = 0;
    virtual void closed(ConnectionId) = 0;
  };

  TcpConnection(Owner& owner, asio::io_context& io, ConnectionId id);        // to be opened
  TcpConnection(Owner& owner, tcp::socket socket, ConnectionId id);          // accepted

  ConnectionId id() const { return id_; }
  void open(const std::string& host, std::uint16_t port);
  void start();                                // accepted: begins to read
  void queue(Bytes bytes);
  void flush();                                // writes what is queued
  void read_now();                             // what has come, without waiting for the io_context to say so; nothing unless it is open
  void pause(bool paused);
  void close(std::chrono::milliseconds linger);
  void abort();                                // at once; tells nobody

 private:
  enum class State { opening, open, closing, over };

  void set_options();
  void connect_to(const tcp::resolver::results_type&);
  void wait_readable();
  void handle_readable(const error_code&);
  bool read_once();                            // false: nothing more for now
  void wait_writable();
  void write_queued();
  void drop_written(std::size_t count);
  void begin_shutdown();
  void fail(const std::string& why);
  void finish();

  Owner& owner_;
  tcp::socket socket_;
  tcp::resolver resolver_;
  asio::steady_timer linger_timer_;
  const ConnectionId id_;
  State state_;
  bool paused_ = false;
  bool reading_ = false;      // a wait for readability is pending
  bool writing_ = false;      // a wait for writability is pending
  bool shut_ = false;         // our side is shut
  std::deque<Bytes> queue_;
  std::size_t front_offset_ = 0;  // of the first queued buffer: written already
};

}  // namespace supervisorring
