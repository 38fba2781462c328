// Members whose views of the ring differ for a while. Each test opens with the bug that ringsim found.
#include <algorithm>

#include "sup_child_cluster.h"

namespace supervisorring {
namespace {

class ChildrenAndViews : public sup_test::ChildManagerCluster {
 protected:
  // The ring as one member alone sees it.
  void view(std::string_view name, std::vector<std::string> up, bool leaving = false) {
    std::vector<Term> names;
    for (const auto& n : up) names.push_back(atom(n));
    at(name).manager->ring_changed(Ring::make(names), HashFormat::minor_version_1, true, leaving, now);
    drive();
  }
  int owned_by(std::string_view owner, std::string_view asked) {
    int n = 0;
    for (const ChildSpec& spec : specs) n += *at(asked).manager->owner_of(spec.id) == atom(owner);
    return n;
  }
};

// A member that said that it leaves and came back before it was seen out of the ring owned nothing any more in the eyes of those it had told.
TEST_F(ChildrenAndViews, AMemberThatComesBackIsNoLongerTakenForOneThatLeaves) {
  with_children(50);
  for (const char* n : {"a", "b"}) add(n);
  ring({"a", "b"});
  at("a").manager->peer_is_leaving(atom("b"), now);
  drive();
  EXPECT_EQ(owned_by("b", "a"), 0);
  at("a").manager->peer_gone(atom("b"), now);
  at("a").manager->peer_is(atom("b"), PeerKind::runs_it, now);
  drive();
  EXPECT_GT(owned_by("b", "a"), 0);
  wait(std::chrono::seconds(3));
  expect_each_once_where_it_belongs({"a", "b"});
}

// A child whose arriving copy was given up while it started, and whose source then died, ran nowhere: its start met the copy that was just ending.
TEST_F(ChildrenAndViews, AStartThatMeetsAnEndingCopyIsTriedAgain) {
  with_children(20);
  add("a");
  ring({"a"});
  Member& b = add("b");
  b.slow_holds = true;
  ring({"a", "b"});
  ASSERT_FALSE(b.holding.empty());
  const auto moves = b.holding_for;
  for (const auto& [id, move] : moves) b.manager->received(atom("a"), PeerMove{MoveStep::abort, atom("Elixir.S"), move.number, Term::nil()}, now);
  kill("a");
  down("a", {"b"});
  b.slow_holds = false;
  for (const auto& [id, move] : moves) b.manager->held(move, new_pid(b), now);
  drive();
  wait(std::chrono::seconds(2));
  expect_each_once_where_it_belongs({"b"});
}

// A member that had just joined while another left took that one's children for lost, and started them afresh, although a third had them.
TEST_F(ChildrenAndViews, AfterTwoRingChangesInARowOthersAreAskedBeforeAChildIsStarted) {
  with_children(100);
  for (const char* n : {"b", "c"}) add(n);
  ring({"b", "c"});
  set_states();
  at("b").manager->peer_is_leaving(atom("c"), now);
  view("c", {"b"}, true);
  ASSERT_EQ(at("b").sup->active(), 100u);
  Member& a = add("a");
  a.manager->peer_is(atom("b"), PeerKind::runs_it, now);
  a.manager->peer_is(atom("c"), PeerKind::runs_it, now);
  view("a", {"a", "b", "c"});
  kill("c");
  a.manager->peer_gone(atom("c"), now);
  view("a", {"a", "b"});
  EXPECT_EQ(a.fresh_starts, 0);
  down("c", {"a", "b"});
  wait(std::chrono::seconds(3));
  expect_each_once_where_it_belongs({"a", "b"});
  EXPECT_EQ(states_of_7(), 100);
}

// Of two members that joined at once the second heard `not here` from the one whose child had just moved to the first, and started it afresh.
TEST_F(ChildrenAndViews, AChildThatWentAwayJustNowIsNotDeniedToAMemberThatAsksForIt) {
  with_children(100);
  add("a");
  ring({"a"});
  set_states();
  add("b");
  ring({"a", "b"});
  Member& c = add("c");
  c.manager->peer_is(atom("a"), PeerKind::runs_it, now);
  view("c", {"a", "c"});
  EXPECT_EQ(c.fresh_starts, 0);
  ring({"a", "b", "c"});
  wait(std::chrono::seconds(5));
  expect_each_once_where_it_belongs({"a", "b", "c"});
  EXPECT_EQ(states_of_7(), 100);
}

// Two members joined as a third left: its children went to the one of them that the other did not know yet. When the third was gone, the other
// started them afresh, and the state that the first had taken was dropped.
TEST_F(ChildrenAndViews, WhatAMemberThatIsGoneNowHadMayBeWithOneThatIsNotKnownYet) {
  with_children(200);
  for (const char* n : {"a", "c"}) add(n);
  ring({"a", "c"});
  set_states();
  add("d");
  ring({"a", "c", "d"});
  Member& b = add("b");
  for (const char* n : {"a", "c"}) b.manager->peer_is(atom(n), PeerKind::runs_it, now);
  view("b", {"a", "b", "c"});
  for (const char* n : {"a", "b", "d"}) at(n).manager->peer_is_leaving(atom("c"), now);
  view("c", {"a", "d"}, true);
  ASSERT_EQ(at("c").sup->active(), 0u);
  kill("c");
  b.manager->peer_gone(atom("c"), now);
  view("b", {"a", "b"});
  wait(std::chrono::seconds(1));
  down("c", {"a", "b", "d"});
  wait(std::chrono::seconds(5));
  EXPECT_EQ(b.fresh_starts, 0);
  expect_each_once_where_it_belongs({"a", "b", "d"});
  EXPECT_EQ(states_of_7(), 200);
}

// A member that had just joined left again while its `taken` was on the way: the source let its own copy go on, although the new one had been
// called meanwhile, and the new one was stopped as a second copy. The answered increments were lost (ringsim --seed 23460 --nodes 3).
TEST_F(ChildrenAndViews, AMoveWhoseStateWasSentIsNotTakenBackWhenTheTargetLeaves) {
  with_children(100);
  add("a");
  ring({"a"});
  set_states();
  add("b");
  std::vector<Message> taken;
  lost = [&](const Message& message) {
    const auto* move = std::get_if<PeerMove>(&message.body);
    if (!move || move->step != MoveStep::taken) return false;
    taken.push_back(message);
    return true;
  };
  ring({"a", "b"});
  ASSERT_GT(taken.size(), 20u);
  for (auto& [id, state] : at("b").state) state = 8;
  lost = [](const Message&) { return false; };
  at("a").manager->peer_is_leaving(atom("b"), now);
  drive();
  view("b", {"a"}, true);
  for (const Message& message : taken) at("a").manager->received(message.from, message.body, now);
  drive();
  wait(std::chrono::seconds(2));
  EXPECT_EQ(at("b").sup->active(), 0u);
  expect_each_once_where_it_belongs({"a"});
  EXPECT_EQ(std::ranges::count_if(at("a").state, [](const auto& child) { return child.second == 8; }), static_cast<int>(taken.size()));
}

// Whoever had handed a child to a member that then died said for two seconds that it was on its way: it ran nowhere for so long.
TEST_F(ChildrenAndViews, WhatADeadMemberWasHandedJustBeforeIsStartedAtOnce) {
  with_children(100);
  add("a");
  ring({"a"});
  add("c");
  ring({"a", "c"});
  wait(std::chrono::milliseconds(100));
  add("b");
  ring({"a", "b", "c"});
  wait(std::chrono::milliseconds(100));
  expect_each_once_where_it_belongs({"a", "b", "c"});
  kill("b");
  // One hears of it before the other, and asks while that one still counts on the dead one.
  at("a").manager->peer_gone(atom("b"), now);
  at("a").manager->ring_changed(Ring::make(std::vector<Term>{atom("a"), atom("c")}), HashFormat::minor_version_1, true, false, now);
  drive();
  down("b", {"a", "c"});
  wait(std::chrono::milliseconds(200));
  expect_each_once_where_it_belongs({"a", "c"});
}

}  // namespace
}  // namespace supervisorring
