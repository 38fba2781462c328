// Membership as the cluster sees it: whole nodes in virtual time.
#include "node/exit_status.h"
#include "ring_cluster.h"

namespace supervisorring {
namespace {

using ring_test::T;
using RingMembership = ring_test::RingCluster;

TEST_F(RingMembership, AMemberAloneIsSettledAtOnce) {
  start(kA);
  EXPECT_TRUE(agree({kA}, milliseconds(1)));
  EXPECT_TRUE(net.files(kA).contains("ring"));
}

TEST_F(RingMembership, AMemberThatJoinsIsKnownToAllWithinMilliseconds) {
  start_ring({kA, kB, kC});
  start(kD, kB);
  EXPECT_TRUE(agree({kA, kB, kC, kD}, milliseconds(20))) << state();
  for (const auto& name : {kA, kB, kC, kD}) EXPECT_EQ(read_ring_file(net.files(name)["ring"])->nodes.members().size(), 4u);
}

TEST_F(RingMembership, ManyThatJoinAtOnceAllGetIn) {
  std::vector<std::string> names{kA};
  start(kA);
  for (int i = 0; i < 12; ++i) {
    names.push_back("n" + std::to_string(i) + "@h" + std::to_string(i % 3));
    start(names.back(), kA);
  }
  EXPECT_TRUE(agree(names, seconds(3))) << state();
}

TEST_F(RingMembership, ACrashIsKnownEverywhereWithinMilliseconds) {
  start_ring({kA, kB, kC, kD});
  net.crash(kC);
  EXPECT_TRUE(agree({kA, kB, kD}, milliseconds(20))) << state();
}

TEST_F(RingMembership, AMemberThatFallsSilentIsMissedByGossip) {
  start_ring({kA, kB, kC});
  net.vanish(kC);
  EXPECT_TRUE(agree({kA, kB}, seconds(8))) << state();
}

TEST_F(RingMembership, AConnectionThatClosesIsRetriedAndNobodyGoesDown) {
  start_ring({kA, kB, kC});
  net.close_connections(kA, kB);
  net.advance(seconds(3));
  for (const auto& name : {kA, kB, kC}) EXPECT_FALSE(net.logged(name, "up: -")) << state();
}

TEST_F(RingMembership, AMemberThatCrashedComesBackByItsRingFileThoughItsClockWentBack) {
  start_ring({kA, kB, kC});
  net.crash(kB);
  EXPECT_TRUE(agree({kA, kC}, milliseconds(20)));
  start(kB);
  net.skew_wall_clock(kB, -std::chrono::hours(1));
  EXPECT_TRUE(agree({kA, kB, kC}, seconds(1))) << state();
}

TEST_F(RingMembership, AMemberThatRestartsBeforeItIsMissedComesBack) {
  start_ring({kA, kB, kC});
  net.vanish(kB);
  start(kB);
  EXPECT_TRUE(agree({kA, kB, kC}, seconds(3))) << state();
  net.advance(seconds(10));
  EXPECT_TRUE(agree({kA, kB, kC}, seconds(1))) << state();
}

TEST_F(RingMembership, APartitionHeals) {
  start_ring({kA, kB, kC, kD});
  for (const auto& a : {kA, kB}) {
    for (const auto& b : {kC, kD}) part(a, b);
  }
  EXPECT_TRUE(agree({kA, kB}, seconds(3))) << state();
  EXPECT_TRUE(agree({kC, kD}, seconds(3))) << state();
  net.advance(seconds(30));
  for (const auto& a : {kA, kB}) {
    for (const auto& b : {kC, kD}) part(a, b, false);
  }
  EXPECT_TRUE(agree({kA, kB, kC, kD}, seconds(5))) << state();
}

TEST_F(RingMembership, ASilentPartitionHeals) {
  start_ring({kA, kB, kC});
  net.cut(kA, kC), net.cut(kB, kC);
  EXPECT_TRUE(agree({kA, kB}, seconds(10))) << state();
  EXPECT_TRUE(agree({kC}, seconds(10))) << state();
  net.heal(kA, kC), net.heal(kB, kC);
  EXPECT_TRUE(agree({kA, kB, kC}, seconds(10))) << state();
}

TEST_F(RingMembership, AMemberThatOnlyOneCannotReachDoesNotMakeTheRingBoil) {
  start_ring({kA, kB, kC});
  part(kA, kC);
  int messages = 0;
  net.on_effect([&](const std::string&, const Effect& effect) { messages += std::holds_alternative<SendBytes>(effect) ? 1 : 0; });
  net.advance(seconds(10));
  EXPECT_LT(messages, 1000) << state();
}

TEST_F(RingMembership, ARemovedMemberWaitsFiveSecondsLeavesAndDeletesItsRingFile) {
  start_ring({kA, kB, kC});
  const Instant begin = net.time().now;
  cast(kA, del_node_message(atom(kB)));
  EXPECT_TRUE(net.run_until([&] { return net.halted().contains(kB); }, seconds(10)));
  EXPECT_GE(net.time().now - begin, seconds(5));
  EXPECT_LE(net.time().now - begin, milliseconds(6'100));
  EXPECT_EQ(net.halted().at(kB).status, to_int(ExitStatus::removed));
  EXPECT_FALSE(net.files(kB).contains("ring"));
  EXPECT_TRUE(agree({kA, kC}, milliseconds(50))) << state();
  net.advance(seconds(20));
  EXPECT_TRUE(agree({kA, kC}, milliseconds(1))) << state();
  EXPECT_EQ(members[kA].view->nodes().size(), 2u);
}

TEST_F(RingMembership, AMemberThatIsAddedAgainInTimeStays) {
  start_ring({kA, kB});
  cast(kA, del_node_message(atom(kB)));
  net.advance(seconds(3));
  cast(kA, add_node_message(atom(kB)));
  net.advance(seconds(10));
  EXPECT_TRUE(agree({kA, kB}, milliseconds(1))) << state();
}

TEST_F(RingMembership, ALeavingMemberHandsOverFirstAndIsGoneForAllAtOnceAndKeepsItsFile) {
  NanoRingHooks hooks;
  NanoRingHooks::Then finish;
  std::string seen_by_itself, seen_by_others;
  hooks.prepare_leave = [&](ProcessContext& context, NanoRingHooks::Then then) {
    seen_by_itself = up(kC) + (members[kC].view->leaving() ? " leaving" : "");
    seen_by_others = up(kA);
    context.send_after(seconds(2), context.self(), atom("unknown"));
    finish = std::move(then);
  };
  start_ring({kA, kB});
  start(kC, kA, hooks);
  ASSERT_TRUE(agree({kA, kB, kC}, seconds(1)));
  leave(kC);
  net.advance(seconds(3));
  EXPECT_EQ(seen_by_itself, "a@h1 b@h2 leaving");
  EXPECT_EQ(seen_by_others, "a@h1 b@h2 c@h3");
  EXPECT_EQ(up(kA), "a@h1 b@h2 c@h3");
  net.run(kC, finish);
  EXPECT_TRUE(agree({kA, kB}, milliseconds(20))) << state();
  EXPECT_EQ(net.halted().at(kC).status, 0);
  EXPECT_TRUE(net.files(kC).contains("ring"));
  net.advance(seconds(10));
  EXPECT_TRUE(agree({kA, kB}, milliseconds(1))) << state();
  EXPECT_EQ(members[kA].view->nodes().size(), 3u);
  start(kC);
  EXPECT_TRUE(agree({kA, kB, kC}, seconds(1))) << state();
}

// Told to leave while it stood aside, or while it waited for whom it joins, it put itself back into up_set and told the others.
TEST_F(RingMembership, AMemberThatLeavesWithoutBeingUpDoesNotPutItselfBack) {
  start_ring({kA, kB});
  bool may = true;
  NanoRingHooks hooks;
  hooks.may_join = [&](ProcessContext& context, std::vector<Term>, NanoRingHooks::MayJoin then) { then(context, may); };
  hooks.prepare_leave = [](ProcessContext&, NanoRingHooks::Then) {};  // handing over never ends
  start(kC, kA, hooks);
  ASSERT_TRUE(agree({kA, kB, kC}, seconds(1)));
  may = false;
  ASSERT_TRUE(agree({kA, kB}, seconds(11))) << state();
  leave(kC);
  net.advance(seconds(5));
  EXPECT_FALSE(net.logged(kC, "it lives"));
  EXPECT_EQ(up(kA), "a@h1 b@h2");
}

TEST_F(RingMembership, AMemberThatForgetsIsNoMemberAfterwards) {
  start_ring({kA, kB, kC});
  leave(kB, Membership::Forget::yes);
  EXPECT_TRUE(agree({kA, kC}, milliseconds(20))) << state();
  EXPECT_EQ(members[kA].view->nodes().size(), 2u);
  EXPECT_FALSE(net.files(kB).contains("ring"));
}

TEST_F(RingMembership, AWholeClusterThatRestartsFindsItselfWithoutWaiting) {
  start_ring({kA, kB, kC});
  for (const auto& name : {kA, kB, kC}) net.crash(name);
  for (const auto& name : {kC, kB, kA}) start(name);
  EXPECT_TRUE(agree({kA, kB, kC}, seconds(2))) << state();
}

TEST_F(RingMembership, AMemberWhoseOthersAreAllDownStartsAlone) {
  start_ring({kA, kB, kC});
  for (const auto& name : {kA, kB, kC}) net.crash(name);
  start(kB);
  EXPECT_TRUE(agree({kB}, milliseconds(100))) << state();
}

TEST_F(RingMembership, AMemberWhoseOthersAreSilentWaitsForTheJoinTimeout) {
  start_ring({kA, kB});
  net.hold_accepts(kA);
  net.crash(kB);
  start(kB);
  net.advance(milliseconds(4'900));
  EXPECT_FALSE(settled(kB)) << state();
  net.advance(milliseconds(200));
  EXPECT_TRUE(settled(kB)) << state();
}

TEST_F(RingMembership, AJoiningMemberWithoutFileWaitsForWhomItJoins) {
  start(kB, kA);
  net.advance(seconds(60));
  EXPECT_FALSE(settled(kB));
  EXPECT_EQ(up(kB), "");
  EXPECT_FALSE(net.files(kB).contains("ring"));
  start(kA);
  EXPECT_TRUE(agree({kA, kB}, seconds(6))) << state();
}

TEST_F(RingMembership, OneOfSeveralJoinTargetsIsEnough) {
  start(kA);
  start(kB, kC + " " + kA + " " + kB);
  EXPECT_TRUE(agree({kA, kB}, milliseconds(100))) << state();
}

TEST_F(RingMembership, AMemberThatSeesItselfRemovedFromUpPutsItselfBack) {
  start_ring({kA, kB});
  LwwSet nodes = members[kA].ring->membership()->node_set(), up_set = members[kA].ring->membership()->up_set();
  up_set.remove(atom(kA), net.time().wall + seconds(100));
  const Term from = Term::pid(atom(kB), 1, 0, 1);
  const std::uint32_t words[] = {1, 2, 3};
  cast(kA, reconcile_message(ring_term(nodes.to_term({}), up_set.to_term({})), from, Term::reference(atom(kB), 1, words)));
  EXPECT_TRUE(agree({kA, kB}, milliseconds(10))) << state();
}

TEST_F(RingMembership, WhoMayNotJoinTellsNobody) {
  start_ring({kA, kB});
  NanoRingHooks hooks;
  std::vector<Term> asked;
  hooks.may_join = [&](ProcessContext& context, std::vector<Term> of, NanoRingHooks::MayJoin then) {
    asked = of;
    then(context, Error{"'Elixir.S' runs {m,f}, which no factory here can start"});
  };
  start(kC, kA, hooks);
  net.advance(seconds(2));
  EXPECT_EQ(ring_test::text(asked), "a@h1 b@h2");
  ASSERT_TRUE(net.halted().contains(kC)) << state();
  EXPECT_EQ(net.halted().at(kC).status, to_int(ExitStatus::join_refused));
  EXPECT_NE(net.halted().at(kC).why.find("no factory here"), std::string::npos);
  EXPECT_FALSE(net.logged(kA, kC + " (")) << state();
  EXPECT_EQ(members[kA].view->nodes().size(), 2u);
}

TEST_F(RingMembership, AMemberThatMayNoLongerStandsAsideAndComesBackWhenItMay) {
  start_ring({kA, kB});
  bool may = true;
  NanoRingHooks hooks;
  hooks.may_join = [&](ProcessContext& context, std::vector<Term>, NanoRingHooks::MayJoin then) { then(context, may); };
  start(kC, kA, hooks);
  ASSERT_TRUE(agree({kA, kB, kC}, seconds(1)));
  may = false;
  EXPECT_TRUE(agree({kA, kB}, seconds(11))) << state();
  EXPECT_FALSE(settled(kC));
  net.advance(seconds(25));
  EXPECT_TRUE(agree({kA, kB}, milliseconds(1))) << state();
  EXPECT_EQ(up(kC), "a@h1 b@h2");
  may = true;
  EXPECT_TRUE(agree({kA, kB, kC}, seconds(11))) << state();
}

TEST_F(RingMembership, TheHashFormatIsLearntFromTheRingAndKept) {
  start(kA, "", {}, HashFormat::minor_version_2);
  start(kB, kA);
  ASSERT_TRUE(agree({kA, kB}, seconds(1))) << state();
  EXPECT_EQ(members[kB].view->format(), HashFormat::minor_version_2);
  EXPECT_EQ(net.files(kB)["ring.supervisorring"], "{supervisorring, 1, #{hash_format => 26}}.\n");
  start(kC, kA, {}, HashFormat::minor_version_1);
  net.advance(seconds(1));
  ASSERT_TRUE(net.halted().contains(kC)) << state();
  EXPECT_NE(net.halted().at(kC).why.find("hashes as OTP 26"), std::string::npos);
}

// The member to go in by said 26; another member of the same ring says 25 and was not asked before this one was in.
TEST_F(RingMembership, ARingWhoseMembersHashInTwoWaysIsNotJoined) {
  start_legacy(kA, HashFormat::minor_version_2);
  start_legacy(kB, HashFormat::minor_version_1);
  cast(kA, add_node_message(atom(kB)));
  net.advance(seconds(5));
  start(kC, kA);
  net.advance(seconds(3));
  ASSERT_TRUE(net.halted().contains(kC)) << state();
  EXPECT_EQ(net.halted().at(kC).status, to_int(ExitStatus::join_refused));
  for (const char* part : {"a@h1", "b@h2", "they disagree on where children belong"})
    EXPECT_NE(net.halted().at(kC).why.find(part), std::string::npos) << net.halted().at(kC).why;
  EXPECT_EQ(up(kA), "a@h1 b@h2");
}

TEST_F(RingMembership, AMemberThatHashesInAnotherWayIsReportedWhenItComes) {
  start_legacy(kA, HashFormat::minor_version_2);
  start(kB, kA);
  ASSERT_TRUE(agree({kA, kB}, seconds(3))) << state();
  start_legacy(kC, HashFormat::minor_version_1);
  cast(kA, add_node_message(atom(kC)));
  ASSERT_TRUE(agree({kA, kB, kC}, seconds(5))) << state();
  net.advance(milliseconds(100));
  EXPECT_TRUE(net.logged(kB, "c@h3 hashes as OTP 25 does and this member as OTP 26")) << state();
  EXPECT_EQ(members[kB].view->format(), HashFormat::minor_version_2);
}

TEST_F(RingMembership, NoiseIsIgnoredWithAFewLines) {
  start_ring({kA, kB});
  for (int i = 0; i < 1'000; ++i) {
    cast(kA, T("{'$gen_cast', {explode, 1}}"));
    cast(kA, T("{'$gen_cast', {add_node, nohost}}"));
    cast(kA, T("{'$gen_cast', {reconcile, #{}, 1, 2}}"));
    cast(kA, T("[noise]"));
  }
  EXPECT_TRUE(agree({kA, kB}, milliseconds(1)));
  EXPECT_LE(std::count_if(net.logs().begin(), net.logs().end(), [](const auto& line) { return line.text.find("ignored") != std::string::npos; }), kMaxBadInputLines);
}

TEST_F(RingMembership, LegacyMembersAndOursFormOneRing) {
  start_legacy(kA);
  start(kB, kA);
  start(kC, kA);
  EXPECT_TRUE(agree({kA, kB, kC}, seconds(3))) << state();
  net.advance(seconds(30));
  EXPECT_TRUE(agree({kA, kB, kC}, milliseconds(1))) << state();
  net.crash(kC);
  EXPECT_TRUE(agree({kA, kB}, seconds(2))) << state();
  start(kC);
  EXPECT_TRUE(agree({kA, kB, kC}, seconds(4))) << state();
  net.crash(kA);
  EXPECT_TRUE(agree({kB, kC}, milliseconds(50))) << state();
}

TEST_F(RingMembership, ALegacyMemberDoesNotPutALeavingOneBack) {
  start_legacy(kA);
  start_legacy(kB);
  start(kC, kA);
  cast(kA, add_node_message(atom(kB)));
  ASSERT_TRUE(agree({kA, kB, kC}, seconds(5))) << state();
  net.advance(seconds(10));
  leave(kC);
  EXPECT_TRUE(agree({kA, kB}, milliseconds(50))) << state();
  net.advance(seconds(20));
  EXPECT_TRUE(agree({kA, kB}, milliseconds(1))) << state();
}

TEST_F(RingMembership, APartitionFromALegacyMemberHealsAlthoughTheLegacyOneWouldNot) {
  start_legacy(kA);
  start(kB, kA);
  ASSERT_TRUE(agree({kA, kB}, seconds(3))) << state();
  part(kA, kB);
  EXPECT_TRUE(agree({kA}, seconds(4))) << state();
  EXPECT_TRUE(agree({kB}, seconds(4))) << state();
  net.advance(seconds(60));
  part(kA, kB, false);
  EXPECT_TRUE(agree({kA, kB}, seconds(5))) << state();
}

TEST_F(RingMembership, ALegacyMemberAddsOneOfOurs) {
  start_legacy(kA);
  start(kB);
  net.advance(seconds(2));
  cast(kA, add_node_message(atom(kB)));
  EXPECT_TRUE(agree({kA, kB}, seconds(4))) << state();
}

}  // namespace
}  // namespace supervisorring
