#include "io/listener.h"

#include "io/limits.h"

namespace supervisorring {

Listener::Listener(asio::io_context& io, Accepted accepted, Warning warning)
    : acceptor_(io), pause_(io), accepted_(std::move(accepted)), warning_(std::move(warning)) {}

Result<std::uint16_t> Listener::listen(const std::string& address, std::uint16_t port) {
  error_code error;
  const auto parsed = asio::ip::make_address(address, error);
  if (error) return Error{"cannot listen on '" + address + "': expected an IP address"};
  const auto fail = [&] { return Error{"cannot listen on " + address + ":" + std::to_string(port) + ": " + error.message()}; };
  const tcp::endpoint endpoint(parsed, port);
  acceptor_.open(endpoint.protocol(), error);
  if (error) return fail();
  acceptor_.set_option(asio::socket_base::reuse_address(true), error);
  if (error) return fail();
  acceptor_.bind(endpoint, error);
  if (error) return fail();
  acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (error) return fail();
  const auto bound = acceptor_.local_endpoint(error);
  if (error) return fail();
  return bound.port();
}

void Listener::start() { accept_next(); }

void Listener::stop() {
  error_code ignored;
  pause_.cancel();
  acceptor_.close(ignored);
}

void Listener::accept_next() {
  acceptor_.async_accept([this](const error_code& error, tcp::socket socket) { handle_accept(error, std::move(socket)); });
}

void Listener::handle_accept(const error_code& error, tcp::socket socket) {
  if (error == asio::error::operation_aborted || !acceptor_.is_open()) return;
  const bool starved = error == asio::error::no_descriptors || error == asio::error::no_buffer_space || error == asio::error::no_memory ||
                       error == boost::system::errc::too_many_files_open_in_system;
  if (starved) {
    if (!starved_) warning_("cannot accept connections for now: " + error.message());
    starved_ = true;
    pause_.expires_after(io_limits::kAcceptPause);
    pause_.async_wait([this](const error_code& cancelled) { if (!cancelled) accept_next(); });
    return;
  }
  if (!error) {
    starved_ = false;
    accepted_(std::move(socket));
  }
  accept_next();  // any other error is of that one connection, which has gone
}

}  // namespace supervisorring
