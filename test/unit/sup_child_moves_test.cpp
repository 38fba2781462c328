// Children on their way from one member to another.
#include "sup_child_cluster.h"

namespace supervisorring {
namespace {

using sup_test::T;
using Cluster = sup_test::ChildManagerCluster;

TEST_F(Cluster, WhatMovesToAJoiningMemberKeepsItsState) {
  with_children(300);
  for (const char* n : {"a", "b"}) add(n);
  ring({"a", "b"});
  set_states();
  add("c");
  ring({"a", "b", "c"});
  expect_each_once_where_it_belongs({"a", "b", "c"});
  EXPECT_EQ(states_of_7(), 300);
  EXPECT_EQ(fresh_starts(), 300);
  for (auto& [name, m] : members) EXPECT_EQ(m.frozen, 0);
}

TEST_F(Cluster, AJoiningMemberThatHearsOfTheRingFirstWaitsForTheChildrenThatOthersRun) {
  with_children(100);
  add("a");
  ring({"a"});
  set_states();
  Member& b = add("b");
  b.manager->peer_is(atom("a"), PeerKind::runs_it, now);
  b.manager->ring_changed(Ring::make(std::vector<Term>{atom("a"), atom("b")}), HashFormat::minor_version_1, true, false, now);
  drive();
  EXPECT_EQ(b.sup->size(), 0u);
  wait(std::chrono::seconds(1));
  ring({"a", "b"});
  expect_each_once_where_it_belongs({"a", "b"});
  EXPECT_EQ(states_of_7(), 100);
}

TEST_F(Cluster, AMemberThatLeavesHandsEverythingOverWithItsState) {
  with_children(100);
  for (const char* n : {"a", "b", "c"}) add(n);
  ring({"a", "b", "c"});
  set_states();
  for (const char* n : {"a", "b"}) at(n).manager->peer_is_leaving(atom("c"), now);
  at("c").manager->ring_changed(Ring::make(std::vector<Term>{atom("a"), atom("b")}), HashFormat::minor_version_1, true, true, now);
  EXPECT_FALSE(at("c").manager->drained());
  drive();
  EXPECT_TRUE(at("c").manager->drained());
  kill("c");
  down("c", {"a", "b"});
  expect_each_once_where_it_belongs({"a", "b"});
  EXPECT_EQ(states_of_7(), 100);
  EXPECT_EQ(fresh_starts(), 100);
}

TEST_F(Cluster, ATargetThatDoesNotRunTheSupervisorYetIsTriedAgainWhileTheOldCopyRuns) {
  with_children(50);
  add("a");
  ring({"a"});
  set_states();
  Member& b = add("b");
  b.manager->attach(nullptr, now);
  kinds["b"] = PeerKind::lacks_it;
  ring({"a", "b"});
  EXPECT_EQ(at("a").sup->active(), 50u);
  b.manager->attach(b.sup.get(), now);
  at("a").manager->peer_is(atom("b"), PeerKind::runs_it, now);
  drive();
  wait(std::chrono::seconds(5));
  expect_each_once_where_it_belongs({"a", "b"});
  EXPECT_EQ(states_of_7(), 50);
}

TEST_F(Cluster, ATargetWhoseStartsFailLeavesTheOldCopiesRunningUntilItCan) {
  with_children(50);
  add("a");
  ring({"a"});
  set_states();
  add("b").fail_starts = true;
  ring({"a", "b"});
  EXPECT_EQ(at("a").sup->active(), 50u);
  EXPECT_GT(at("a").manager->pending(100).size(), 0u);
  wait(std::chrono::seconds(3));
  EXPECT_EQ(states_of_7(), 50);
  at("b").fail_starts = false;
  wait(std::chrono::seconds(60));
  expect_each_once_where_it_belongs({"a", "b"});
  EXPECT_EQ(states_of_7(), 50);
  EXPECT_EQ(at("a").manager->pending(100).size(), 0u);
}

TEST_F(Cluster, AMigrateThatRaisesOnTheTargetLosesNothing) {
  with_children(20);
  add("a");
  ring({"a"});
  set_states();
  add("b").fail_migrate = true;
  ring({"a", "b"});
  EXPECT_EQ(states_of_7(), 20);
  EXPECT_EQ(at("a").frozen, 0);
  at("b").fail_migrate = false;
  wait(std::chrono::seconds(60));
  expect_each_once_where_it_belongs({"a", "b"});
  EXPECT_EQ(states_of_7(), 20);
}

TEST_F(Cluster, AnOldCopyThatCannotBeFrozenGoesOn) {
  with_children(20);
  add("a").no_freeze = true;
  ring({"a"});
  set_states();
  add("b");
  ring({"a", "b"});
  EXPECT_EQ(at("a").sup->active(), 20u);
  EXPECT_TRUE(at("b").holding.empty());
  at("a").no_freeze = false;
  wait(std::chrono::seconds(60));
  expect_each_once_where_it_belongs({"a", "b"});
  EXPECT_EQ(states_of_7(), 20);
}

TEST_F(Cluster, ASourceThatDiesAtAnyStepLeavesTheChildRunningOnItsTarget) {
  for (const MoveStep step : {MoveStep::offer, MoveStep::state}) {
    members.clear(), messages.clear();
    with_children(20);
    add("a");
    ring({"a"});
    add("b");
    lost = [step](const Message& m) { auto* move = std::get_if<PeerMove>(&m.body); return move && move->step == step; };
    ring({"a", "b"});
    kill("a");
    lost = [](const Message&) { return false; };
    down("a", {"b"});
    expect_each_once_where_it_belongs({"b"});
    EXPECT_TRUE(at("b").holding.empty());
  }
}

TEST_F(Cluster, ATargetThatDiesAtAnyStepLeavesTheChildRunningOnItsSourceWithItsState) {
  for (const MoveStep step : {MoveStep::started, MoveStep::taken}) {
    members.clear(), messages.clear();
    with_children(20);
    add("a");
    ring({"a"});
    set_states();
    add("b");
    lost = [step](const Message& m) { auto* move = std::get_if<PeerMove>(&m.body); return move && move->step == step; };
    ring({"a", "b"});
    kill("b");
    lost = [](const Message&) { return false; };
    down("b", {"a"});
    expect_each_once_where_it_belongs({"a"});
    EXPECT_EQ(states_of_7(), 20) << to_string(step);
    EXPECT_EQ(at("a").frozen, 0);
  }
}

TEST_F(Cluster, AMoveWhoseAnswerIsLostIsGivenUpAndTriedAgain) {
  with_children(20);
  add("a");
  ring({"a"});
  set_states();
  add("b");
  int dropped = 0;
  lost = [&](const Message& m) { auto* move = std::get_if<PeerMove>(&m.body); return move && move->step == MoveStep::started && dropped++ < 5; };
  ring({"a", "b"});
  wait(std::chrono::seconds(100));
  expect_each_once_where_it_belongs({"a", "b"});
  EXPECT_EQ(states_of_7(), 20);
}

TEST_F(Cluster, TwoCopiesAfterAPartitionBecomeTheOwnersOne) {
  with_children(40);
  for (const char* n : {"a", "b"}) add(n);
  ring({"a", "b"});
  at("a").manager->peer_gone(atom("b"), now);
  at("b").manager->peer_gone(atom("a"), now);
  ring({"a"});
  ring({"b"});
  EXPECT_EQ(at("a").sup->active() + at("b").sup->active(), 80u);
  ring({"a", "b"});
  expect_each_once_where_it_belongs({"a", "b"});
}

// The copy that was stopped took what it had learnt during the partition with it.
TEST_F(Cluster, TheOwnersCopyIsGivenTheStateOfTheOneThatEnds) {
  with_children(40);
  for (const char* n : {"a", "b"}) add(n);
  ring({"a", "b"});
  std::map<std::string, std::string> owners;
  for (const ChildSpec& spec : specs) owners[to_text(spec.id)] = at("a").manager->owner_of(spec.id)->atom_name();
  at("a").manager->peer_gone(atom("b"), now);
  at("b").manager->peer_gone(atom("a"), now);
  ring({"a"});
  ring({"b"});
  for (auto& [name, m] : members)
    for (auto& [id, state] : m.state) state = owners.at(id) == name ? 1 : 7;
  int dropped = 0;  // the source does not hear that its state has come
  lost = [&](const Message& m) { auto* move = std::get_if<PeerMove>(&m.body); return move && move->step == MoveStep::taken && dropped++ < 3; };
  ring({"a", "b"});
  wait(std::chrono::seconds(100));
  expect_each_once_where_it_belongs({"a", "b"});
  for (auto& [name, m] : members) {
    EXPECT_EQ(m.frozen, 0) << name;
    for (auto& [id, state] : m.state) EXPECT_EQ(state, owners.at(id) == name ? 7 : 0) << id << " at " << name;
  }
}

// An older member does not expect a state for what runs there: its copy stays as it is, and ours ends.
TEST_F(Cluster, ACopyThatNobodyWantsTheStateOfEnds) {
  with_children(20);
  for (const char* n : {"a", "b"}) add(n);
  at("a").manager->peer_gone(atom("b"), now);
  at("b").manager->peer_gone(atom("a"), now);
  ring({"a"});
  ring({"b"});
  lost = [&](const Message& m) {
    auto* move = std::get_if<PeerMove>(&m.body);
    if (!move || move->step != MoveStep::state) return false;
    messages.push_back({m.to, m.from, PeerMove{MoveStep::refused, move->supervisor, move->move, atom("no_such_move")}});
    return true;
  };
  ring({"a", "b"});
  wait(std::chrono::seconds(10));
  expect_each_once_where_it_belongs({"a", "b"});
}

TEST_F(Cluster, ARingThatChangesHalfWayTakesTheChildToItsLastOwner) {
  with_children(60);
  add("a");
  ring({"a"});
  set_states();
  add("b"), add("c");
  lost = [](const Message& m) { auto* move = std::get_if<PeerMove>(&m.body); return move && move->step == MoveStep::started; };
  ring({"a", "b"});
  lost = [](const Message&) { return false; };
  ring({"a", "b", "c"});
  wait(std::chrono::seconds(100));
  expect_each_once_where_it_belongs({"a", "b", "c"});
  EXPECT_EQ(states_of_7(), 60);
}

TEST_F(Cluster, ALegacyOwnerIsHandedTheSpecAndThenOursIsStopped) {
  with_children(30);
  add("a"), add("legacy").alive = false;
  kinds["legacy"] = PeerKind::legacy;
  ring({"a"});
  hand_result = T("{error, undef}");
  at("a").manager->peer_is(atom("legacy"), PeerKind::legacy, now);
  at("a").manager->ring_changed(Ring::make(std::vector<Term>{atom("a"), atom("legacy")}), HashFormat::minor_version_1, true, false, now);
  drive();
  EXPECT_EQ(at("a").sup->active(), 30u);
  EXPECT_GT(handed.size(), 0u);
  hand_result = tuple(atom("ok"), Term::pid(atom("legacy"), 9, 0, 1));
  wait(std::chrono::seconds(2));
  for (const auto& spec : specs) EXPECT_EQ(at("a").sup->find(spec.id).has_value(), *at("a").manager->owner_of(spec.id) == atom("a"));
}

TEST_F(Cluster, AHandedChildIsWaitedForAsLongAsItsMigrateMayTake) {
  with_children(30);
  add("a"), add("legacy").alive = false;
  kinds["legacy"] = PeerKind::legacy;
  no_hand = true;
  at("a").manager->set_migrate_timeout(std::chrono::seconds(40));
  ring({"a"});
  at("a").manager->peer_is(atom("legacy"), PeerKind::legacy, now);
  at("a").manager->ring_changed(Ring::make(std::vector<Term>{atom("a"), atom("legacy")}), HashFormat::minor_version_1, true, false, now);
  drive();
  const std::size_t moving = handed.size();
  ASSERT_GT(moving, 0u);
  wait(std::chrono::seconds(159));
  EXPECT_EQ(handed.size(), moving);
  wait(std::chrono::seconds(2));
  EXPECT_EQ(handed.size(), 2 * moving) << "tried again after 4 times 20 s for the steps there, and 40 each for open calls and the migrate";
}

}  // namespace
}  // namespace supervisorring
