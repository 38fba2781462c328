// Group restarts that a predecessor had begun.
#include "sup_supervisor_fixture.h"

namespace supervisorring {
namespace {

class GroupTakeover : public SupervisorFixture {
 protected:
  using Takeover = Supervisor::Takeover;
  void take(const char* id, Takeover how, StartToken token = 0) {
    const bool runs = token == 0 && how != Takeover::restarting && how != Takeover::terminated;
    sup->take_over(how, std::get<ChildSpec>(check_child_spec(T("{" + std::string(id) + ",{m,f,[]},permanent,5000,worker,[m]}"), AutoShutdown::never)),
                   runs ? new_pid() : Term(), token, 0, now);
  }
};

TEST_F(GroupTakeover, EndsTheMembersThatHadNotEndedAndStartsAllInOrder) {
  make("{one_for_all, 3, 5}");
  sup->tokens_above(100);
  take("a", Takeover::restarting);
  take("b", Takeover::to_restart);
  take("c", Takeover::to_restart);
  take("d", Takeover::restarting);
  sup->taken_over(now);
  drive();
  EXPECT_EQ(happened(), "-c -b +a +b +c +d");
}

TEST_F(GroupTakeover, GoesOnFromTheStartThatIsUnderWay) {
  make("{rest_for_one, 3, 5}");
  sup->tokens_above(100);
  take("a", Takeover::running);
  take("b", Takeover::restarting, 7);
  take("c", Takeover::restarting);
  sup->taken_over(now);
  drive();
  EXPECT_EQ(happened(), "");
  sup->started(7, new_pid(), now);
  drive();
  EXPECT_EQ(happened(), "+c");
  EXPECT_EQ(table(), "a b c ");
}

TEST_F(GroupTakeover, AMemberWhoseStartWasUnderWayEndsFirst) {
  make("{one_for_all, 3, 5}");
  sup->tokens_above(100);
  take("a", Takeover::restarting);
  take("b", Takeover::to_restart, 7);
  sup->taken_over(now);
  drive();
  EXPECT_EQ(happened(), "");
  sup->started(7, new_pid(), now);
  drive();
  EXPECT_EQ(happened(), "-b +a +b");
}

TEST_F(GroupTakeover, WithoutGroupsRestartsGoOnSideBySide) {
  make("{one_for_one, 3, 5}");
  hold_starts = true;
  take("a", Takeover::restarting);
  take("b", Takeover::restarting);
  sup->taken_over(now);
  drive();
  EXPECT_EQ(happened(), "+a +b");
}

}  // namespace
}  // namespace supervisorring
