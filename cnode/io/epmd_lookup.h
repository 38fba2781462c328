// Asks an epmd for a node, blocking: for the program's administrative commands, which want to say why a node does not answer.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "supervisorring/result.h"

namespace supervisorring {

// Whether the epmd at host:port knows the node. Error: no epmd answers there.
Result<bool> epmd_knows(const std::string& host, std::uint16_t port, const std::string& alive, std::chrono::milliseconds timeout);

}  // namespace supervisorring
