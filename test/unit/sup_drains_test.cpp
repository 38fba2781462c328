// Who is drained: agreed by what each member says of itself, and what then moves.
#include "sup_cluster.h"

#include "sup/drains.h"

namespace supervisorring {
namespace {

using Words = std::vector<DrainWord>;
using sup_test::kA, sup_test::kB, sup_test::kC;

TEST(Drains, WhatAMemberSaysOfItselfCountsWhateverOthersSay) {
  Drains drains(kA);
  drains.heard(kB, {{kB, 3, true}});
  EXPECT_TRUE(drains.drained(kB));
  drains.heard(kC, {{kB, 9, false}});
  EXPECT_TRUE(drains.drained(kB));
  drains.heard(kB, {{kB, 4, false}});
  EXPECT_FALSE(drains.drained(kB));
}

TEST(Drains, WhatAThirdOneSaysCountsWhileAMemberHasNotBeenHeardAndOlderNewsNeverWins) {
  Drains drains(kA);
  drains.heard(kC, {{kB, 5, true}});
  EXPECT_TRUE(drains.drained(kB));
  drains.heard(kC, {{kB, 4, false}});
  EXPECT_TRUE(drains.drained(kB)) << "late";
  drains.heard(kC, {{kB, 6, false}});
  EXPECT_FALSE(drains.drained(kB));
}

TEST(Drains, WhetherAnybodyIsDrainedIsKnownThroughoutAllNews) {
  Drains drains(kA);
  EXPECT_FALSE(drains.any_drained());
  drains.heard(kC, {{kB, 1, true}, {kC, 1, true}});
  drains.heard(kC, {{kB, 2, false}, {kC, 1, true}});
  EXPECT_TRUE(drains.any_drained());
  drains.heard(kC, {});
  EXPECT_FALSE(drains.any_drained());
  drains.heard(kB, {{kB, 3, true}});
  drains.forget_if([](const Term& node) { return node == kB; });
  EXPECT_FALSE(drains.any_drained());
  drains.set_self(true);
  EXPECT_TRUE(drains.any_drained());
}

TEST(Drains, OfAMemberWhoseConnectionClosedThirdOnesMaySpeakAgain) {
  Drains drains(kA);
  drains.heard(kB, {{kB, 1, true}});
  drains.gone(kB);
  EXPECT_TRUE(drains.drained(kB));
  drains.heard(kC, {{kB, 2, false}});
  EXPECT_FALSE(drains.drained(kB));
}

TEST(Drains, AMemberThatStartsIsNotDrainedAndSaysSoToThoseWhoBelieveIt) {
  Drains drains(kB);
  EXPECT_TRUE(drains.words().empty());
  EXPECT_TRUE(drains.heard(kA, {{kB, 7, true}}));
  EXPECT_FALSE(drains.self_drained());
  EXPECT_EQ(drains.words(), (Words{{kB, 8, false}}));
  EXPECT_FALSE(drains.heard(kA, {{kB, 8, false}}));
  EXPECT_FALSE(drains.heard(kC, {{kB, 7, true}})) << "older than what it says itself";
  Drains other(kC);
  other.heard(kA, {{kB, 7, true}});
  other.heard(kA, drains.words());
  EXPECT_FALSE(other.drained(kB));
}

TEST(Drains, AMemberThatSaysNothingOfItselfIsNotDrained) {
  Drains drains(kA);
  drains.heard(kC, {{kB, 7, true}});
  drains.heard(kB, {});
  EXPECT_FALSE(drains.drained(kB));
}

TEST(Drains, NumbersEndBeforeTheyOverflow) {
  Drains drains(kA);
  EXPECT_TRUE(drains.heard(kB, {{kA, kMaxDrainNumber, true}}));
  EXPECT_FALSE(drains.heard(kB, {{kA, kMaxDrainNumber, true}}));
  EXPECT_TRUE(drains.set_self(true));
  EXPECT_EQ(drains.own().number, kMaxDrainNumber);
}

TEST(MoveRate, SpreadsTheMovesOverTheSecond) {
  MoveRate rate;
  Instant now{std::chrono::hours(1)};
  EXPECT_TRUE(rate.take(now));
  rate.limit(20, now);
  int taken = 0;
  for (int ms = 0; ms < 5'000; ms += 50) {
    int at_once = 0;
    while (rate.take(now)) ++at_once;
    EXPECT_LE(at_once, 2);
    taken += at_once;
    now += std::chrono::milliseconds(50);
  }
  EXPECT_GE(taken, 98);
  EXPECT_LE(taken, 101);
  rate.limit(1, now);
  EXPECT_TRUE(rate.take(now));
  EXPECT_FALSE(rate.take(now + std::chrono::milliseconds(999)));
  EXPECT_TRUE(rate.take(now + std::chrono::milliseconds(1000)));
}

class SupDrain : public SupCluster {
 protected:
  Term drain(const std::string& name, std::optional<std::int64_t> rate = {}) {
    Term answer;
    net.run(name, [&](ProcessContext& context) { answer = members.at(name)->supervision->state()->draining.drain(context, rate); });
    drive();
    return answer;
  }
  void undrain(const std::string& name) {
    net.run(name, [&](ProcessContext& context) { members.at(name)->supervision->state()->draining.undrain(context); });
    drive();
  }
  SupervisionState& state(const std::string& name) { return *members.at(name)->supervision->state(); }
  std::string owner_by(const std::string& asked, const Term& id) {
    const auto owner = state(asked).who_owns.owner_of(*state(asked).find(atom("Elixir.S")), id);
    return owner.node ? std::string(owner.node->atom_name()) : "none";
  }
  void start(const std::vector<ChildSpec>& specs, const std::vector<std::string>& names = kThree) {
    for (const auto& n : names) add_with(n, specs);
    ring(names);
    ASSERT_TRUE(eventually([&] { return each_once_where_it_belongs(specs, names); }));
  }
  void count_all(int children) {
    for (int i = 0; i < children; ++i) {
      const std::string id = "c" + std::to_string(i);
      EXPECT_TRUE(call("a@h", tuple(atom(id), atom(owner_by("a@h", T(id)))), atom("increment")).ok) << id;
    }
  }
  void expect_counts(int children) {
    for (int i = 0; i < children; ++i) {
      const std::string id = "c" + std::to_string(i);
      const CallResult answer = call("a@h", tuple(atom(id), atom(owner_by("a@h", T(id)))), atom("get"));
      EXPECT_TRUE(answer.ok && answer.value == integer(1)) << id << " on " << owner_by("a@h", T(id)) << ": " << to_text(answer.value);
    }
  }
};

TEST_F(SupDrain, ADrainedMemberHandsEverythingOverWithItsStateAndStaysUp) {
  const auto specs = counters(60);
  start(specs);
  count_all(60);
  EXPECT_EQ(drain("c@h"), atom("ok"));
  EXPECT_TRUE(eventually([&] { return running({"c@h"}) == 0 && running(kTwo) == 60; }));
  expect_counts(60);
  for (const auto& asked : kThree)
    for (const ChildSpec& child : specs) EXPECT_NE(owner_by(asked, child.id), "c@h");
  EXPECT_TRUE(net.logged("a@h", "c@h is drained: it owns no children"));
  EXPECT_TRUE(members.at("a@h")->view.is_up(kC));
}

TEST_F(SupDrain, ChildrenOfTheOthersDoNotMove) {
  const auto specs = counters(60);
  start(specs);
  std::map<std::string, Term> pids;
  for (const auto& n : kTwo)
    for (const ChildSpec& child : specs)
      if (const auto view = local(n)->find(child.id)) pids[to_text(child.id)] = view->pid;
  drain("c@h");
  EXPECT_TRUE(eventually([&] { return running({"c@h"}) == 0 && running(kTwo) == 60; }));
  for (const auto& n : kTwo)
    for (const ChildSpec& child : specs)
      if (const auto view = local(n)->find(child.id); view && pids.contains(to_text(child.id))) { EXPECT_EQ(view->pid, pids.at(to_text(child.id))); }
}

TEST_F(SupDrain, AtMostSoManyMoveASecond) {
  const auto specs = counters(90);
  start(specs, kTwo);
  const std::size_t there = running({"b@h"});
  ASSERT_GT(there, 25u);
  drain("b@h", 10);
  wait(std::chrono::seconds(1));
  EXPECT_GE(there - running({"b@h"}), 8u);
  EXPECT_LE(there - running({"b@h"}), 12u);
  EXPECT_EQ(running(kTwo), 90u);
  wait(std::chrono::seconds(1));
  EXPECT_LE(there - running({"b@h"}), 22u);
  EXPECT_EQ(drain("b@h"), atom("ok"));  // no limit from here on
  EXPECT_TRUE(eventually([&] { return running({"b@h"}) == 0 && running({"a@h"}) == 90; }, std::chrono::seconds(1)));
}

TEST_F(SupDrain, UncordonBringsTheChildrenHomeWithTheirState) {
  const auto specs = counters(40);
  start(specs);
  count_all(40);
  drain("b@h");
  ASSERT_TRUE(eventually([&] { return running({"b@h"}) == 0; }));
  undrain("b@h");
  EXPECT_TRUE(eventually([&] { return each_once_where_it_belongs(specs, kThree); }));
  EXPECT_GT(running({"b@h"}), 0u);
  expect_counts(40);
}

TEST_F(SupDrain, AMemberThatJoinsHearsWhoIsDrained) {
  const auto specs = counters(60);
  start(specs, kTwo);
  drain("b@h");
  ASSERT_TRUE(eventually([&] { return running({"b@h"}) == 0; }));
  add_with("c@h", specs);
  ring(kThree);
  EXPECT_TRUE(eventually([&] { return running({"a@h", "c@h"}) == 60 && running({"c@h"}) > 0 && running({"b@h"}) == 0; }));
  for (const ChildSpec& child : specs) EXPECT_EQ(owner_by("c@h", child.id), owner_by("a@h", child.id));
}

TEST_F(SupDrain, AMemberThatStartsAgainIsNotDrained) {
  const auto specs = counters(40);
  start(specs);
  drain("b@h");
  ASSERT_TRUE(eventually([&] { return running({"b@h"}) == 0; }));
  net.crash("b@h");
  for (const auto& n : {"a@h", "c@h"}) set_ring(n, {"a@h", "c@h"});
  drive();
  add_with("b@h", specs);
  ring(kThree);
  EXPECT_TRUE(eventually([&] { return each_once_where_it_belongs(specs, kThree); }));
  EXPECT_FALSE(state("a@h").draining.excludes(kB));
}

TEST_F(SupDrain, TheOthersOfADrainedMemberDownItOwnsThemAsIfItWereNotDrained) {
  const auto specs = counters(20);
  start(specs, kTwo);
  drain("b@h");
  ASSERT_TRUE(eventually([&] { return running({"b@h"}) == 0; }));
  net.crash("a@h");
  ring({"b@h"});
  EXPECT_TRUE(eventually([&] { return running({"b@h"}) == 20; }));
}

TEST_F(SupDrain, TheLastThatOwnsChildrenIsRefused) {
  start(counters(4), kTwo);
  EXPECT_EQ(drain("b@h"), atom("ok"));
  EXPECT_EQ(drain("a@h"), T("{error,no_other_member}"));
  EXPECT_EQ(running({"a@h"}), 4u);
}

TEST_F(SupDrain, IsRefusedBesideALegacyMember) {
  const auto specs = counters(10);
  start(specs, kTwo);
  add_plain("l@h");
  for (const auto& n : kTwo) set_ring(n, {"a@h", "b@h", "l@h"});
  drive();
  wait(std::chrono::milliseconds(100));
  EXPECT_EQ(drain("b@h"), T("{error,{legacy_members,['l@h']}}"));
  EXPECT_FALSE(state("a@h").draining.excludes(kB));
}

TEST_F(SupDrain, EndsForGoodWhenALegacyMemberComesUp) {
  const auto specs = counters(40);
  start(specs, kTwo);
  drain("b@h");
  ASSERT_TRUE(eventually([&] { return running({"b@h"}) == 0; }));
  add_plain("l@h");
  for (const auto& n : kTwo) set_ring(n, {"a@h", "b@h", "l@h"});
  drive();
  wait(std::chrono::seconds(1));
  for (const auto& n : kTwo) EXPECT_FALSE(state(n).draining.excludes(kB)) << n;
  EXPECT_TRUE(net.logged("b@h", "not drained any more: l@h places children by all members"));
  EXPECT_TRUE(eventually([&] { return running({"b@h"}) > 0; }));
  net.crash("l@h");
  ring(kTwo);
  wait(std::chrono::seconds(2));
  EXPECT_FALSE(state("a@h").draining.excludes(kB));
  EXPECT_TRUE(each_once_where_it_belongs(specs, kTwo));
}

TEST_F(SupDrain, AnUnreachableMomentDoesNotEndIt) {
  const auto specs = counters(40);
  start(specs);
  drain("b@h");
  ASSERT_TRUE(eventually([&] { return running({"b@h"}) == 0; }));
  net.close_connections("a@h", "b@h");
  wait(std::chrono::seconds(3));
  EXPECT_TRUE(state("a@h").draining.excludes(kB) && state("b@h").draining.excludes(kB));
  EXPECT_EQ(running({"b@h"}), 0u);
}

TEST_F(SupDrain, ExplainNamesItAndAMalformedOptionIsRefused) {
  start(counters(10), kTwo);
  EXPECT_EQ(erpc("a@h", "b@h", "supervisorring", "drain", {T("[{rate, 5}]")}).value, atom("ok"));
  ASSERT_TRUE(eventually([&] { return running({"b@h"}) == 0; }));
  const CallResult explained = erpc("b@h", "a@h", "supervisorring", "explain", {atom("Elixir.S"), atom("c0")});
  ASSERT_TRUE(explained.ok && explained.value.is_map());
  EXPECT_EQ(*explained.value.find("excluded"), T("[{'b@h', drained}]"));
  net.run("b@h", [&](ProcessContext& context) {
    const Term status = members.at("b@h")->supervision->status(context);
    EXPECT_EQ(*status.find("drained"), T("['b@h']"));
    EXPECT_EQ(*status.find("drain"), T("#{self => true, rate => 5, note => <<>>}"));
  });
  for (const char* options : {"[{rate, 0}]", "[{rate, x}]", "[rate]", "x", "[{rate, 1} | y]", "[{rate, 1}, {rate, 2}]", "[{rate, 99999999999}]"})
    EXPECT_FALSE(erpc("a@h", "b@h", "supervisorring", "drain", {T(options)}).ok) << options;
  EXPECT_EQ(erpc("a@h", "b@h", "supervisorring", "uncordon", {}).value, atom("ok"));
  EXPECT_TRUE(eventually([&] { return running({"b@h"}) > 0; }));
}

TEST_F(SupDrain, AMemberThatLeavesWhileItIsDrainedSlowlyLeavesAtOnce) {
  const auto specs = counters(60);
  start(specs, kTwo);
  count_all(60);
  drain("b@h", 1);
  wait(std::chrono::seconds(1));
  ASSERT_GT(running({"b@h"}), 10u);
  bool left = false;
  set_ring("b@h", {"a@h"}, true, true);
  net.run("b@h", [&](ProcessContext& context) { members.at("b@h")->supervision->prepare_leave(context, [&](ProcessContext&) { left = true; }); });
  EXPECT_TRUE(eventually([&] { return left; }, std::chrono::seconds(2)));
  EXPECT_EQ(running({"b@h"}), 0u);
  expect_counts(60);
}

// While the only member that was not drained left, nobody owned the children: they ended with it, and so did their state.
TEST_F(SupDrain, WhenAllOthersLeaveADrainedMemberTakesTheirChildrenWithTheirState) {
  const auto specs = counters(20);
  start(specs, kTwo);
  count_all(20);
  drain("b@h");
  ASSERT_TRUE(eventually([&] { return running({"b@h"}) == 0; }));
  bool left = false;
  set_ring("a@h", {"b@h"}, true, true);
  net.run("a@h", [&](ProcessContext& context) { members.at("a@h")->supervision->prepare_leave(context, [&](ProcessContext&) { left = true; }); });
  EXPECT_TRUE(eventually([&] { return left; }, std::chrono::seconds(2)));
  EXPECT_EQ(running({"b@h"}), 20u);
  net.crash("a@h");
  ring({"b@h"});
  drive();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(call("b@h", tuple(atom("c" + std::to_string(i)), atom("b@h")), atom("get")).value, integer(1)) << i;
}

}  // namespace
}  // namespace supervisorring
