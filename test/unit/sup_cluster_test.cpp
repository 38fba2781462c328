// Where children run: spread over the members, moved, taken over, handed on by one that leaves.
#include "sup_cluster.h"

#include <algorithm>

namespace supervisorring {
namespace {

TEST_F(SupCluster, TwelveCountersSpreadOverThreeMembersAndAnswerCallsByName) {
  const auto specs = counters(12);
  for (const auto& n : kThree) add_with(n, specs);
  ring(kThree);
  EXPECT_TRUE(eventually([&] { return each_once_where_it_belongs(specs, kThree); }));
  for (int i = 0; i < 12; ++i) EXPECT_EQ(count_of("a@h", "c" + std::to_string(i), "increment"), 1);
}

TEST_F(SupCluster, ChildrenOfAKilledMemberRunElsewhereAtOnceAndStartAtZero) {
  const auto specs = counters(100);
  for (const auto& n : kThree) add_with(n, specs);
  ring(kThree);
  ASSERT_TRUE(eventually([&] { return each_once_where_it_belongs(specs, kThree); }));
  std::vector<std::string> lost;
  for (int i = 0; i < 100; ++i) {
    const std::string id = "c" + std::to_string(i);
    count_of("a@h", id, "increment");
    if (owner("a@h", T(id)) == "c@h") lost.push_back(id);
  }
  net.crash("c@h");
  ring(kTwo);
  EXPECT_TRUE(eventually([&] { return each_once_where_it_belongs(specs, kTwo); }, std::chrono::milliseconds(100)));
  for (int i = 0; i < 100; ++i) {
    const std::string id = "c" + std::to_string(i);
    EXPECT_EQ(count_of("a@h", id), std::ranges::count(lost, id) ? 0 : 1) << id;
  }
}

TEST_F(SupCluster, WhatMovesHomeToAMemberThatComesBackKeepsItsCount) {
  const auto specs = counters(100);
  for (const auto& n : kTwo) add_with(n, specs);
  ring(kTwo);
  ASSERT_TRUE(eventually([&] { return each_once_where_it_belongs(specs, kTwo); }));
  for (int i = 0; i < 100; ++i) count_of("a@h", "c" + std::to_string(i), "increment");
  add_with("c@h", specs);
  ring(kThree);
  EXPECT_TRUE(eventually([&] { return each_once_where_it_belongs(specs, kThree); }));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(count_of("a@h", "c" + std::to_string(i)), 1);
}

TEST_F(SupCluster, AMemberThatLeavesHandsEverythingOver) {
  const auto specs = counters(60);
  for (const auto& n : kThree) add_with(n, specs);
  ring(kThree);
  ASSERT_TRUE(eventually([&] { return each_once_where_it_belongs(specs, kThree); }));
  for (int i = 0; i < 60; ++i) count_of("a@h", "c" + std::to_string(i), "increment");
  bool left = false;
  set_ring("c@h", kTwo, true, true);
  net.run("c@h", [&](ProcessContext& context) { members.at("c@h")->supervision->prepare_leave(context, [&](ProcessContext&) { left = true; }); });
  EXPECT_TRUE(eventually([&] { return left; }));
  EXPECT_EQ(local("c@h")->active(), 0u);
  net.crash("c@h");
  ring(kTwo);
  EXPECT_TRUE(eventually([&] { return each_once_where_it_belongs(specs, kTwo); }));
  for (int i = 0; i < 60; ++i) EXPECT_EQ(count_of("a@h", "c" + std::to_string(i)), 1);
}

// It waited the whole 30 s for members that do not run its supervisor.
TEST_F(SupCluster, AMemberWhoseChildrenNobodyElseRunsLeavesAfterAFewTries) {
  add_with("a@h", counters(5));
  add("b@h");
  ring({"a@h"});
  ring(kTwo);
  bool left = false;
  set_ring("a@h", {"b@h"}, true, true);
  net.run("a@h", [&](ProcessContext& context) { members.at("a@h")->supervision->prepare_leave(context, [&](ProcessContext&) { left = true; }); });
  EXPECT_FALSE(eventually([&] { return left; }, std::chrono::seconds(1)));
  EXPECT_TRUE(eventually([&] { return left; }, std::chrono::seconds(5)));
  EXPECT_TRUE(net.logged("a@h", "leaving without having handed over 5 children"));
}

// What was left was a number in the log only.
TEST_F(SupCluster, AMemberWhoseTimeForLeavingIsOverNamesTwentyOfTheChildrenThatItHasLeft) {
  add_with("a@h", counters(25));
  add("b@h");
  ring({"a@h"});
  ring(kTwo);
  members.at("a@h")->supervision->state()->leave_timeout = std::chrono::seconds(1);
  bool left = false;
  set_ring("a@h", {"b@h"}, true, true);
  net.run("a@h", [&](ProcessContext& context) { members.at("a@h")->supervision->prepare_leave(context, [&](ProcessContext&) { left = true; }); });
  EXPECT_FALSE(eventually([&] { return left; }, std::chrono::milliseconds(900)));
  EXPECT_TRUE(eventually([&] { return left; }, std::chrono::milliseconds(200)));
  EXPECT_TRUE(net.logged("a@h", "leaving without having handed over 25 children in time"));
  EXPECT_TRUE(net.logged("a@h", "not handed over: child c24 of 'Elixir.S': b@h does not run the supervisor"));
  EXPECT_TRUE(net.logged("a@h", "not handed over: 5 more"));
}

TEST_F(SupCluster, AfterAPartitionTheOwnersCopyHasWhatTheOtherCounted) {
  for (const auto& n : kTwo) add_with(n, counters(12));
  ring(kTwo);
  std::map<std::string, std::string> owners;
  for (int i = 0; i < 12; ++i) owners["c" + std::to_string(i)] = owner("a@h", T("c" + std::to_string(i)));
  set_ring("a@h", {"a@h"});
  set_ring("b@h", {"b@h"});
  EXPECT_TRUE(eventually([&] { return running(kTwo) == 24; }, std::chrono::seconds(10)));
  for (const auto& [id, of] : owners) {
    const std::string other = of == "a@h" ? "b@h" : "a@h";
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(call(other, tuple(atom(id), atom(other)), atom("increment")).ok);
  }
  ring(kTwo);
  EXPECT_TRUE(eventually([&] { return running(kTwo) == 12; }, std::chrono::seconds(10)));
  for (const auto& [id, of] : owners) {
    EXPECT_EQ(owner("a@h", T(id)), of);
    EXPECT_EQ(count_of("a@h", id), 3) << id;
  }
}

// Every first offer to a member that joined was refused, told in a line a child, and tried again 200 ms later.
TEST_F(SupCluster, AMemberThatIsSettledIsOfferedItsChildrenAtOnceWithoutALine) {
  const auto specs = counters(40);
  add_with("a@h", specs);
  ring({"a@h"});
  ASSERT_TRUE(eventually([&] { return running({"a@h"}) == 40; }));
  add_with("b@h", specs);
  set_ring("a@h", kTwo);
  set_ring("b@h", kTwo, false);
  wait(std::chrono::milliseconds(20));
  set_ring("b@h", kTwo);
  EXPECT_TRUE(eventually([&] { return each_once_where_it_belongs(specs, kTwo); }, std::chrono::milliseconds(15)));
  EXPECT_FALSE(net.logged("a@h", "not_ready"));
}

// Every join to a ring of OTP 26 and above logged an error: the first hello of the new one came before it had learnt the format.
TEST_F(SupCluster, AMemberThatIsNotUpYetIsNotReportedForItsHashFormat) {
  add_with("a@h", counters(1));
  RingState state{{atom("a@h")}, {atom("a@h")}, true, false, HashFormat::minor_version_2};
  const auto set = [&] { net.run("a@h", [&](ProcessContext& context) { members.at("a@h")->view.update(state), members.at("a@h")->supervision->ring_changed(context); }); };
  set();
  add_with("b@h", counters(1));
  EXPECT_TRUE(erpc("b@h", "a@h", "erlang", "node", {}).ok);
  wait(std::chrono::milliseconds(100));
  EXPECT_FALSE(net.logged("a@h", "places by the format"));
  state.up = state.nodes = {atom("a@h"), atom("b@h")};
  set();
  net.crash("b@h");
  add_with("b@h", counters(1));
  EXPECT_TRUE(erpc("b@h", "a@h", "erlang", "node", {}).ok);
  wait(std::chrono::milliseconds(100));
  EXPECT_TRUE(net.logged("a@h", "b@h places by the format of OTP 25, this node by that of 26"));
}

TEST_F(SupCluster, TheLastMemberLeavesAtOnce) {
  add_with("a@h", counters(5));
  ring({"a@h"});
  set_ring("a@h", {}, true, true);
  bool left = false;
  net.run("a@h", [&](ProcessContext& context) { members.at("a@h")->supervision->prepare_leave(context, [&](ProcessContext&) { left = true; }); });
  EXPECT_TRUE(eventually([&] { return left; }, std::chrono::seconds(1)));
}

TEST_F(SupCluster, ACrashedCounterIsRestartedOnItsOwner) {
  add_with("a@h", counters(1));
  ring({"a@h"});
  count_of("a@h", "c0", "increment");
  cast("a@h", atom("c0"), atom("crash"));
  EXPECT_TRUE(eventually([&] { return running({"a@h"}) == 1; }));
  EXPECT_EQ(count_of("a@h", "c0"), 0);
}

TEST_F(SupCluster, ChildrenThatDieRepeatedlyEndTheSupervisorOnAllMembers) {
  const auto specs = counters(10);
  for (const auto& n : kTwo) add_with(n, specs);
  ring(kTwo);
  ASSERT_TRUE(eventually([&] { return each_once_where_it_belongs(specs, kTwo); }));
  std::string mine;
  for (int i = 0; i < 10 && mine.empty(); ++i)
    if (owner("a@h", T("c" + std::to_string(i))) == "a@h") mine = "c" + std::to_string(i);
  ASSERT_FALSE(mine.empty());
  const auto& state = members.at("a@h")->supervision->state();
  for (int i = 0; i < 50 && state->find(atom("Elixir.S"))->phase != SupervisorPhase::down; ++i) {
    cast("a@h", atom(mine), atom("crash"));
    wait(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(state->find(atom("Elixir.S"))->phase, SupervisorPhase::down);
  wait(std::chrono::milliseconds(100));
  EXPECT_EQ(members.at("b@h")->supervision->state()->find(atom("Elixir.S"))->phase, SupervisorPhase::down);
  EXPECT_EQ(running(kTwo), 0u);
}

TEST_F(SupCluster, AMemberThatStandsAsideGivesItsChildrenToTheOthersWithTheirState) {
  const auto specs = counters(20);
  for (const auto& n : kTwo) add_with(n, specs);
  ring(kTwo);
  ASSERT_TRUE(eventually([&] { return each_once_where_it_belongs(specs, kTwo); }));
  for (int i = 0; i < 20; ++i) count_of("a@h", "c" + std::to_string(i), "increment");
  set_ring("b@h", {"a@h"}, false);
  ring({"a@h"});
  EXPECT_TRUE(eventually([&] { return running({"a@h"}) == 20 && running({"b@h"}) == 0; }));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(count_of("a@h", "c" + std::to_string(i)), 1);
}

// A busy child whose owner changed twice was asked for its state three times and answered once; when the other questions timed out it was thawed, while its move was under way.
TEST_F(SupCluster, AChildThatIsAskedForItsStateAgainBeforeItAnswersStaysFrozen) {
  for (const auto& n : kThree) add_with(n, counters(1));
  ring(kThree);
  ASSERT_TRUE(eventually([&] { return running(kThree) == 1; }));
  const std::string source = owner("a@h", T("c0"));
  std::vector<std::string> others = kThree;
  std::erase(others, source);
  const auto all_but_the_child_go_on = [&](Duration time) {
    for (Duration passed{}; passed < time; passed += std::chrono::milliseconds(5)) {
      net.advance(std::chrono::milliseconds(5));
      for (const auto& name : others)
        if (members.at(name)->pool.run()) net.workers_ready(name);
    }
  };
  for (const std::string& target : {others[0], others[1], others[0]}) {
    for (const auto& n : kThree) set_ring(n, {target});
    all_but_the_child_go_on(std::chrono::milliseconds(300));
  }
  net.cut(source, others[0]);  // what it has sent there is not answered
  wait(kMigrateTimeout + std::chrono::milliseconds(500));
  std::string answer;
  const auto ask = [&] {
    net.run(source, [&](ProcessContext& context) {
      context.call(T("c0"), atom("get"), CallOptions{std::chrono::milliseconds(100)}, [&](ProcessContext&, CallResult result) { answer = to_text(result.value); });
    });
    wait(std::chrono::milliseconds(200));
  };
  ask();
  EXPECT_EQ(answer, "timeout");
  net.heal(source, others[0]);
  EXPECT_TRUE(eventually([&] { return running({source}) == 0 && running({others[0]}) == 1; }));
}

TEST_F(SupCluster, AThousandChildrenOfAKilledNeighbourRunWithinTensOfMilliseconds) {
  const auto specs = counters(2000);
  for (const auto& n : kTwo) add_with(n, specs);
  ring(kTwo);
  ASSERT_TRUE(eventually([&] { return running(kTwo) == 2000; }));
  net.crash("b@h");
  ring({"a@h"});
  EXPECT_TRUE(eventually([&] { return running({"a@h"}) == 2000; }, std::chrono::milliseconds(50)));
}

}  // namespace
}  // namespace supervisorring
