// NodeName: the name of a node as a user writes it, cpp1@127.0.0.1.
//
// The rules are net_kernel's: a part of letters, digits, `_` and `-`, one `@`, a host. Whether the host has a dot
// (long names) is for the peers to agree on; it is not changed here.
#pragma once

#include <string>
#include <string_view>

#include "supervisorring/result.h"

namespace supervisorring {

struct NodeName {
  std::string alive;  // "cpp1": what epmd knows
  std::string host;   // "127.0.0.1"
  std::string whole() const { return alive + "@" + host; }
};

Result<NodeName> parse_node_name(std::string_view text);

}  // namespace supervisorring
