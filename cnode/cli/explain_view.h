// The answers of supervisorring:explain/2 and plan/1 as text for a terminal. The terms are maps (grammar: node/api_explain.h); what is missing or of another
// type is shown as `?`: the node may be of another version.
#pragma once

#include <string>

#include "supervisorring/term.h"

namespace supervisorring {

std::string explain_text(const Term& explained);
std::string plan_text(const Term& plan);

}  // namespace supervisorring
