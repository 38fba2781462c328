// Significant children and auto_shutdown.
#include "sup_supervisor_fixture.h"

namespace supervisorring {
namespace {

class AutoShutdownTest : public SupervisorFixture {
 protected:
  Term significant(std::string_view id, std::string_view restart) {
    return call("{start_child, #{id => " + std::string(id) + ", start => {m,f,[]}, restart => " + std::string(restart) + ", significant => true}}");
  }
};

TEST_F(AutoShutdownTest, AnySignificantChildThatEndsEndsTheSupervisorWithShutdownTheNewestChildFirst) {
  make("#{auto_shutdown => any_significant}");
  start("b");
  significant("a", "temporary");
  start("c");
  happened();
  exits("a", "normal");
  EXPECT_EQ(end, atom("shutdown"));
  EXPECT_EQ(end_cause, SupEndCause::auto_shutdown);
  EXPECT_EQ(happened(), "-c -b");
}

TEST_F(AutoShutdownTest, AllSignificantWaitsForTheLastOfThem) {
  make("#{auto_shutdown => all_significant}");
  for (const char* id : {"a", "b"}) significant(id, "transient");
  exits("a", "normal");
  EXPECT_FALSE(end);
  exits("b", "normal");
  EXPECT_EQ(end, atom("shutdown"));
}

TEST_F(AutoShutdownTest, AChildThatRestartsHasNotEnded) {
  make("#{auto_shutdown => any_significant, intensity => 9}");
  significant("a", "transient");
  exits("a", "boom");
  EXPECT_FALSE(end);
  exits("a", "{shutdown, done}");
  EXPECT_EQ(end, atom("shutdown"));
}

TEST_F(AutoShutdownTest, ChildrenThatAreNotSignificantDoNotCount) {
  make("#{auto_shutdown => any_significant}");
  significant("a", "transient");
  start("t", "temporary");
  start("n", "transient");
  exits("t", "normal");
  exits("n", "normal");
  EXPECT_FALSE(end);
}

TEST_F(AutoShutdownTest, ATerminatedOrMovedChildHasNotEndedByItself) {
  make("#{auto_shutdown => any_significant}");
  significant("a", "transient");
  significant("b", "temporary");
  significant("c", "temporary");
  EXPECT_EQ(call("{terminate_child, a}"), atom("ok"));
  EXPECT_EQ(call("{terminate_child, b}"), atom("ok"));
  sup->moved_away(atom("c"), now);
  drive();
  EXPECT_FALSE(end);
}

TEST_F(AutoShutdownTest, AllSignificantCountsAChildThatACallIsEndingAsEnded) {
  // OTP deals with the call first, then with the end of the other.
  make("#{auto_shutdown => all_significant}");
  significant("a", "transient");
  significant("b", "transient");
  ignore_signals = true;
  EXPECT_EQ(call("{terminate_child, a}"), atom("no_reply_yet"));
  exits("b", "normal");
  sup->exited(pid_of("a"), atom("shutdown"), now);
  drive();
  EXPECT_EQ(end, atom("shutdown"));
}

TEST_F(AutoShutdownTest, AGroupRestartIsNoEndOfItsMembers) {
  make("#{strategy => one_for_all, auto_shutdown => any_significant}");
  significant("a", "temporary");
  significant("b", "transient");
  start("c");
  exits("c", "boom");
  EXPECT_FALSE(end);
  EXPECT_EQ(state_of("a"), "unknown");
  EXPECT_EQ(state_of("b"), "running");
}

TEST_F(AutoShutdownTest, SignificantNeedsAutoShutdownAndAChildThatMayEnd) {
  EXPECT_EQ(significant("a", "transient"), T("{error, {bad_combination, [{auto_shutdown, never}, {significant, true}]}}"));
  make("#{auto_shutdown => any_significant}");
  EXPECT_EQ(significant("a", "permanent"), T("{error, {bad_combination, [{restart, permanent}, {significant, true}]}}"));
  EXPECT_EQ(call("{start_child, #{id => a, start => {m,f,[]}, restart => transient, significant => maybe}}"), T("{error, {invalid_significant, maybe}}"));
}

}  // namespace
}  // namespace supervisorring
