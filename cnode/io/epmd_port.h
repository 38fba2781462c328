// The port of epmd: what is given, else the environment's ERL_EPMD_PORT, else 4369. As every Erlang program finds it.
#pragma once

#include <cstdint>

#include "supervisorring/result.h"

namespace supervisorring {

Result<std::uint16_t> epmd_port(std::uint16_t given);

}  // namespace supervisorring
