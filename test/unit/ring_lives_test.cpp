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

}  // namespace
}  // namespace supervisorring
