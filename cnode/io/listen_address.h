// ListenAddress: where a node listens, as a user writes it: 127.0.0.1, 127.0.0.1:9100, ::1, [::1]:9100, 0.0.0.0.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "io/node_name.h"
#include "supervisorring/result.h"

namespace supervisorring {

struct ListenAddress {
  std::string address;     // literal
  std::uint16_t port = 0;  // 0: a free one
};

Result<ListenAddress> parse_listen_address(std::string_view text);
// Where nothing is said: the host of the name where it is a loopback address, loopback for localhost, else every interface, since
// the other members reach us by what the name's host resolves to on their side.
ListenAddress default_listen_address(const NodeName& name);

}  // namespace supervisorring
