// The external term format: bytes to terms and back.
//
// Follows OTP's "External Term Format" chapter. Decoding is bounds-checked, iterative (depth-limited by
// kMaxTermDepth, not by the C++ stack) and linear in the bytes. COMPRESSED (80) and atom-cache references
// (82) are refused: no flag of ours offers them.
#pragma once

#include "supervisorring/term.h"

namespace supervisorring {

// How atoms are written. OTP <= 25's term_to_binary/1 writes Latin-1 atoms as ATOM_EXT (minor_version 1);
// OTP >= 26, and every OTP on the wire, writes UTF-8 (minor_version 2).
enum class AtomEncoding : std::uint8_t { minor_version_1 = 1, minor_version_2 = 2 };

inline constexpr std::size_t kMaxTermDepth = 10'000;  // nested tuples, maps, list elements; OTP's own terms stay far below

struct Decoded {
  Term term;
  std::size_t bytes_used;
};

// One term that begins with the version byte 131. Bytes after it are left: see bytes_used.
Result<Decoded> decode(BytesView bytes);
// One term without the version byte.
Result<Decoded> decode_body(BytesView bytes);
// As decode(), and nothing may follow.
Result<Term> decode_whole(BytesView bytes);

// Appends the canonical external form, as term_to_binary/2 with that minor_version gives. Maps keep the order they hold.
void encode(const Term& term, AtomEncoding encoding, Bytes& out);       // 131 first
void encode_body(const Term& term, AtomEncoding encoding, Bytes& out);  // no 131
Bytes external_form(const Term& term, AtomEncoding encoding = AtomEncoding::minor_version_2);

}  // namespace supervisorring
