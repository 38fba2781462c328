// Placement and gossip: a ring of 1,000, one joining or leaving, a look-up with its hash, gossip of 100 and of 1,000 members.
#include <benchmark/benchmark.h>

#include "crdt/lww_set.h"
#include "ring/consistent_hash.h"
#include "ring/ring_message.h"
#include "supervisorring/external_format.h"

namespace supervisorring {
namespace {

std::vector<Term> members(std::int64_t count) {
  std::vector<Term> all;
  for (std::int64_t i = 0; i < count; ++i) all.push_back(atom("member" + std::to_string(i) + "@host" + std::to_string(i % 50) + ".example"));
  return all;
}

void BM_RingBuild(benchmark::State& state) {
  const auto all = members(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(Ring::make(all));
}
BENCHMARK(BM_RingBuild)->Arg(4)->Arg(256)->Arg(1000)->Unit(benchmark::kMillisecond);

void BM_RingJoin(benchmark::State& state) {
  const auto ring = Ring::make(members(state.range(0)));
  const Term one = atom("joining@host");
  for (auto _ : state) benchmark::DoNotOptimize(ring->with(one));
}
BENCHMARK(BM_RingJoin)->Arg(999)->Unit(benchmark::kMillisecond);

void BM_RingLeave(benchmark::State& state) {
  const auto all = members(state.range(0));
  const auto ring = Ring::make(all);
  for (auto _ : state) benchmark::DoNotOptimize(ring->without(all[500]));
}
BENCHMARK(BM_RingLeave)->Arg(1000)->Unit(benchmark::kMillisecond);

void BM_LookUpWithHash(benchmark::State& state) {
  const auto ring = Ring::make(members(state.range(0)));
  const Term sup = atom("Elixir.MySup");
  std::vector<Term> ids;
  for (int i = 0; i < 4096; ++i) ids.push_back(tuple(atom("counter"), integer(i)));
  std::size_t i = 0;
  for (auto _ : state) {
    const auto digest = child_digest(sup, ids[i++ & 4095], HashFormat::minor_version_1);
    benchmark::DoNotOptimize(ring->owner_index(*digest));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_LookUpWithHash)->Arg(4)->Arg(256)->Arg(1000);

LwwSet set_of(std::int64_t count) {
  LwwSet set;
  for (const Term& member : members(count)) set.put(member, std::chrono::microseconds(1'795'000'000'000'000));
  return set;
}

Bytes gossip_of(const Term& ring) {
  const std::uint32_t words[] = {1, 2, 3};
  return external_form(reconcile_message(ring, Term::pid(atom("a@h"), 1, 0, 1), Term::reference(atom("a@h"), 1, words)));
}

// From the bytes that came: both sets.
void BM_GossipMerge(benchmark::State& state) {
  LwwSet nodes = set_of(state.range(0)), up = nodes;
  const Bytes received = gossip_of(ring_term(nodes.to_term({}), nodes.to_term({})));
  for (auto _ : state) {
    const auto message = parse_ring_message(*decode_whole(received));
    const auto& theirs = std::get<ring_message::Reconcile>(*message);
    benchmark::DoNotOptimize(nodes.merge(theirs.nodes));
    benchmark::DoNotOptimize(up.merge(theirs.up));
  }
}
BENCHMARK(BM_GossipMerge)->Arg(100)->Arg(1000)->Unit(benchmark::kMicrosecond);

// Of sets that have not changed since the last gossip: their term is kept, here and by a legacy member.
void BM_GossipEncode(benchmark::State& state) {
  const LwwSet set = set_of(state.range(0));
  const Term ring = ring_term(set.to_term({}), set.to_term({}));
  for (auto _ : state) benchmark::DoNotOptimize(gossip_of(ring));
}
BENCHMARK(BM_GossipEncode)->Arg(100)->Arg(1000)->Unit(benchmark::kMicrosecond);

// The first gossip after a change makes the term.
void BM_GossipEncodeChanged(benchmark::State& state) {
  const LwwSet set = set_of(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(gossip_of(ring_term(set.to_term({}), set.to_term({}))));
}
BENCHMARK(BM_GossipEncodeChanged)->Arg(100)->Arg(1000)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace supervisorring
