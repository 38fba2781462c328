// Names of nodes, several at once: the order in which lists of them are kept, and their line in a text.
//
// The order is that of terms (compare); in a list sorted by it std::ranges::binary_search(nodes, node, by_name) finds one.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "ring/consistent_hash.h"
#include "supervisorring/term.h"

namespace supervisorring {

inline bool by_name(const Term& a, const Term& b) { return compare(a, b) < 0; }

inline std::vector<Term> sorted_members(const Ring& ring) {
  std::vector<Term> members(ring.members().begin(), ring.members().end());
  std::ranges::sort(members, by_name);
  return members;
}

// "a@h, b@h", in the order in which they are given.
inline std::string names(const std::vector<Term>& nodes) {
  std::string text;
  for (const Term& node : nodes) text += (text.empty() ? "" : ", ") + to_text(node, 100);
  return text;
}

}  // namespace supervisorring
