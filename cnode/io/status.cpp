#include "io/status.h"

#include <algorithm>

#include "supervisorring/version.h"

namespace supervisorring {
namespace {

Term number(std::size_t value) { return Term::unsigned_integer(value); }

Term seconds(Duration duration) { return integer(std::chrono::duration_cast<std::chrono::seconds>(duration).count()); }

// The first 64 bits of a digest.
std::uint64_t prefix(const Digest& digest) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value = value << 8 | digest[i];
  return value;
}

Term member_term(const NodeStatus& status, const Term& member, const std::unordered_map<Term, double>& shares) {
  const auto share = shares.find(member);
  const bool up = std::find(status.ring->up().begin(), status.ring->up().end(), member) != status.ring->up().end();
  const bool connected = member == status.ring->self() || status.context->is_connected(member);
  return Term::map({{atom("node"), member},
                    {atom("up"), Term::boolean(up)},
                    {atom("connected"), Term::boolean(connected)},
                    {atom("share"), Term::real(share == shares.end() ? 0.0 : share->second)}});
}

Term supervisor_term(const SupervisorStatus& supervisor) {
  std::vector<Term> children;
  for (const ChildStatus& child : supervisor.children)
    children.push_back(Term::map({{atom("id"), child.id}, {atom("pid"), child.pid}, {atom("state"), child.state}}));
  return Term::map({{atom("name"), supervisor.name},
                    {atom("state"), supervisor.state},
                    {atom("known"), number(supervisor.known)},
                    {atom("owned"), number(supervisor.owned)},
                    {atom("running"), number(supervisor.running)},
                    {atom("moving"), number(supervisor.moving)},
                    {atom("children"), Term::list(std::move(children))}});
}

Term stuck_term(const StuckChild& child, Instant now) {
  std::vector<Term::Pair> pairs{{atom("pid"), child.pid}, {atom("module"), child.module}, {atom("reason"), child.reason}, {atom("seconds"), seconds(now - child.since)}};
  if (child.name.is_atom()) pairs.emplace_back(atom("name"), child.name);
  return Term::map(std::move(pairs));
}

}  // namespace

std::unordered_map<Term, double> ring_shares(const Ring& ring) {
  std::unordered_map<Term, double> shares;
  const std::size_t points = ring.point_count();
  if (points == 0) return shares;
  // A point owns the keys from behind its predecessor up to itself; the subtraction wraps with the ring.
  std::uint64_t before = prefix(ring.point(points - 1).digest);
  for (std::size_t i = 0; i < points; ++i) {
    const auto point = ring.point(i);
    const std::uint64_t here = prefix(point.digest);
    shares[point.member] += static_cast<double>(here - before) / 18446744073709551616.0;
    before = here;
  }
  if (ring.size() == 1) shares.begin()->second = 1.0;
  return shares;
}

Term status_term(const NodeStatus& status) {
  const auto shares = ring_shares(*status.ring->ring());
  std::vector<Term> members, supervisors, stuck;
  for (const Term& member : status.ring->nodes()) members.push_back(member_term(status, member, shares));
  for (const SupervisorStatus& supervisor : status.supervisors) supervisors.push_back(supervisor_term(supervisor));
  for (const StuckChild& child : status.stuck) stuck.push_back(stuck_term(child, status.context->time().now));
  return Term::map({{atom("node"), status.node->name()},
                    {atom("version"), binary(kVersion)},
                    {atom("uptime"), seconds(status.uptime)},
                    {atom("epmd"), Term::boolean(status.node->registered_with_epmd())},
                    {atom("published"), Term::boolean(status.published)},
                    {atom("otp"), integer(otp_of_hash_format(status.ring->format()))},
                    {atom("settled"), Term::boolean(status.ring->settled())},
                    {atom("leaving"), Term::boolean(status.ring->leaving())},
                    {atom("degraded"), Term::boolean(status.degraded)},
                    {atom("members"), Term::list(std::move(members))},
                    {atom("supervisors"), Term::list(std::move(supervisors))},
                    {atom("stuck"), Term::list(std::move(stuck))}});
}

}  // namespace supervisorring
