// Which children run where: starts, ring changes, handlers. Moves: sup_child_moves_test.cpp; differing views: sup_child_views_test.cpp.
#include "sup_child_cluster.h"

namespace supervisorring {
namespace {

using sup_test::T;
using Cluster = sup_test::ChildManagerCluster;

TEST_F(Cluster, AMemberAloneStartsAllChildren) {
  with_children(12);
  add("a");
  ring({"a"});
  expect_each_once_where_it_belongs({"a"});
}

TEST_F(Cluster, NoChildIsStartedBeforeTheRingIsSettled) {
  with_children(12);
  add("a");
  ring({"a"}, false);
  EXPECT_EQ(at("a").sup->size(), 0u);
  ring({"a"});
  EXPECT_EQ(at("a").sup->active(), 12u);
}

TEST_F(Cluster, ThreeMembersStartEachChildOnceOnItsOwner) {
  with_children(200);
  for (const char* n : {"a", "b", "c"}) add(n);
  ring({"a", "b", "c"});
  expect_each_once_where_it_belongs({"a", "b", "c"});
  EXPECT_EQ(fresh_starts(), 200);
}

TEST_F(Cluster, ChildrenOfADeadMemberAreStartedByTheirNewOwnersAtOnceAndOthersAreNotTouched) {
  with_children(1000);
  for (const char* n : {"a", "b", "c"}) add(n);
  ring({"a", "b", "c"});
  set_states();
  const int lost_children = static_cast<int>(at("c").state.size());
  kill("c");
  down("c", {"a", "b"});
  expect_each_once_where_it_belongs({"a", "b"});
  EXPECT_EQ(states_of_7(), 1000 - lost_children);
  EXPECT_EQ(fresh_starts(), 1000 + lost_children);
}

TEST_F(Cluster, ATerminatedChildStaysDownUntilTheRingChanges) {
  with_children(5);
  add("a");
  ring({"a"});
  call(at("a"), T("{terminate_child, c0}"), [](const Term&) {});
  drive();
  at("a").manager->set_children(specs, now);
  drive();
  EXPECT_EQ(at("a").sup->active(), 4u);
  at("a").manager->ring_changed(Ring::make(std::vector<Term>{atom("a"), atom("x")}), HashFormat::minor_version_1, true, false, now);
  drive();
  at("a").manager->ring_changed(Ring::make(std::vector<Term>{atom("a")}), HashFormat::minor_version_1, true, false, now);
  drive();
  EXPECT_EQ(at("a").sup->active(), 5u);
}

TEST_F(Cluster, AFailedStartIsTriedAgainWithBackOff) {
  with_children(3);
  add("a").fail_starts = true;
  ring({"a"});
  wait(std::chrono::seconds(2));
  EXPECT_EQ(at("a").manager->pending(10).size(), 3u);
  at("a").fail_starts = false;
  wait(std::chrono::seconds(10));
  EXPECT_EQ(at("a").sup->active(), 3u);
}

TEST_F(Cluster, ChildrenThatAHandlerNoLongerNamesGoOnRunningWhileTheRingStaysAsItIs) {
  with_children(10);
  add("a");
  ring({"a"});
  at("a").manager->set_children({}, now);
  drive();
  EXPECT_EQ(at("a").sup->active(), 10u);
}

// As the original's sync_children does at a change of the ring.
TEST_F(Cluster, AChildThatNoHandlerNamesIsStoppedAtTheNextRingChangeOnly) {
  with_children(10);
  add("a"), add("b");
  ring({"a", "b"});
  at("a").manager->all_are_named(now);
  specs.resize(8);
  for (const char* name : {"a", "b"}) at(name).manager->set_children(specs, now), at(name).manager->all_are_named(now);
  wait(std::chrono::seconds(20));
  EXPECT_EQ(at("a").sup->active() + at("b").sup->active(), 10u);
  down("b", {"a"});
  at("a").manager->set_children(specs, now);
  at("a").manager->all_are_named(now);
  wait(std::chrono::seconds(1));
  at("a").manager->set_children(specs, now);
  at("a").manager->all_are_named(now);
  wait(std::chrono::seconds(1));
  EXPECT_EQ(at("a").sup->size(), 8u);
  expect_each_once_where_it_belongs({"a"});
}

TEST_F(Cluster, WhatHandlersThatDidNotAnswerLeaveOutGoesOnRunning) {
  with_children(10);
  add("a"), add("b");
  ring({"a", "b"});
  for (const char* name : {"a", "b"}) at(name).manager->set_children({}, now);
  wait(std::chrono::seconds(10));
  const std::size_t of_a = at("a").sup->active();
  down("b", {"a"});
  at("a").manager->set_children({}, now);
  wait(std::chrono::seconds(10));
  EXPECT_EQ(at("a").sup->active(), of_a);
}

// start_child tells the handler when the child runs: a ring that changes in between must not end it.
TEST_F(Cluster, AChildThatHasJustStartedIsGivenTimeToBeNamed) {
  with_children(1);
  add("a");
  ring({"a"});
  call(at("a"), T("{start_child, {extra,{m,f,[]},permanent,5000,worker,[m]}}"), [](const Term&) {});
  drive();
  at("a").manager->ring_changed(Ring::make(std::vector<Term>{atom("a")}), HashFormat::minor_version_1, true, false, now);
  at("a").manager->all_are_named(now);
  wait(std::chrono::seconds(4));
  at("a").manager->all_are_named(now);
  drive();
  EXPECT_EQ(at("a").sup->active(), 2u);
  wait(std::chrono::seconds(1));
  at("a").manager->all_are_named(now);
  drive();
  EXPECT_EQ(at("a").sup->active(), 1u);
  EXPECT_EQ(at("a").reports.back(), "child extra of 'Elixir.S' is named by no handler any more: stopped");
}

// Handlers are told of a deletion after it: a list that was asked for meanwhile started the child again.
TEST_F(Cluster, AChildThatWasJustDeletedIsNotStartedFromAListThatStillNamesIt) {
  with_children(3);
  add("a");
  ring({"a"});
  const auto forget = [this] {
    at("a").manager->end_requested(specs[0].id);
    call(at("a"), T("{terminate_child, c0}"), [](const Term&) {});
    drive();
    call(at("a"), T("{delete_child, c0}"), [](const Term&) {});
    at("a").manager->delete_requested(specs[0].id, now);
    drive();
  };
  const auto sync = [this](std::vector<std::string> up) {
    ring(std::move(up));
    at("a").manager->set_children(specs, now);
    at("a").manager->all_are_named(now);
    drive();
  };
  forget();
  at("a").manager->set_children({specs[1], specs[2]}, now);  // it knows no more that there has been one
  sync({"a"});
  EXPECT_EQ(at("a").sup->active(), 2u);
  // Started by somebody, it is as any other.
  call(at("a"), T("{start_child, {c0,{m,f,[]},permanent,5000,worker,[m]}}"), [](const Term&) {});
  drive();
  sync({"a"});
  EXPECT_EQ(at("a").sup->active(), 3u);
  // A handler that goes on naming it means it.
  forget();
  wait(std::chrono::seconds(4));
  sync({"a"});
  EXPECT_EQ(at("a").sup->active(), 2u);
  wait(std::chrono::seconds(1));
  sync({"a"});
  EXPECT_EQ(at("a").sup->active(), 3u);
}

// Its end was remembered as asked for, so that it was started at the next ring change only.
TEST_F(Cluster, AChildThatIsNamedAgainWhileItStopsIsStartedAgain) {
  with_children(2);
  add("a");
  ring({"a"});
  const auto all = std::exchange(specs, {specs[0]});
  at("a").manager->set_children(specs, now);
  at("a").manager->ring_changed(Ring::make(std::vector<Term>{atom("a")}), HashFormat::minor_version_1, true, false, now);
  at("a").manager->all_are_named(now);
  wait(std::chrono::seconds(6));
  at("a").manager->all_are_named(now);
  at("a").manager->set_children(all, now);
  wait(std::chrono::seconds(1));
  EXPECT_EQ(at("a").sup->active(), 2u);
  EXPECT_EQ(at("a").fresh_starts, 3);
}

TEST_F(Cluster, AnIdWithoutAnOwnerIsReportedAndNotStarted) {
  with_children(1);
  std::string big = "#{";
  for (int i = 0; i < 33; ++i) big += (i ? "," : "") + std::to_string(i) + " => x";
  specs.push_back(std::get<ChildSpec>(check_child_spec(tuple(T(big + "}"), T("{m,f,[]}"), atom("permanent"), integer(1), atom("worker"), T("[m]")), AutoShutdown::never)));
  add("a");
  ring({"a"});
  EXPECT_EQ(at("a").sup->active(), 1u);
  EXPECT_EQ(at("a").reports.size(), 1u);
}

TEST_F(Cluster, AfterTheLocalSupervisorRestartedItsChildrenAreStartedAgainWithoutAsking) {
  with_children(30);
  for (const char* n : {"a", "b"}) add(n);
  ring({"a", "b"});
  Member& a = at("a");
  const auto mine = a.sup->active();
  a.manager->attach(nullptr, now);
  a.sup = std::make_unique<Supervisor>(atom("Elixir.S"), SupervisorFlags{100, 5});
  lost = [](const Message&) { return true; };
  a.manager->attach(a.sup.get(), now);
  drive();
  EXPECT_EQ(a.sup->active(), mine);
}

TEST_F(Cluster, AnUnansweredQuestionDoesNotKeepAChildDownForEver) {
  with_children(10);
  add("a"), add("b");
  lost = [](const Message&) { return true; };
  ring({"a", "b"});
  EXPECT_EQ(at("a").sup->active(), 0u);
  wait(std::chrono::seconds(10));
  EXPECT_EQ(at("a").sup->active() + at("b").sup->active(), 10u);
}

}  // namespace
}  // namespace supervisorring
