#include "convergence.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "check_converged.h"
#include "sim_cluster.h"

namespace supervisorring::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr Duration kBound = seconds(60);

std::string name_of(std::size_t i) { return "n" + std::to_string(i) + "@h" + std::to_string(i); }

double milliseconds_in(Duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

template <class... Values>
std::string text(const char* format, Values... values) {
  char line[200];
  std::snprintf(line, sizeof line, format, values...);
  return line;
}

Convergence::Change until_agreed(SimCluster& cluster) {
  Convergence::Change change;
  cluster.network().on_effect([&](const std::string&, const Effect& effect) { change.writes += std::holds_alternative<SendBytes>(effect); });
  const Instant begin = cluster.network().time().now;
  while (check_converged(cluster) && cluster.network().time().now - begin < kBound) cluster.advance(milliseconds(1));
  change.time = cluster.network().time().now - begin;
  cluster.network().on_effect({});
  return change;
}

}  // namespace

Convergence measure_convergence(std::size_t members, std::uint64_t seed) {
  SimCluster cluster({.seed = seed});
  cluster.network().set_delay(milliseconds(1));
  MembershipConfig::Sets sets;
  for (std::size_t i = 1; i < members; ++i) {
    for (LwwSet* set : {&sets.nodes, &sets.up}) set->put(atom(name_of(i)), cluster.network().time().wall);
  }
  for (std::size_t i = 1; i < members; ++i) cluster.start(name_of(i), std::vector<std::string>(), {.resume = sets});
  cluster.advance(seconds(6));
  Convergence found;
  found.members = members;
  cluster.start(name_of(members), name_of(1));
  found.join = until_agreed(cluster);
  cluster.advance(seconds(6));
  cluster.crash(name_of(2));
  found.kill = until_agreed(cluster);
  return found;
}

std::string table_of(const std::vector<Convergence>& rows) {
  std::string out = "| members | one joins: until all agree | writes | one is killed: until all agree | writes |\n|---|---|---|---|---|\n";
  for (const Convergence& row : rows)
    out += text("| %zu | %.0f ms | %llu | %.0f ms | %llu |\n", row.members, milliseconds_in(row.join.time), static_cast<unsigned long long>(row.join.writes), milliseconds_in(row.kill.time),
                static_cast<unsigned long long>(row.kill.writes));
  return out;
}

// Both axes are logarithmic: 1 to 1,000 members, 1 ms to 100 s.
std::string plot_of(const std::vector<Convergence>& rows) {
  const auto x = [](double members) { return 60 + std::log10(std::max(members, 1.0)) * 160; };
  const auto y = [](double ms) { return 320 - std::log10(std::max(ms, 1.0)) * 56; };
  std::string out = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"600\" height=\"380\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"600\" height=\"380\" fill=\"white\"/>\n";
  for (const int members : {1, 10, 100, 1000})
    out += text("<path d=\"M%.0f 40V320\" stroke=\"#ddd\"/><text x=\"%.0f\" y=\"338\" text-anchor=\"middle\">%d</text>\n", x(members), x(members), members);
  for (const int ms : {1, 10, 100, 1000, 10000, 100000})
    out += text("<path d=\"M60 %.0fH540\" stroke=\"#ddd\"/><text x=\"54\" y=\"%.0f\" text-anchor=\"end\">%d</text>\n", y(ms), y(ms) + 4, ms);
  out += "<text x=\"300\" y=\"362\" text-anchor=\"middle\">members</text>\n<text x=\"60\" y=\"26\">milliseconds until all agree (1 ms from host to host)</text>\n";
  const auto line = [&](const char* colour, const char* name, double legend, auto&& change) {
    std::string points;
    for (const Convergence& row : rows) {
      const double at_x = x(static_cast<double>(row.members)), at_y = y(milliseconds_in(change(row).time));
      points += text("%.1f,%.1f ", at_x, at_y);
      out += text("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n", at_x, at_y, colour);
    }
    out += text("<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"", colour) + points + "\"/>\n";
    out += text("<text x=\"420\" y=\"%.0f\" fill=\"%s\">%s</text>\n", legend, colour, name);
  };
  line("#1f6fb4", "one joins", 56, [](const Convergence& row) { return row.join; });
  line("#c2410c", "one is killed", 74, [](const Convergence& row) { return row.kill; });
  return out + "</svg>\n";
}

}  // namespace supervisorring::sim
