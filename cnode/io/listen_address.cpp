#include "io/listen_address.h"

#include <charconv>

#include "io/asio.h"

namespace supervisorring {

Result<ListenAddress> parse_listen_address(std::string_view text) {
  const auto fail = [&](const std::string& why) {
    return Error{"'" + std::string(text) + "' is no address to listen on: " + why + " (expected ADDRESS or ADDRESS:PORT, as in 127.0.0.1:9100 or [::1]:9100)"};
  };
  std::string_view host = text;
  std::string_view port;
  bool has_port = false;
  if (!text.empty() && text.front() == '[') {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return fail("a ] is missing");
    host = text.substr(1, end - 1);
    const auto rest = text.substr(end + 1);
    if (!rest.empty() && rest.front() != ':') return fail("after the ] only :PORT may stand");
    has_port = !rest.empty();
    if (has_port) port = rest.substr(1);
  } else if (const auto colon = text.find(':'); colon != std::string_view::npos && text.find(':', colon + 1) == std::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    has_port = true;
  }
  error_code error;
  const auto address = asio::ip::make_address(std::string(host), error);
  if (error) return fail("'" + std::string(host) + "' is no IP address");
  std::uint16_t number = 0;
  if (has_port) {
    const auto [end, problem] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (problem != std::errc() || end != port.data() + port.size() || port.empty()) return fail("the port is no number from 0 to 65535");
  }
  return ListenAddress{address.to_string(), number};
}

ListenAddress default_listen_address(const NodeName& name) {
  error_code error;
  const auto address = asio::ip::make_address(name.host, error);
  if (!error && address.is_loopback()) return {address.to_string(), 0};
  if (name.host == "localhost") return {"127.0.0.1", 0};
  return {"0.0.0.0", 0};
}

}  // namespace supervisorring
