#include "io/port_stream.h"

#include <poll.h>

#include "io/limits.h"

namespace supervisorring {

PortStream::PortStream(asio::io_context& io, int in, int out, std::span<char> buffer, Handlers handlers)
    : in_(io, in), out_(io, out), buffer_(buffer), handlers_(std::move(handlers)) {
  in_.non_blocking(true);
  out_.non_blocking(true);
}

void PortStream::start() { wait_readable(); }

void PortStream::wait_readable() {
  if (reading_ || paused_ || closed_) return;
  reading_ = true;
  in_.async_wait(asio::posix::stream_descriptor::wait_read, [this](const error_code& error) { handle_readable(error); });
}

void PortStream::handle_readable(const error_code& failure) {
  reading_ = false;
  if (failure || closed_) return;
  for (int i = 0; i < io_limits::kReadsPerTurn && !paused_; ++i) {
    error_code error;
    const std::size_t size = in_.read_some(asio::buffer(buffer_.data(), buffer_.size()), error);
    if (error == asio::error::would_block || error == asio::error::try_again || error == asio::error::interrupted) break;
    if (error) return close(error == asio::error::eof ? "standard input was closed" : error.message());
    handlers_.received(BytesView(buffer_.data(), size));
    if (size < buffer_.size()) break;
  }
  wait_readable();
}

void PortStream::pause(bool paused) {
  paused_ = paused;
  wait_readable();
}

void PortStream::write(Bytes bytes) {
  if (closed_) return;
  if (waiting_.empty()) waiting_ = std::move(bytes);
  else waiting_ += bytes;
  if (waiting_.size() - written_ > io_limits::kPortBacklog) return close("the BEAM does not read what this program writes");
  if (!writing_) write_some();
}

bool PortStream::write_some() {
  while (written_ < waiting_.size()) {
    error_code error;
    const std::size_t size = out_.write_some(asio::buffer(waiting_.data() + written_, waiting_.size() - written_), error);
    if (error == asio::error::interrupted) continue;
    if (error == asio::error::would_block || error == asio::error::try_again) {
      if (std::exchange(writing_, true)) return false;
      out_.async_wait(asio::posix::stream_descriptor::wait_write, [this](const error_code& failure) {
        writing_ = false;
        if (!failure && !closed_) write_some();
      });
      return false;
    }
    if (error) {
      close("standard output: " + error.message());
      return false;
    }
    written_ += size;
  }
  waiting_.clear();
  written_ = 0;
  return true;
}

void PortStream::drain(std::chrono::steady_clock::time_point deadline) {
  while (!closed_ && written_ < waiting_.size()) {
    if (write_some()) return;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    if (left <= 0) return;
    pollfd out{out_.native_handle(), POLLOUT, 0};
    ::poll(&out, 1, static_cast<int>(left));
  }
}

void PortStream::close(const std::string& why) {
  if (std::exchange(closed_, true)) return;
  waiting_.clear();
  handlers_.closed(why);
}

}  // namespace supervisorring
