// A supervisor as a user writes it on the command line: Name=Module@Node[=Arg].
//
// Name, Module and Arg are Erlang terms as text ('Elixir.MySup', my_sup, [{a, 1}]); Arg is [] when left out. Cut at the first `=`, then
// at the first `@`, then at the next `=`. A bare word with a capital first letter would be a variable in Erlang and is refused with the hint.
#pragma once

#include <string_view>

#include "supervisorring/result.h"
#include "supervisorring/term.h"

namespace supervisorring {

struct SupervisorSource {
  Term name;
  Term module;
  Term node;
  Term argument;
};

Result<SupervisorSource> parse_supervisor(std::string_view text);
// One atom of it; `what` names it in the message.
Result<Term> parse_atom_argument(std::string_view text, std::string_view what);

}  // namespace supervisorring
