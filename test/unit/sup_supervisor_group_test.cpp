// Group restarts: one_for_all and rest_for_one.
#include "sup_supervisor_fixture.h"

namespace supervisorring {
namespace {

class GroupRestart : public SupervisorFixture {
 protected:
  // Children a, b, c, d, in this order.
  void abcd(const char* flags) {
    make(flags);
    for (const char* id : {"a", "b", "c", "d"}) start(id);
    happened();
  }
  void answer_start(bool ok) {
    const SupStart start = held.front();
    held.erase(held.begin());
    if (ok) sup->started(start.token, new_pid(), now);
    else sup->start_failed(start.token, atom("broken"), now);
    drive();
  }
};

TEST_F(GroupRestart, OneForAllEndsTheOthersNewestFirstAndStartsAllOldestFirst) {
  abcd("{one_for_all, 3, 5}");
  exits("b", "boom");
  EXPECT_EQ(happened(), "-d -c -a +a +b +c +d");
  EXPECT_EQ(table(), "a b c d ");
  EXPECT_FALSE(end);
}

TEST_F(GroupRestart, RestForOneRestartsTheOneThatEndedAndThoseAfterIt) {
  abcd("{rest_for_one, 3, 5}");
  const Term before = pid_of("a");
  exits("b", "boom");
  EXPECT_EQ(happened(), "-d -c +b +c +d");
  EXPECT_EQ(pid_of("a"), before);
  exits("d", "boom");
  EXPECT_EQ(happened(), "+d");
}

TEST_F(GroupRestart, AfterMeansAfterInTheTableWhichARestartDoesNotChange) {
  abcd("{rest_for_one, 9, 5}");
  call("{terminate_child, b}");
  call("{restart_child, b}");
  happened();
  exits("c", "boom");
  EXPECT_EQ(happened(), "-d +c +d");
  call("{terminate_child, a}");
  call("{delete_child, a}");
  start("a");
  happened();
  exits("d", "boom");
  EXPECT_EQ(happened(), "-a +d +a");
}

TEST_F(GroupRestart, IsOneRestartOfTheIntensity) {
  abcd("{one_for_all, 1, 5}");
  exits("a", "boom");
  EXPECT_FALSE(end);
  happened();
  exits("a", "boom");
  EXPECT_EQ(happened(), "-d -c -b");
  EXPECT_EQ(end, atom("shutdown"));
  EXPECT_EQ(end_cause, SupEndCause::gave_up);
}

TEST_F(GroupRestart, QuietEndsThatNeedNoRestartLeaveTheOthersAlone) {
  make("{one_for_all, 0, 5}");
  start("a");
  start("t", "transient");
  start("x", "temporary");
  happened();
  exits("t", "normal");
  exits("x", "boom");
  EXPECT_EQ(happened(), "");
  EXPECT_EQ(table(), "a t(undefined) ");
}

TEST_F(GroupRestart, TemporaryChildrenEndWithTheGroupAndAreForgotten) {
  make("{one_for_all, 3, 5}");
  start("a");
  start("x", "temporary");
  start("b");
  happened();
  exits("a", "boom");
  EXPECT_EQ(happened(), "-b -x +a +b");
  EXPECT_EQ(table(), "a b ");
}

TEST_F(GroupRestart, ChildrenThatWereDownStartWithTheGroup) {
  // As OTP does: it starts all of the group's specifications.
  abcd("{rest_for_one, 3, 5}");
  call("{terminate_child, a}");
  call("{terminate_child, c}");
  happened();
  exits("b", "boom");
  EXPECT_EQ(happened(), "-d +b +c +d");
  EXPECT_EQ(table(), "a(undefined) b c d ");
}

TEST_F(GroupRestart, AFailedStartEndsThoseBeforeItAgainUnderOneForAll) {
  abcd("{one_for_all, 2, 5}");
  failing.insert("c");
  exits("a", "boom");
  EXPECT_EQ(happened(), "-d -c -b +a +b +c! -b -a +a +b +c! -b -a");
  EXPECT_EQ(end, atom("shutdown"));
}

TEST_F(GroupRestart, AFailedStartIsTheGroupOfItselfUnderRestForOne) {
  abcd("{rest_for_one, 2, 5}");
  failing.insert("c");
  exits("a", "boom");
  EXPECT_EQ(happened(), "-d -c -b +a +b +c! +c! -b -a");
  EXPECT_EQ(end, atom("shutdown"));
}

TEST_F(GroupRestart, WhileAMemberDoesNotStartThoseAfterItAreDownAndATerminateEndsTheTries) {
  abcd("{one_for_all, 9, 5}");
  hold_starts = true;
  exits("a", "boom");
  EXPECT_EQ(table(), "a(restarting) b(restarting) c(restarting) d(restarting) ");
  EXPECT_EQ(call("{terminate_child, a}"), atom("no_reply_yet"));
  answer_start(false);
  EXPECT_EQ(replies[next_call - 1], atom("ok"));
  EXPECT_EQ(table(), "a(undefined) b(undefined) c(undefined) d(undefined) ") << "as OTP leaves them";
  EXPECT_TRUE(held.empty());
  hold_starts = false;
  EXPECT_TRUE(call("{restart_child, b}").is_tagged("ok", 2));
}

TEST_F(GroupRestart, AMemberThatEndsByItselfBeforeItsTurnIsNotCountedAgain) {
  abcd("{one_for_all, 1, 5}");
  ignore_signals = true;
  exits("a", "boom");
  EXPECT_EQ(happened(), "-d");
  exits("b", "boom");
  sup->exited(pid_of("d"), atom("shutdown"), now);
  drive();
  ignore_signals = false;
  EXPECT_EQ(happened(), "-c");
  sup->exited(pid_of("c"), atom("shutdown"), now);
  drive();
  EXPECT_EQ(happened(), "+a +b +c +d");
  EXPECT_FALSE(end);
}

TEST_F(GroupRestart, AMemberThatEndsAfterItsStartBeginsAGroupOfItsOwnWhichCounts) {
  abcd("{one_for_all, 2, 5}");
  hold_starts = true;
  exits("a", "boom");
  answer_start(true);
  answer_start(true);
  happened();
  exits("a", "boom");
  EXPECT_EQ(happened(), "") << "c, whose start is under way, is waited for";
  answer_start(true);
  EXPECT_EQ(happened(), "-c -b +a");
  hold_starts = false;
  answer_start(true);
  EXPECT_EQ(happened(), "+b +c +d");
  exits("a", "boom");
  EXPECT_EQ(end, atom("shutdown"));
}

TEST_F(GroupRestart, AStartUnderWayIsWaitedForAnsweredEndedAndStartedAgain) {
  make("{one_for_all, 3, 5}");
  start("a");
  hold_starts = true;
  EXPECT_EQ(start("b"), atom("no_reply_yet"));
  happened();
  exits("a", "boom");
  EXPECT_EQ(happened(), "");
  hold_starts = false;
  answer_start(true);
  EXPECT_TRUE(replies[next_call - 1].is_tagged("ok", 2));
  EXPECT_EQ(happened(), "-b +a +b");
}

TEST_F(GroupRestart, AFirstStartThatFailsMeanwhileIsAnsweredAndForgotten) {
  make("{one_for_all, 3, 5}");
  start("a");
  hold_starts = true;
  start("b");
  happened();
  exits("a", "boom");
  hold_starts = false;
  answer_start(false);
  EXPECT_TRUE(replies[next_call - 1].is_tagged("error", 2));
  EXPECT_EQ(happened(), "+a");
  EXPECT_EQ(table(), "a ");
}

TEST_F(GroupRestart, AHeldCopyHasNotBegunToWorkAndIsNoMember) {
  make("{one_for_all, 3, 5}");
  start("a");
  hold_starts = true;
  sup->start_held(next_call++, std::get<ChildSpec>(check_child_spec(T("{h,{m,f,[]},permanent,5000,worker,[m]}"), AutoShutdown::never)), T("{n, 1}"), now);
  drive();
  hold_starts = false;
  happened();
  exits("a", "boom");
  EXPECT_EQ(happened(), "+a");
  EXPECT_EQ(state_of("h"), "starting");
  EXPECT_TRUE(abandoned.empty());
}

TEST_F(GroupRestart, AChildThatACallIsStoppingStaysDown) {
  abcd("{one_for_all, 3, 5}");
  ignore_signals = true;
  EXPECT_EQ(call("{terminate_child, c}"), atom("no_reply_yet"));
  ignore_signals = false;
  happened();
  exits("a", "boom");
  EXPECT_EQ(happened(), "-d -b +a +b +d");
  sup->exited(pid_of("c"), atom("shutdown"), now);
  drive();
  EXPECT_EQ(table(), "a b c(undefined) d ");
}

TEST_F(GroupRestart, RequestsForAMemberWaitForItsEndAndThenAnswerAsForARestartingChild) {
  abcd("{one_for_all, 3, 5}");
  ignore_signals = true;
  exits("a", "boom");
  const CallId first = next_call;
  for (const char* what : {"{delete_child, d}", "{restart_child, d}", "{terminate_child, d}"}) EXPECT_EQ(call(what), atom("no_reply_yet"));
  EXPECT_EQ(start("d"), atom("no_reply_yet"));
  ignore_signals = false;
  sup->exited(pid_of("d"), atom("shutdown"), now);
  drive();
  EXPECT_EQ(replies[first], T("{error, restarting}"));
  EXPECT_EQ(replies[first + 1], T("{error, restarting}"));
  EXPECT_EQ(replies[first + 2], atom("ok"));
  EXPECT_EQ(replies[first + 3], T("{error, already_present}"));
  EXPECT_EQ(table(), "a b c d(undefined) ") << "terminated, it is not started with the others";
}

TEST_F(GroupRestart, AMemberThatIsTerminatedBeforeItsTurnStaysDown) {
  abcd("{one_for_all, 3, 5}");
  ignore_signals = true;
  exits("a", "boom");
  EXPECT_EQ(call("{terminate_child, b}"), atom("no_reply_yet"));
  ignore_signals = false;
  for (const char* id : {"b", "d"}) {
    sup->exited(pid_of(id), atom("shutdown"), now);
    drive();
  }
  EXPECT_EQ(table(), "a b(undefined) c d ");
}

TEST_F(GroupRestart, AMemberThatMovesAwayIsForgottenAndTheGroupGoesOn) {
  abcd("{one_for_all, 3, 5}");
  ignore_signals = true;
  exits("a", "boom");
  sup->moved_away(atom("b"), now);
  ignore_signals = false;
  sup->exited(pid_of("d"), atom("shutdown"), now);
  drive();
  EXPECT_EQ(table(), "a c d ");
}

TEST_F(GroupRestart, ANewChildIsStartedAtOnceMeanwhile) {
  // A member's own start may be what asks for it.
  abcd("{one_for_all, 3, 5}");
  hold_starts = true;
  exits("a", "boom");
  hold_starts = false;
  EXPECT_TRUE(start("e").is_tagged("ok", 2));
}

TEST_F(GroupRestart, AStopMeanwhileEndsWhatRunsAndStartsNothing) {
  abcd("{one_for_all, 3, 5}");
  hold_starts = true;
  exits("a", "boom");
  answer_start(true);
  happened();
  sup->stop(atom("shutdown"), now);
  drive();
  EXPECT_EQ(abandoned.size(), 1u);
  answer_start(false);
  EXPECT_EQ(happened(), "-a");
  EXPECT_EQ(end, atom("shutdown"));
  EXPECT_EQ(end_cause, SupEndCause::stopped);
}

TEST_F(GroupRestart, ASlowMemberIsKilledWhenItsTimeIsUp) {
  abcd("{one_for_all, 3, 5}");
  ignore_signals = true;
  exits("d", "boom");
  EXPECT_EQ(happened(), "-c");
  now += std::chrono::seconds(5);
  sup->timeout(now);
  drive();
  EXPECT_EQ(happened(), "xc -b");
}

TEST_F(GroupRestart, AStartThatIsIgnoredLeavesTheMemberDownAndTheGroupGoesOn) {
  abcd("{one_for_all, 3, 5}");
  hold_starts = true;
  exits("a", "boom");
  const SupStart ignored = held.front();
  held.clear();
  hold_starts = false;
  sup->started(ignored.token, atom("undefined"), now);
  drive();
  EXPECT_EQ(table(), "a(undefined) b c d ");
}

}  // namespace
}  // namespace supervisorring
