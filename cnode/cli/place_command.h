// `ringnode place`: which member of a ring owns which key, without a cluster.
//
// Reads one Erlang term a line (or 0x and the hex of its external form) and writes `owner<TAB>term`. With a supervisor the key is
// {Supervisor, Term}, as of its child; without, the term itself. Blank lines are skipped. A line that is no term gets one line on `errors`
// with its number; the others are answered, and the result is ExitStatus::bad_input.
#pragma once

#include <iosfwd>
#include <string>

#include "node/exit_status.h"

namespace supervisorring {

struct PlaceOptions {
  std::string members;     // "a@h,b@h"
  int otp = 25;            // 25 or 26
  std::string supervisor;  // Erlang text; empty: none
};

ExitStatus place(const PlaceOptions&, std::istream& in, std::ostream& out, std::ostream& errors);

}  // namespace supervisorring
