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

}  // namespace
}  // namespace supervisorring
