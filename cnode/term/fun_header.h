// What can be read of a closure's external bytes (NEW_FUN_EXT, FUN_EXT) without decoding its free variables.
#pragma once

#include "supervisorring/term.h"

namespace supervisorring::detail {

struct FunHeader {
  std::string_view module;      // as written: Latin-1 or UTF-8 bytes
  std::uint32_t index = 0;      // NEW_FUN_EXT: OldIndex
  std::uint32_t uniq = 0;       // NEW_FUN_EXT: OldUniq
  std::uint32_t free_count = 0;
  unsigned arity = 0;           // NEW_FUN_EXT only
  bool readable = false;        // false for bytes that are no closure
};

FunHeader read_fun_header(BytesView external) noexcept;

// By module, index, uniq and number of free variables as OTP does; the free variables by their bytes,
// where OTP compares them as terms.
int compare_closures(BytesView a, BytesView b) noexcept;

}  // namespace supervisorring::detail
