// PortStream: the two pipes between this program and the BEAM that started it: standard input and output.
//
// Reads when the system says that something is there; writes all that one step of the node has left in one call, and waits for the pipe only when it
// is full. The BEAM always reads, so what waits stays small; beyond kPortBacklog it does not, and the pipe counts as closed. Decides nothing: `closed` is
// told once, from a handler of the io_context, whichever side of the link ended.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "io/asio.h"
#include "supervisorring/term.h"

namespace supervisorring {

class PortStream {
 public:
  struct Handlers {
    std::function<void(BytesView)> received;
    std::function<void(const std::string& why)> closed;
  };
  // Owns both descriptors. `buffer`: what is read goes through it; outlives this.
  PortStream(asio::io_context& io, int in, int out, std::span<char> buffer, Handlers handlers);

  void start();  // begins to read
  void write(Bytes bytes);
  void pause(bool paused);
  // Writes what waits, as far as that is possible until the deadline.
  void drain(std::chrono::steady_clock::time_point deadline);

 private:
  void wait_readable();
  void handle_readable(const error_code& error);
  bool write_some();  // false: the pipe is full, or gone
  void close(const std::string& why);

  asio::posix::stream_descriptor in_, out_;
  const std::span<char> buffer_;
  const Handlers handlers_;
  Bytes waiting_;
  std::size_t written_ = 0;  // of waiting_
  bool reading_ = false, writing_ = false, paused_ = false, closed_ = false;
};

}  // namespace supervisorring
