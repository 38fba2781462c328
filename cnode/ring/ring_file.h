// The files of a member: `ring`, in nano_ring's own format, and `ring.supervisorring` with what nano_ring has no place for.
//
// `ring` is term_to_binary(node_set), as NanoRing writes it; a legacy member can start from ours and we from theirs. `ring.supervisorring` is
// one Erlang term as text: {supervisorring, 1, #{hash_format => 25}}. where 25 stands for 25 and below, 26 for 26 and above.
//
// A file that cannot be read is an error that says what is wrong with it; keeping it aside is the caller's part.
#pragma once

#include <optional>
#include <string>

#include "crdt/lww_set.h"
#include "ring/consistent_hash.h"

namespace supervisorring {

inline constexpr char kRingFileName[] = "ring";
inline constexpr char kRingFactsFileName[] = "ring.supervisorring";

struct RingFile {
  LwwSet nodes;
  MapSetForm form;                   // to be written back as it was found
  std::optional<HashFormat> format;  // how its atoms are written: the OTP of the VM that wrote it
};

Result<RingFile> read_ring_file(BytesView content);
Bytes write_ring_file(const LwwSet& nodes, const MapSetForm& form, HashFormat format);

struct RingFacts {
  HashFormat format;
};

Result<RingFacts> read_ring_facts(std::string_view content);
std::string write_ring_facts(const RingFacts& facts);

// Whether `term` is an atom like a@b, as every member is named.
bool is_member_name(const Term& term);
// As an LwwSet of member names within the limits; otherwise what was expected.
Result<LwwSet> member_set(const LwwStruct& received);

}  // namespace supervisorring
