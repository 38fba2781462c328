// Listener: accepts TCP connections, and goes on accepting whatever happens.
//
// A machine out of descriptors or memory (EMFILE, ENFILE, ENOBUFS, ENOMEM) pauses it; those who wait stay in the system's backlog.
#pragma once

#include <functional>
#include <string>

#include "io/asio.h"
#include "supervisorring/result.h"

namespace supervisorring {

class Listener {
 public:
  using Accepted = std::function<void(tcp::socket)>;
  using Warning = std::function<void(const std::string&)>;

  Listener(asio::io_context& io, Accepted accepted, Warning warning);

  // `address` is literal ("127.0.0.1", "::1", "0.0.0.0"); port 0 takes a free one. Returns the port.
  Result<std::uint16_t> listen(const std::string& address, std::uint16_t port);
  void start();
  void stop();

 private:
  void accept_next();
  void handle_accept(const error_code&, tcp::socket);

  tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  Accepted accepted_;
  Warning warning_;
  bool starved_ = false;  // said so already
};

}  // namespace supervisorring
