#include "io/node_name.h"

#include <algorithm>

namespace supervisorring {
namespace {

constexpr std::size_t kMaxNodeName = 255;  // an atom

bool is_alive_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

bool is_host_character(char c) {
  return is_alive_character(c) || c == '.' || c == ':' || c == '[' || c == ']' || c == '%';
}

}  // namespace

Result<NodeName> parse_node_name(std::string_view text) {
  const auto fail = [&](const std::string& why) {
    return Error{"'" + std::string(text.substr(0, 300)) + "' is no node name: " + why + " (expected name@host, as in cpp1@127.0.0.1)"};
  };
  if (text.empty()) return fail("it is empty");
  if (text.size() > kMaxNodeName) return fail("it is longer than 255 bytes");
  const auto at = text.find('@');
  if (at == std::string_view::npos) return fail("it has no host");
  const auto alive = text.substr(0, at);
  const auto host = text.substr(at + 1);
  if (alive.empty()) return fail("nothing stands before the @");
  if (host.empty()) return fail("no host stands after the @");
  if (!std::all_of(alive.begin(), alive.end(), is_alive_character)) return fail("only letters, digits, _ and - may stand before the @");
  if (!std::all_of(host.begin(), host.end(), is_host_character)) return fail("the host has a character that no host name has");
  return NodeName{std::string(alive), std::string(host)};
}

}  // namespace supervisorring
