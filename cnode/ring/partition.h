// What a partition does to the members of one side. Among our own members; one policy for a cluster.
//
// keep_all: as the original: every side runs all children; after the heal the owner's copy stays.
// quorum: a side that counts fewer than half of node_set up, or exactly half without the member whose name sorts first, runs nothing until it counts more.
// A member that left and was not forgotten still is one of node_set: it counts for neither side.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "supervisorring/term.h"

namespace supervisorring {

enum class PartitionPolicy : std::uint8_t { keep_all, quorum };

inline std::string_view name_of(PartitionPolicy policy) { return policy == PartitionPolicy::quorum ? "quorum" : "keep_all"; }

// Is the side that counts `up` a minority of `nodes`? Both in ascending order of names. Members that are up and not of `nodes` do not count.
bool in_minority(const std::vector<Term>& nodes, const std::vector<Term>& up);
// {minority, Up, Nodes}: why something is refused there.
Term minority_term(const std::vector<Term>& nodes, const std::vector<Term>& up);

}  // namespace supervisorring
