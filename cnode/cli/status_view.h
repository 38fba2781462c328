// The answer of supervisorring:status/0 as text for a terminal.
//
// The term is a map (grammar: node/status.h, node/api_status.h). Keys that are missing, of another type or unknown are left out: the node may be of another version.
#pragma once

#include <string>

#include "supervisorring/term.h"

namespace supervisorring {

std::string status_text(const Term& status);

}  // namespace supervisorring
