// Evidence before verdicts: what it takes until a member is removed, and what puts it back.
#include "ring_cluster.h"

namespace supervisorring {
namespace {

using RingEvidence = ring_test::RingCluster;

TEST_F(RingEvidence, AMemberThatMissesOneAckAndAnswersThenStaysUp) {
  start_ring({kA, kB, kC});
  for (int i = 0; i < 20; ++i) {
    net.advance(milliseconds(2'370));
    net.stall(kB);
    net.advance(milliseconds(1'500));
    net.resume(kB, i % 2 ? sim::SimNetwork::First::timers : sim::SimNetwork::First::inputs);
  }
  EXPECT_TRUE(net.logged(kA, "no answer of b@h2") || net.logged(kC, "no answer of b@h2")) << state();
  for (const auto& name : {kA, kB, kC}) EXPECT_FALSE(net.logged(name, "up: -")) << state();
}

TEST_F(RingEvidence, AMemberThatStaysSilentIsGivenUpWithinSeconds) {
  start_ring({kA, kB, kC});
  net.stall(kB);
  EXPECT_TRUE(net.run_until([&] { return up(kA) == "a@h1 c@h3" && up(kC) == "a@h1 c@h3"; }, seconds(7))) << state();
  net.resume(kB);
  EXPECT_TRUE(agree({kA, kB, kC}, seconds(5))) << state();
}

// The view of the one in the middle lost either side again and again, and children moved each time.
TEST_F(RingEvidence, AThirdMembersRemovalOfAMemberThatIsHeardIsNotBelieved) {
  start_ring({kA, kB, kC});
  net.cut(kA, kC);
  net.advance(seconds(60));
  EXPECT_FALSE(net.logged(kB, "up: -")) << state();
  EXPECT_TRUE(net.logged(kB, "answers: it stays up")) << state();
  net.heal(kA, kC);
  EXPECT_TRUE(agree({kA, kB, kC}, seconds(40))) << state();
}

// Who cannot reach a member that others reach tries it less and less often.
TEST_F(RingEvidence, TheRingDoesNotSwingForAMemberThatOnlyOneCannotReach) {
  start_ring({kA, kB, kC});
  part(kA, kC);
  net.advance(seconds(120));
  const auto removals = std::count_if(net.logs().begin(), net.logs().end(), [](const auto& line) { return line.node == kA && line.text.starts_with("up: -"); });
  EXPECT_LE(removals, 10) << state();
  EXPECT_FALSE(net.logged(kB, "up: -")) << state();
  part(kA, kC, false);
  EXPECT_TRUE(agree({kA, kB, kC}, seconds(40))) << state();
}

// Told of the leave by another member before the leaving one's own message came, a member must not take the answers of a moment ago for life.
TEST_F(RingEvidence, AGracefulLeaveIsNeverCountered) {
  start_ring({kA, kB, kC, kD});
  for (int i = 0; i < 10; ++i) {
    net.advance(milliseconds(1'130));
    net.set_delay(kC, kB, milliseconds(700));
    net.advance(seconds(2));
    leave(kC);
    EXPECT_TRUE(net.run_until([&] { return up(kB) == "a@h1 b@h2 d@h4"; }, milliseconds(1'500))) << state();
    net.set_delay(kC, kB, milliseconds(1));
    net.advance(seconds(4));
    for (const auto& name : {kA, kB, kD}) EXPECT_EQ(up(name), "a@h1 b@h2 d@h4") << state();
    EXPECT_FALSE(net.logged(kB, "answers: it stays up")) << state();
    start(kC);
    ASSERT_TRUE(agree({kA, kB, kC, kD}, seconds(3))) << state();
  }
}

TEST_F(RingEvidence, ANodeThatWasStoppedDoubtsItselfAndNotTheOthers) {
  start_ring({kA, kB, kC});
  for (const auto first : {sim::SimNetwork::First::timers, sim::SimNetwork::First::inputs}) {
    net.stall(kA);
    net.advance(seconds(10));
    EXPECT_EQ(up(kB), "b@h2 c@h3");
    net.resume(kA, first);
    EXPECT_TRUE(agree({kA, kB, kC}, seconds(3))) << state();
    net.advance(seconds(5));
  }
  EXPECT_FALSE(net.logged(kA, "up: -")) << state();
  EXPECT_TRUE(net.logged(kA, "this node was held up")) << state();
}

TEST_F(RingEvidence, AStoppedLegacyMemberIsNeitherDroppedForOneAckNorKeptForEver) {
  start_legacy(kA);
  start(kB, kA);
  start(kC, kA);
  ASSERT_TRUE(agree({kA, kB, kC}, seconds(3))) << state();
  net.stall(kA);
  net.advance(milliseconds(900));
  net.resume(kA);
  net.advance(seconds(5));
  EXPECT_FALSE(net.logged(kB, "up: -")) << state();
  EXPECT_FALSE(net.logged(kC, "up: -")) << state();
  net.stall(kA);
  EXPECT_TRUE(net.run_until([&] { return up(kB) == "b@h2 c@h3" && up(kC) == "b@h2 c@h3"; }, seconds(8))) << state();
  net.resume(kA);
  EXPECT_TRUE(agree({kA, kB, kC}, seconds(8))) << state();
}

// Pulled from the network and started again under its name: no connection was seen to close.
TEST_F(RingEvidence, AMemberThatRestartsUnderItsNameIsANewLife) {
  class Watcher : public Process {
   public:
    explicit Watcher(std::string& told) : told_(told) {}
    void started(ProcessContext& context) override { context.monitor(nano_ring_at(atom(kB))); }
    void handle_message(ProcessContext&, const Term& message) override { told_ += to_text(message[4]); }
    std::string& told_;
  };
  start_ring({kA, kB, kC});
  std::string told;
  net.run(kA, [&](ProcessContext& context) { context.spawn(std::make_unique<Watcher>(told), SpawnOptions{}); });
  net.advance(milliseconds(500));
  EXPECT_EQ(told, "");
  net.vanish(kB);
  start(kB);
  EXPECT_TRUE(agree({kA, kB, kC}, seconds(3))) << state();
  EXPECT_EQ(told, "noconnection");
  net.advance(seconds(10));
  EXPECT_TRUE(agree({kA, kB, kC}, milliseconds(1))) << state();
}

}  // namespace
}  // namespace supervisorring
