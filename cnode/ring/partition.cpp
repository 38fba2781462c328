#include "ring/partition.h"

#include <algorithm>

namespace supervisorring {

bool in_minority(const std::vector<Term>& nodes, const std::vector<Term>& up) {
  const auto is_up = [&](const Term& node) { return std::binary_search(up.begin(), up.end(), node, [](const Term& a, const Term& b) { return compare(a, b) < 0; }); };
  const auto counted = static_cast<std::size_t>(std::count_if(nodes.begin(), nodes.end(), is_up));
  if (2 * counted != nodes.size()) return 2 * counted < nodes.size();
  return !nodes.empty() && !is_up(nodes.front());
}

Term minority_term(const std::vector<Term>& nodes, const std::vector<Term>& up) { return tuple(atom("minority"), Term::list(up), Term::list(nodes)); }

}  // namespace supervisorring
