// Convergence: how long a cluster of whole nodes takes to agree, and how much it writes for it, by its size. As a table, and as a plot (SVG).
//
// Each size: all but one are a ring; the last one joins by the first; then one is killed. 1 ms from host to host, and nothing else happens.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "supervisorring/time.h"

namespace supervisorring::sim {

struct Convergence {
  struct Change {
    Duration time{};            // until all agree
    std::uint64_t writes = 0;   // of all members meanwhile
  };
  std::size_t members = 0;      // with the one that joins
  Change join, kill;
};

Convergence measure_convergence(std::size_t members, std::uint64_t seed);
std::string table_of(const std::vector<Convergence>& rows);  // for the README
std::string plot_of(const std::vector<Convergence>& rows);

}  // namespace supervisorring::sim
