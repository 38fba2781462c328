// The state stays small: of names that come and go, and of names that were not used for long.
#include "ring_cluster.h"

namespace supervisorring {
namespace {

using ring_test::T;
const std::string kGone = "gone@h4";

std::size_t bytes_of(const LwwSet& set) { return external_form(set.to_term({}), HashFormat::minor_version_2).size(); }

class RingNames : public ring_test::RingCluster {
 protected:
  const Membership& core(const std::string& name) { return *members.at(name).ring->membership(); }
  bool knows(const std::string& name, const std::string& of) { return core(name).node_set().contains(atom(of)) || core(name).up_set().contains(atom(of)); }
  bool counts(const std::string& name, const std::string& of) { return core(name).node_set().is_member(atom(of)); }
  // gone@h4 was a member, and is none any more.
  void use_and_remove(const std::string& on, const std::string& of = kGone) {
    cast(on, add_node_message(atom(of)));
    net.advance(seconds(1));
    cast(on, del_node_message(atom(of)));
    net.advance(seconds(1));
  }
};

TEST(LwwSetFlaps, AHundredThousandOfOneNameLeaveTheSetAsLargeAsOne) {
  LwwSet once, often;
  std::chrono::microseconds wall = std::chrono::seconds(1'700'000'000);
  once.put(atom(kGone), wall), once.remove(atom(kGone), wall);
  for (int i = 0; i < 100'000; ++i) often.put(atom(kGone), wall += std::chrono::milliseconds(1)), often.remove(atom(kGone), wall);
  EXPECT_EQ(often.names(), 1u);
  EXPECT_EQ(bytes_of(often), bytes_of(once));
}

TEST(LwwSetFlaps, AHundredThousandOfAHundredNamesLeaveAHundredNames) {
  LwwSet ours, theirs;
  std::chrono::microseconds wall = std::chrono::seconds(1'700'000'000);
  for (int i = 0; i < 100'000; ++i) {
    const Term name = atom("n" + std::to_string(i % 100) + "@h");
    theirs.put(name, wall += std::chrono::milliseconds(1));
    if (i % 100 == 0) ours.merge(theirs);
    theirs.remove(name, wall);
  }
  ours.merge(theirs);
  EXPECT_EQ(ours.names(), 100u);
  EXPECT_TRUE(ours.members().empty());
  EXPECT_EQ(ours, theirs);
}

TEST_F(RingNames, AHundredThousandFlapsAskedOfAMemberLeaveItsStateAsLargeAsOne) {
  start(kA);
  use_and_remove(kA);
  const std::size_t nodes = bytes_of(core(kA).node_set()), up = bytes_of(core(kA).up_set());
  for (int i = 0; i < 50; ++i) {
    net.run(kA, [](ProcessContext& context) {
      for (int j = 0; j < 2'000; ++j) {
        context.send(atom(kNanoRingName), add_node_message(atom(kGone)));
        context.send(atom(kNanoRingName), del_node_message(atom(kGone)));
      }
    });
    net.advance(milliseconds(10));
  }
  EXPECT_EQ(core(kA).node_set().names(), 2u);
  const std::size_t numbers = 32;  // a timestamp takes a few bytes more or less by its value
  EXPECT_LE(bytes_of(core(kA).node_set()), nodes + numbers);
  EXPECT_LE(bytes_of(core(kA).up_set()), up + numbers);
  EXPECT_LE(read_ring_file(net.files(kA)["ring"])->nodes.names(), 2u);
}

TEST_F(RingNames, ANameThatWasNotUsedForLongIsForgottenByAll) {
  forget_after = seconds(60);
  start_ring({kA, kB, kC});
  use_and_remove(kA);
  ASSERT_TRUE(knows(kA, kGone) && knows(kB, kGone) && knows(kC, kGone));
  net.advance(seconds(40));
  EXPECT_TRUE(knows(kB, kGone));
  net.advance(seconds(150));
  for (const auto& name : {kA, kB, kC}) {
    EXPECT_FALSE(knows(name, kGone)) << state();
    EXPECT_EQ(core(name).node_set().names(), 3u);
    EXPECT_FALSE(read_ring_file(net.files(name)["ring"])->nodes.contains(atom(kGone)));
  }
  net.advance(seconds(120));
  EXPECT_FALSE(knows(kA, kGone)) << "it came back";
  EXPECT_TRUE(agree({kA, kB, kC}, milliseconds(1)));
}

TEST_F(RingNames, AMemberIsNotForgottenHoweverLongItIsDown) {
  forget_after = seconds(60);
  start_ring({kA, kB, kC});
  net.crash(kC);
  net.advance(seconds(300));
  EXPECT_TRUE(counts(kA, kC) && counts(kB, kC));
  start(kC);
  EXPECT_TRUE(agree({kA, kB, kC}, seconds(3))) << state();
}

TEST_F(RingNames, NothingIsForgottenBesideALegacyMember) {
  forget_after = seconds(60);
  all_ours = false;
  start_ring({kA, kB});
  use_and_remove(kA);
  net.advance(seconds(300));
  EXPECT_TRUE(knows(kA, kGone) && knows(kB, kGone));
}

// It would have told the others of a member that they had removed and forgotten.
TEST_F(RingNames, AMemberThatWasAwayDoesNotBringBackWhatTheOthersHaveForgotten) {
  forget_after = seconds(60);
  start_ring({kA, kB, kC});
  cast(kA, add_node_message(atom(kGone)));
  net.advance(seconds(3));
  ASSERT_TRUE(counts(kC, kGone));
  net.crash(kC);
  cast(kA, del_node_message(atom(kGone)));
  net.advance(seconds(300));
  ASSERT_FALSE(knows(kA, kGone)) << state();
  start(kC);
  EXPECT_TRUE(agree({kA, kB, kC}, seconds(3))) << state();
  net.advance(seconds(60));
  for (const auto& name : {kA, kB, kC}) EXPECT_FALSE(knows(name, kGone)) << name << "\n" << state();
}

TEST_F(RingNames, NorDoesOneThatRanOnTheOtherSideOfAPartition) {
  forget_after = seconds(60);
  start_ring({kA, kB, kC});
  cast(kA, add_node_message(atom(kGone)));
  net.advance(seconds(3));
  part(kA, kC), part(kB, kC);
  net.advance(seconds(5));
  cast(kA, del_node_message(atom(kGone)));
  net.advance(seconds(300));
  ASSERT_FALSE(knows(kA, kGone)) << state();
  ASSERT_TRUE(counts(kC, kGone));
  part(kA, kC, false), part(kB, kC, false);
  EXPECT_TRUE(agree({kA, kB, kC}, seconds(30))) << state();
  net.advance(seconds(60));
  for (const auto& name : {kA, kB, kC}) EXPECT_FALSE(knows(name, kGone)) << name << "\n" << state();
}

TEST_F(RingNames, ANameThatIsForgottenCanBeUsedAgain) {
  forget_after = seconds(60);
  start_ring({kA, kB});
  use_and_remove(kA, kC);
  net.advance(seconds(200));
  ASSERT_FALSE(knows(kA, kC));
  start(kC, kA);
  EXPECT_TRUE(agree({kA, kB, kC}, seconds(3))) << state();
  net.advance(seconds(120));
  EXPECT_TRUE(agree({kA, kB, kC}, milliseconds(1))) << state();
}

// All names that it hears of look old to it.
TEST_F(RingNames, AMemberWhoseClockIsFarAheadStillTakesNewMembersIn) {
  forget_after = seconds(60);
  start_ring({kA, kB});
  net.skew_wall_clock(kA, std::chrono::hours(24));
  net.advance(seconds(130));
  EXPECT_TRUE(agree({kA, kB}, seconds(1))) << state();
  start(kC, kB);
  EXPECT_TRUE(agree({kA, kB, kC}, seconds(3))) << state();
}

}  // namespace
}  // namespace supervisorring
