// The parent of the supervisors of a standalone node (node/top_sup.h).
#include "sup_cluster.h"

namespace supervisorring {
namespace {

class TopSupTest : public SupCluster {
 protected:
  void begin(std::optional<TopIntensity> top) {
    top_intensity = top;
    add_with("a@h", counters(3));
    ring({"a@h"});
    ASSERT_TRUE(eventually([&] { return running({"a@h"}) == 3; }));
  }
  // As another member does whose supervisor has ended.
  void end() { cast("a@h", super_sup_name(), T("{terminate, 'Elixir.S.GlobalSup'}")); }
  bool runs() { return members.at("a@h")->supervision->state()->find(atom("Elixir.S"))->runs(); }
};

TEST_F(TopSupTest, StartsASupervisorAgainThatAnotherMemberEnded) {
  begin(TopIntensity{3, 5});
  EXPECT_EQ(count_of("a@h", "c0", "increment"), 1);
  end();
  EXPECT_TRUE(eventually([&] { return running({"a@h"}) == 3; }));
  EXPECT_EQ(count_of("a@h", "c0"), 0) << "its children are new ones";
  EXPECT_TRUE(net.logged("a@h", "supervisor 'Elixir.S' ended here (another member ended it everywhere): starting it again"));
  EXPECT_TRUE(gave_up.empty());
}

// The intensity of the local supervisor is 3 in 5 s, that of the global one 2 in 10 s.
TEST_F(TopSupTest, StartsASupervisorAgainThatGaveUp) {
  begin(TopIntensity{3, 5});
  const auto gave_up_once = [&] { return net.logged("a@h", "global supervisor of 'Elixir.S' gives up"); };
  for (int crashes = 0; crashes < 50 && !gave_up_once(); ++crashes) {
    cast("a@h", atom("c0"), atom("crash"));
    wait(std::chrono::milliseconds(5));
  }
  ASSERT_TRUE(gave_up_once());
  EXPECT_TRUE(eventually([&] { return running({"a@h"}) == 3; }));
  EXPECT_TRUE(gave_up.empty());
}

TEST_F(TopSupTest, GivesUpWhenTheyEndTooOften) {
  begin(TopIntensity{2, 5});
  for (int ends = 0; ends < 2; ++ends) {
    end();
    ASSERT_TRUE(eventually([&] { return running({"a@h"}) == 3; }));
  }
  EXPECT_TRUE(gave_up.empty());
  end();
  EXPECT_EQ(gave_up, (std::vector<std::string>{"a@h"}));
  EXPECT_FALSE(runs());
  EXPECT_TRUE(net.logged("a@h", "3 ends of supervisors within 5 s: giving up"));
}

TEST_F(TopSupTest, EndsThatAreLongAgoDoNotCount) {
  begin(TopIntensity{1, 5});
  for (int ends = 0; ends < 4; ++ends) {
    end();
    ASSERT_TRUE(eventually([&] { return running({"a@h"}) == 3; }));
    wait(std::chrono::seconds(7));
  }
  EXPECT_TRUE(gave_up.empty());
}

TEST_F(TopSupTest, WithoutAnIntensityTheSupervisorStaysDown) {
  begin(std::nullopt);
  end();
  wait(std::chrono::seconds(2));
  EXPECT_FALSE(runs());
  EXPECT_TRUE(gave_up.empty());
}

TEST_F(TopSupTest, ANodeThatLeavesStartsNothingAgain) {
  begin(TopIntensity{3, 5});
  set_ring("a@h", {"a@h"}, true, true);
  end();
  wait(std::chrono::seconds(2));
  EXPECT_FALSE(runs());
}

}  // namespace
}  // namespace supervisorring
