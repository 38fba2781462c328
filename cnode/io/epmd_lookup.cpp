#include "io/epmd_lookup.h"

#include <array>

#include "dist/epmd.h"
#include "io/asio.h"

namespace supervisorring {

Result<bool> epmd_knows(const std::string& host, std::uint16_t port, const std::string& alive, std::chrono::milliseconds timeout) {
  asio::io_context io;
  tcp::resolver resolver(io);
  tcp::socket socket(io);
  std::array<char, 512> answer{};
  Bytes request;
  encode_request(EpmdPortRequest{alive}, request);
  error_code failure = asio::error::timed_out;
  std::size_t size = 0;
  resolver.async_resolve(host, std::to_string(port), [&](const error_code& unresolved, const tcp::resolver::results_type& found) {
    if ((failure = unresolved)) return;
    asio::async_connect(socket, found, [&](const error_code& unconnected, const tcp::endpoint&) {
      if ((failure = unconnected)) return;
      asio::write(socket, asio::buffer(request), failure);
      if (failure) return;
      socket.async_read_some(asio::buffer(answer), [&](const error_code& unread, std::size_t count) {
        failure = unread;
        size = count;
      });
      failure = asio::error::timed_out;
    });
    failure = asio::error::timed_out;
  });
  io.run_for(timeout);
  if (failure || size < 2) return Error{"no epmd answers at " + host + ":" + std::to_string(port) + ": " + failure.message()};
  return answer[0] == 'w' && answer[1] == 0;  // PORT2_RESP, result 0
}

}  // namespace supervisorring
