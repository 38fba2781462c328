// An atom as a user writes it on the command line: Erlang text ('Elixir.MySup', my_sup).
//
// A bare word with a capital first letter would be a variable in Erlang and is refused with the hint.
#pragma once

#include <string_view>

#include "supervisorring/result.h"
#include "supervisorring/term.h"

namespace supervisorring {

// `what` names it in the message.
Result<Term> parse_atom_argument(std::string_view text, std::string_view what);

}  // namespace supervisorring
