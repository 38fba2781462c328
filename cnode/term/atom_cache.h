// Atoms by their bytes, without an allocation for those seen lately.
//
// Each thread keeps a table of fixed size; two slots hold the last two atoms whose hash fell on them. So what
// the wire sends is never kept for ever, and atoms need no table that all threads share. Two nodes may
// stand for the same atom: equality looks at the bytes when the addresses differ.
#pragma once

#include "supervisorring/term.h"

namespace supervisorring::detail {

// Why bytes are no atom.
enum class AtomFault : std::uint8_t { none, not_utf8, too_long };

inline constexpr std::size_t kMaxAtomCharacters = 255;  // OTP's MAX_ATOM_CHARACTERS

std::uint64_t hash_bytes(std::string_view bytes) noexcept;

// `fault` is set when the bytes are not the name of an atom; the Term is then [].
Term atom_from_utf8(std::string_view bytes, AtomFault& fault);
Term atom_from_latin1(std::string_view bytes, AtomFault& fault);

}  // namespace supervisorring::detail
