// Lives of whole members that ringsim found wrong. Each test opens with the bug.
#include <gtest/gtest.h>

#include "sim_cluster.h"

namespace supervisorring {
namespace {

using std::chrono::seconds;

// A member that left while it still waited for its --join targets wrote a ring file that named itself alone. Started again with
// that file it took itself for the whole ring and ran everything a second time.
TEST(RingLives, AMemberThatLeavesBeforeItWasInWritesNoRingFile) {
  sim::SimCluster cluster;
  cluster.start("a@h1", "b@h2");
  cluster.advance(seconds(3));
  cluster.leave("a@h1");
  cluster.advance(seconds(1));
  EXPECT_FALSE(cluster.runs("a@h1"));
  EXPECT_FALSE(cluster.network().files("a@h1").contains("ring"));
}

// A member whose ring file named only members that are gone took itself for the whole ring before its --join target had answered.
TEST(RingLives, AMemberWithAnOldRingFileWaitsForItsJoinTarget) {
  sim::SimCluster cluster;
  cluster.start("a@h1");
  cluster.start("b@h2", "a@h1");
  cluster.advance(seconds(3));
  cluster.crash("b@h2");
  cluster.advance(seconds(1));
  cluster.start("c@h3", "a@h1");
  cluster.advance(seconds(3));
  cluster.crash("a@h1");
  cluster.network().set_delay("b@h2", "c@h3", std::chrono::milliseconds(50));
  cluster.start("b@h2", "c@h3");
  cluster.advance(seconds(1));
  EXPECT_TRUE(cluster.network().logged("b@h2", "settled: c@h3 answered"));
  EXPECT_EQ(cluster.up("c@h3"), (std::vector<std::string>{"b@h2", "c@h3"}));
}

// A member left for good, and came back with its wall clock an hour behind, by a member that had missed its removal. When a third one brought
// that, it was newer than the new life, which ended.
TEST(RingLives, AMemberThatComesBackForGoodOutlivesTheRemovalOfItsEarlierLifeThoughItsClockIsBehind) {
  sim::SimCluster cluster;
  cluster.start("a@h1");
  cluster.start("b@h2", "a@h1");
  cluster.start("c@h3", "a@h1");
  cluster.advance(seconds(3));
  cluster.crash("b@h2");
  cluster.advance(seconds(1));
  cluster.leave("c@h3", true);
  cluster.advance(seconds(3));
  EXPECT_FALSE(cluster.runs("c@h3"));
  cluster.crash("a@h1");
  cluster.start("b@h2");  // its ring file still names c
  cluster.advance(seconds(3));
  cluster.network().skew_wall_clock("c@h3", -std::chrono::hours(1));
  cluster.start("c@h3", "b@h2");
  cluster.advance(seconds(3));
  cluster.start("a@h1");
  cluster.advance(seconds(20));
  ASSERT_EQ(cluster.running(), (std::vector<std::string>{"a@h1", "b@h2", "c@h3"}));
  for (const char* member : {"a@h1", "b@h2", "c@h3"}) EXPECT_EQ(cluster.up(member), (std::vector<std::string>{"a@h1", "b@h2", "c@h3"})) << member;
}

}  // namespace
}  // namespace supervisorring
