// OwnerSet: which members may own a supervisor's children; `members` in the flag map of its init/1.
//
//   all       every up member, as in the original; the default
//   native    standalone C nodes
//   beam      BEAMs that are members by a program of ours beside them
//   [Node]    these, by name
//
// The owner of a child is the member of the first point at or after its key whose member is in the set: its owner on the ring of those members alone
// (owner_rings.h). Pure: reading, comparing and writing.
#pragma once

#include <optional>
#include <vector>

#include "supervisorring/term.h"

namespace supervisorring {

inline constexpr std::size_t kMaxListedOwners = 1'000;  // names in one set: it is announced in every hello

struct OwnerSet {
  enum class Kind : std::uint8_t { all, native, beam, listed };
  Kind kind = Kind::all;
  std::vector<Term> nodes = {};  // of `listed`: ascending, each once

  bool is_all() const { return kind == Kind::all; }
  bool operator==(const OwnerSet&) const = default;
};

// nullopt: neither all, native or beam nor a list of 1 to kMaxListedOwners node names.
std::optional<OwnerSet> read_owner_set(const Term& members);
Term to_term(const OwnerSet& set);

}  // namespace supervisorring
