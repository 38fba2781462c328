#include "io/tcp_connection.h"

#include <utility>
#include <vector>

#include "io/limits.h"

namespace supervisorring {

TcpConnection::TcpConnection(Owner& owner, asio::io_context& io, ConnectionId id)
    : owner_(owner), socket_(io), resolver_(io), linger_timer_(io), id_(id), state_(State::opening) {}

TcpConnection::TcpConnection(Owner& owner, tcp::socket socket, ConnectionId id)
    : owner_(owner), socket_(std::move(socket)), resolver_(socket_.get_executor()), linger_timer_(socket_.get_executor()), id_(id), state_(State::open) {}

// ---- opening -----------------------------------------------------------------------------------

void TcpConnection::open(const std::string& host, std::uint16_t port) {
  error_code error;
  const auto address = asio::ip::make_address(host, error);
  if (!error) return connect_to(tcp::resolver::results_type::create(tcp::endpoint(address, port), host, std::to_string(port)));
  resolver_.async_resolve(host, std::to_string(port), tcp::resolver::numeric_service,
                          [self = shared_from_this(), host](const error_code& failure, const tcp::resolver::results_type& found) {
                            if (self->state_ != State::opening) return;
                            if (failure) return self->fail("cannot resolve the host " + host + ": " + failure.message());
                            self->connect_to(found);
                          });
}

void TcpConnection::connect_to(const tcp::resolver::results_type& endpoints) {
  asio::async_connect(socket_, endpoints, [self = shared_from_this()](const error_code& failure, const tcp::endpoint&) {
    if (self->state_ != State::opening) return;
    if (failure) return self->fail(failure.message());
    self->state_ = State::open;
    self->owner_.opened(self->id_);
    self->start();
  });
}

void TcpConnection::start() {
  set_options();
  if (state_ != State::open) return;
  wait_readable();
}

void TcpConnection::set_options() {
  error_code error;
  socket_.non_blocking(true, error);
  if (error) return fail("cannot make the socket non-blocking: " + error.message());
  socket_.set_option(tcp::no_delay(true), error);  // a peer that has gone already gives an error here, and again when read
  socket_.set_option(asio::socket_base::keep_alive(true), error);
}

// ---- reading -----------------------------------------------------------------------------------

void TcpConnection::wait_readable() {
  if (reading_ || state_ == State::over || (paused_ && state_ == State::open)) return;
  reading_ = true;
  socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](const error_code& error) { self->handle_readable(error); });
}

void TcpConnection::handle_readable(const error_code& error) {
  reading_ = false;
  if (state_ == State::over) return;
  if (error) return fail(error.message());
  for (int i = 0; i < io_limits::kReadsPerTurn; ++i)
    if (!read_once()) break;
  wait_readable();
}

void TcpConnection::read_now() {
  if (state_ != State::open || shut_) return;
  for (int i = 0; i < io_limits::kReadsPerTurn; ++i)
    if (!read_once()) break;
}

bool TcpConnection::read_once() {
  if (state_ == State::over || (paused_ && state_ == State::open)) return false;
  const std::span<char> buffer = owner_.read_buffer();
  error_code error;
  const std::size_t size = socket_.read_some(asio::buffer(buffer.data(), buffer.size()), error);
  if (error == asio::error::would_block || error == asio::error::try_again || error == asio::error::interrupted) return false;
  if (error) {
    fail(error == asio::error::eof ? "closed by the peer" : error.message());
    return false;
  }
  if (state_ == State::open) owner_.received(id_, BytesView(buffer.data(), size));
  return size == buffer.size();
}

void TcpConnection::pause(bool paused) {
  paused_ = paused;
  if (!paused_ && state_ == State::open) wait_readable();
}

// ---- writing -----------------------------------------------------------------------------------

void TcpConnection::queue(Bytes bytes) {
  if (state_ != State::open || bytes.empty()) return;
  queue_.push_back(std::move(bytes));
}

void TcpConnection::flush() {
  if (state_ == State::opening || state_ == State::over || writing_) return;
  write_queued();
}

void TcpConnection::write_queued() {
  while (!queue_.empty()) {
    std::vector<asio::const_buffer> buffers;
    buffers.reserve(std::min(queue_.size(), io_limits::kGatheredBuffers));
    for (const Bytes& bytes : queue_) {
      if (buffers.size() == io_limits::kGatheredBuffers) break;
      const std::size_t skip = buffers.empty() ? front_offset_ : 0;
      buffers.emplace_back(bytes.data() + skip, bytes.size() - skip);
    }
    error_code error;
    const std::size_t count = socket_.write_some(buffers, error);
    if (error == asio::error::would_block || error == asio::error::try_again) return wait_writable();
    if (error == asio::error::interrupted) continue;
    if (error) return fail(error.message());
    drop_written(count);
    if (state_ == State::open) owner_.written(id_, count);
  }
  if (state_ == State::closing) begin_shutdown();
}

void TcpConnection::drop_written(std::size_t count) {
  while (count > 0) {
    const std::size_t left = queue_.front().size() - front_offset_;
    if (count < left) {
      front_offset_ += count;
      return;
    }
    count -= left;
    front_offset_ = 0;
    queue_.pop_front();
  }
}

void TcpConnection::wait_writable() {
  writing_ = true;
  socket_.async_wait(tcp::socket::wait_write, [self = shared_from_this()](const error_code& error) {
    self->writing_ = false;
    if (self->state_ == State::over) return;
    if (error) return self->fail(error.message());
    self->write_queued();
  });
}

// ---- ending ------------------------------------------------------------------------------------

void TcpConnection::close(std::chrono::milliseconds linger) {
  if (state_ == State::over || state_ == State::closing) return;
  if (state_ == State::opening) return finish();
  state_ = State::closing;
  linger_timer_.expires_after(linger);
  linger_timer_.async_wait([self = shared_from_this()](const error_code& error) {
    if (!error && self->state_ != State::over) self->finish();
  });
  if (queue_.empty()) return begin_shutdown();
  flush();
}

void TcpConnection::begin_shutdown() {
  if (shut_) return;
  shut_ = true;
  error_code error;
  socket_.shutdown(tcp::socket::shutdown_send, error);
  if (error) return finish();
  wait_readable();  // until the peer shuts its side
}

void TcpConnection::fail(const std::string& why) {
  if (state_ == State::over) return;
  if (state_ == State::closing) return finish();
  abort();
  owner_.failed(id_, why);
}

void TcpConnection::finish() {
  abort();
  owner_.closed(id_);
}

void TcpConnection::abort() {
  state_ = State::over;
  error_code ignored;
  resolver_.cancel();
  linger_timer_.cancel();
  socket_.close(ignored);
  queue_.clear();
}

}  // namespace supervisorring
