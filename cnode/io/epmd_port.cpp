#include "io/epmd_port.h"

#include <charconv>
#include <cstdlib>
#include <string>
#include <string_view>

namespace supervisorring {

Result<std::uint16_t> epmd_port(std::uint16_t given) {
  constexpr std::uint16_t kDefault = 4369;
  if (given != 0) return given;
  const char* variable = std::getenv("ERL_EPMD_PORT");
  if (variable == nullptr || *variable == '\0') return kDefault;
  const std::string_view text(variable);
  std::uint16_t port = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (problem != std::errc() || end != text.data() + text.size() || port == 0)
    return Error{"ERL_EPMD_PORT is '" + std::string(text.substr(0, 100)) + "': expected a port from 1 to 65535"};
  return port;
}

}  // namespace supervisorring
