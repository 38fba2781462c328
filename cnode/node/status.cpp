#include "node/status.h"

#include "supervisorring/version.h"

namespace supervisorring {
namespace {

// The first 64 bits of a digest.
std::uint64_t prefix(const Digest& digest) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value = value << 8 | digest[i];
  return value;
}

}  // namespace

std::unordered_map<Term, double> ring_shares(const Ring& ring) {
  if (ring.empty()) return {};
  if (ring.size() == 1) return {{ring.members()[0], 1.0}};
  std::unordered_map<Term, double> shares;
  const std::size_t points = ring.point_count();
  // A point owns the keys from behind its predecessor up to itself; the subtraction wraps with the ring.
  std::uint64_t before = prefix(ring.point(points - 1).digest);
  for (std::size_t i = 0; i < points; ++i) {
    const auto point = ring.point(i);
    const std::uint64_t here = prefix(point.digest);
    shares[point.member] += static_cast<double>(here - before) / 18446744073709551616.0;
    before = here;
  }
  return shares;
}

namespace {

Term unwritten(const Node& node, Instant now) {
  std::vector<Term> files;
  for (const UnwrittenFile& file : node.unwritten_files()) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - file.since).count();
    files.push_back(Term::map({{atom("file"), binary(file.name)}, {atom("why"), binary(file.why)}, {atom("seconds"), integer(seconds)}}));
  }
  return Term::list(std::move(files));
}

}  // namespace

Term with_program_status(const Term& supervision, const Node& node, const Ring& ring, const ProgramStatus& program) {
  const auto pairs = supervision.pairs();
  std::vector<Term::Pair> all(pairs.begin(), pairs.end());
  std::vector<Term::Pair> shares;
  for (const auto& [member, share] : ring_shares(ring)) shares.emplace_back(member, Term::real(share));
  all.emplace_back(atom("version"), binary(kVersion));
  all.emplace_back(atom("uptime"), integer(std::chrono::duration_cast<std::chrono::seconds>(program.uptime).count()));
  all.emplace_back(atom("epmd"), Term::boolean(node.registered_with_epmd()));
  all.emplace_back(atom("published"), Term::boolean(program.published));
  all.emplace_back(atom("forced"), Term::boolean(program.forced));
  all.emplace_back(atom("cannot_run"), binary(program.cannot_run));
  all.emplace_back(atom("unwritten"), unwritten(node, program.now));
  all.emplace_back(atom("other_format"), Term::list(program.other_format));
  all.emplace_back(atom("connected"), Term::list(node.connected_nodes()));
  all.emplace_back(atom("shares"), Term::map(std::move(shares)));
  return Term::map(std::move(all));
}

}  // namespace supervisorring
