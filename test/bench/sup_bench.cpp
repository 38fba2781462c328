// A ring change with 100,000 children, of which one member's have to go elsewhere: what is to be started, asked for, moved. Lists of handlers are not fetched.
#include <benchmark/benchmark.h>

#include <chrono>

#include "sup/child_manager.h"

namespace supervisorring {
namespace {

constexpr int kChildren = 100'000;

ChildSpec spec_of(int number) {
  const Term id = tuple(atom("counter"), integer(number));
  const Term start = tuple(atom("counter"), atom("start_link"), list({integer(number)}));
  return std::get<ChildSpec>(check_child_spec(tuple(id, start, atom("permanent"), integer(2000), atom("worker"), list({atom("counter")})), std::nullopt));
}

// One member of a ring, whose children run.
struct Member {
  explicit Member(int count) {
    for (int i = 0; i < count; ++i) members.push_back(atom("member" + std::to_string(i) + "@host.example"));
    for (int i = 0; i < kChildren; ++i) specs.push_back(spec_of(i));
    ring = Ring::make(members);
    sup = std::make_unique<Supervisor>(atom("bench_sup"), SupervisorFlags{});
    manager = std::make_unique<ChildManager>(atom("bench_sup"), members[0], 1);
    manager->attach(sup.get(), now);
    for (int i = 1; i < count; ++i) manager->peer_is(members[static_cast<std::size_t>(i)], PeerKind::runs_it, now);
    manager->ring_changed(ring, HashFormat::minor_version_1, true, false, now);
    manager->set_children(specs, now);
    settle();
    now += std::chrono::seconds(10);
    manager->set_children(specs, now);  // as every ten seconds
  }
  // The members that are asked have nothing, every start succeeds at once.
  void settle() {
    for (bool idle = false; !idle;) {
      idle = true;
      for (const MgrEffect& effect : manager->take_effects()) {
        idle = false;
        if (const auto* start = std::get_if<MgrStart>(&effect)) sup->call(1, tuple(atom("start_child"), to_wire(*start->spec)), now);
        const auto* send = std::get_if<MgrSend>(&effect);
        const auto* ask = send ? std::get_if<PeerAsk>(&send->body) : nullptr;
        if (ask) manager->received(send->node, PeerAnswer{ask->supervisor, {}, ask->ids}, now);
      }
      for (const SupEffect& effect : sup->take_effects()) {
        idle = false;
        if (const auto* start = std::get_if<SupStart>(&effect)) {
          sup->started(start->token, Term::pid(members[0], ++last_pid, 0, 1), now);
          manager->start_done(start->spec->id, tuple(atom("ok"), atom("undefined")), now);
        }
      }
    }
  }

  Instant now{std::chrono::hours(1)};
  std::vector<Term> members;
  SharedSpecs specs;
  std::shared_ptr<const Ring> ring;
  std::unique_ptr<Supervisor> sup;
  std::unique_ptr<ChildManager> manager;
  std::uint32_t last_pid = 0;
};

void BM_PlanRingChange(benchmark::State& state) {
  for (auto _ : state) {
    Member member(static_cast<int>(state.range(0)));
    const Term lost = member.members.back();
    member.manager->peer_gone(lost, member.now);
    const auto ring = member.ring->without(lost);  // has a row of its own
    benchmark::DoNotOptimize(std::vector<char>(8 << 20));  // what the preparations freed is put in order by the allocator now, not below
    const auto begin = std::chrono::steady_clock::now();
    member.manager->ring_changed(ring, HashFormat::minor_version_1, true, false, member.now);
    benchmark::DoNotOptimize(member.manager->take_effects());
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    const ChildManager::Status status = member.manager->status();
    if (status.starting + status.waiting_to_start + status.asked_for == 0) state.SkipWithError("nothing of the lost member's comes here");
  }
}
// As every ten seconds: `added` children are new in the list.
void BM_SameList(benchmark::State& state) {
  Member member(8);
  member.manager->all_are_named(member.now);
  for (auto _ : state) {
    for (int i = 0; i < state.range(0); ++i) member.specs.emplace_back(spec_of(static_cast<int>(member.specs.size()) + 1));
    const auto begin = std::chrono::steady_clock::now();
    if (state.range(0) == 0) member.manager->same_children(member.now);
    else member.manager->set_children(member.specs, member.now);
    member.manager->all_are_named(member.now);
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    member.settle();
  }
}
BENCHMARK(BM_SameList)->Arg(0)->Arg(10)->UseManualTime()->Iterations(20)->Unit(benchmark::kMicrosecond);

BENCHMARK(BM_PlanRingChange)->Arg(8)->Arg(64)->UseManualTime()->Iterations(3)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace supervisorring
