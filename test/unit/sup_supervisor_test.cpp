#include "sup_supervisor_fixture.h"

namespace supervisorring {
namespace {

using LocalSupervisor = SupervisorFixture;

TEST_F(LocalSupervisor, AStartedChildIsAnsweredWithItsPid) {
  const Term reply = start("a");
  ASSERT_TRUE(reply.is_tagged("ok", 2));
  EXPECT_EQ(sup->which_children(), list({tuple(atom("a"), reply[1], atom("worker"), T("[m]"))}));
}

TEST_F(LocalSupervisor, AnIdThatRunsIsAlreadyStartedAndOneThatIsDownIsAlreadyPresent) {
  const Term pid = start("a")[1];
  EXPECT_EQ(start("a"), tuple(atom("error"), tuple(atom("already_started"), pid)));
  EXPECT_EQ(call("{terminate_child, a}"), atom("ok"));
  EXPECT_EQ(start("a"), T("{error, already_present}"));
}

TEST_F(LocalSupervisor, AMalformedSpecIsAnsweredWithOtpsTerm) {
  EXPECT_EQ(start("a", "forever"), T("{error, {invalid_restart_type, forever}}"));
  EXPECT_EQ(call("{start_child, x}"), T("{error, {invalid_child_spec, x}}"));
}

TEST_F(LocalSupervisor, AFailedStartAnswersReasonAndChildRecordAndForgetsTheChild) {
  fail_starts = 1;
  EXPECT_EQ(start("a"), T("{error, {broken, {child, undefined, a, {m,f,[]}, permanent, false, 5000, worker, [m]}}}"));
  EXPECT_EQ(call("which_children"), T("[]"));
}

TEST_F(LocalSupervisor, AStartThatIsIgnoredLeavesThePermanentChildDownAndForgetsTheTemporaryOne) {
  hold_starts = true;
  for (const char* restart : {"permanent", "temporary"}) {
    start(restart, restart);
    sup->started(held.back().token, atom("undefined"), now);
    drive();
    EXPECT_EQ(replies[next_call - 1], T("{ok, undefined}"));
  }
  EXPECT_EQ(call("which_children"), T("[{permanent, undefined, worker, [m]}]"));
}

TEST_F(LocalSupervisor, ExitsAndRestartTypesDecideAsInOtp) {
  const char* reasons[] = {"normal", "shutdown", "{shutdown, x}", "boom", "killed"};
  make("{one_for_one, 100, 5}");
  for (const char* reason : reasons) {
    for (const char* type : {"permanent", "transient", "temporary"}) {
      start("a", type);
      const int before = starts;
      exits("a", reason);
      const bool abnormal = std::string_view(reason) == "boom" || std::string_view(reason) == "killed";
      const bool restarts = std::string_view(type) == "permanent" || (std::string_view(type) == "transient" && abnormal);
      EXPECT_EQ(starts, before + (restarts ? 1 : 0)) << type << " " << reason;
      if (std::string_view(type) == "temporary") EXPECT_FALSE(sup->find(atom("a")));
      else EXPECT_EQ(sup->find(atom("a"))->state, restarts ? Supervisor::ChildState::running : Supervisor::ChildState::down);
      call("{terminate_child, a}");
      call("{delete_child, a}");
    }
  }
}

TEST_F(LocalSupervisor, OneRestartTooManyEndsAllChildrenAndThenTheSupervisorWithShutdown) {
  start("a");
  start("b");
  for (int i = 0; i < 3; ++i) exits("a", "boom");
  EXPECT_FALSE(end);
  exits("a", "boom");
  EXPECT_EQ(end, atom("shutdown"));
  EXPECT_EQ(sup->active(), 0u);
  EXPECT_NE(reports.back().find("reached_max_restart_intensity"), std::string::npos);
}

TEST_F(LocalSupervisor, AFailedRestartIsTriedAgainAndEveryTryCounts) {
  start("a");
  fail_starts = 2;
  exits("a", "boom");
  EXPECT_EQ(sup->find(atom("a"))->state, Supervisor::ChildState::running);
  EXPECT_EQ(starts, 4);
  fail_starts = 100;
  now += std::chrono::seconds(20);
  exits("a", "boom");
  EXPECT_EQ(end, atom("shutdown"));
  EXPECT_EQ(starts, 7);  // three tries, the fourth restart is one too many
}

TEST_F(LocalSupervisor, WhileARestartFailsTheChildIsRestarting) {
  start("a");
  hold_starts = true;
  exits("a", "boom");
  EXPECT_EQ(call("which_children"), T("[{a, restarting, worker, [m]}]"));
  EXPECT_EQ(call("count_children"), T("[{specs,1},{active,0},{supervisors,0},{workers,1}]"));
  EXPECT_EQ(call("{restart_child, a}"), atom("no_reply_yet"));
  EXPECT_EQ(call("{delete_child, a}"), atom("no_reply_yet"));
  sup->start_failed(held.back().token, atom("broken"), now);
  drive();
  EXPECT_EQ(replies[next_call - 2], T("{error, restarting}"));
  EXPECT_EQ(replies[next_call - 1], T("{error, restarting}"));
  EXPECT_EQ(held.size(), 2u);  // tried again
}

TEST_F(LocalSupervisor, TerminatingARestartingChildEndsTheTries) {
  start("a");
  hold_starts = true;
  exits("a", "boom");
  EXPECT_EQ(call("{terminate_child, a}"), atom("no_reply_yet"));
  EXPECT_EQ(abandoned.size(), 1u);
  sup->start_failed(held.back().token, atom("broken"), now);
  drive();
  EXPECT_EQ(replies[next_call - 1], atom("ok"));
  EXPECT_EQ(sup->find(atom("a"))->state, Supervisor::ChildState::down);
  EXPECT_EQ(held.size(), 1u);
}

TEST_F(LocalSupervisor, UnknownRunningAndTerminatedIdsAnswerAsInOtp) {
  for (const char* what : {"terminate_child", "restart_child", "delete_child", "get_childspec"})
    EXPECT_EQ(call(tuple(atom(what), atom("nobody"))), T("{error, not_found}")) << what;
  start("a");
  EXPECT_EQ(call("{restart_child, a}"), T("{error, running}"));
  EXPECT_EQ(call("{delete_child, a}"), T("{error, running}"));
  EXPECT_EQ(call("{terminate_child, a}"), atom("ok"));
  EXPECT_EQ(call("{terminate_child, a}"), atom("ok"));
  EXPECT_EQ(call("which_children"), T("[{a, undefined, worker, [m]}]"));
  EXPECT_TRUE(call("{restart_child, a}").is_tagged("ok", 2));
  EXPECT_EQ(call("{terminate_child, a}"), atom("ok"));
  EXPECT_EQ(call("{delete_child, a}"), atom("ok"));
  EXPECT_EQ(call("which_children"), T("[]"));
}

TEST_F(LocalSupervisor, ATerminatedTemporaryChildIsForgotten) {
  start("a", "temporary");
  EXPECT_EQ(call("{terminate_child, a}"), atom("ok"));
  EXPECT_EQ(call("{restart_child, a}"), T("{error, not_found}"));
}

TEST_F(LocalSupervisor, AFailedRestartChildAnswersTheReasonAndLeavesTheChildDown) {
  start("a");
  call("{terminate_child, a}");
  fail_starts = 1;
  EXPECT_EQ(call("{restart_child, a}"), T("{error, broken}"));
  EXPECT_EQ(sup->find(atom("a"))->state, Supervisor::ChildState::down);
}

TEST_F(LocalSupervisor, GetChildspecGivesTheMapAndNoArgumentsOfATemporaryChild) {
  call("{start_child, {a,{m,f,[1]},transient,brutal_kill,worker,dynamic}}");
  EXPECT_EQ(call("{get_childspec, a}"), T("{ok, #{id => a, start => {m,f,[1]}, restart => transient, significant => false, shutdown => brutal_kill, type => worker, modules => dynamic}}"));
  start("t", "temporary");
  EXPECT_EQ(*call("{get_childspec, t}")[1].find("start"), T("{m,f,undefined}"));
}

TEST_F(LocalSupervisor, BrutalKillIsKillAndATimeoutEndsInKill) {
  start("b", "permanent", "brutal_kill");
  const Term brutal = pid_of("b");
  call("{terminate_child, b}");
  EXPECT_EQ(signals, std::vector<Term>{tuple(brutal, atom("kill"))});
  signals.clear();
  ignore_signals = true;
  start("s", "permanent", "1000");
  const Term slow = pid_of("s");
  EXPECT_EQ(call("{terminate_child, s}"), atom("no_reply_yet"));
  EXPECT_EQ(signals, std::vector<Term>{tuple(slow, atom("shutdown"))});
  ASSERT_EQ(sup->next_timeout(), now + std::chrono::seconds(1));
  now += std::chrono::seconds(1);
  sup->timeout(now);
  drive();
  EXPECT_EQ(signals.back(), tuple(slow, atom("kill")));
  EXPECT_EQ(replies[next_call - 1], atom("ok"));
  EXPECT_FALSE(sup->next_timeout());
}

TEST_F(LocalSupervisor, AnInfiniteShutdownWaits) {
  ignore_signals = true;
  start("i", "permanent", "infinity");
  call("{terminate_child, i}");
  EXPECT_FALSE(sup->next_timeout());
  sup->exited(pid_of("i"), atom("shutdown"), now);
  drive();
  EXPECT_EQ(replies[next_call - 1], atom("ok"));
}

TEST_F(LocalSupervisor, AnotherReasonThanTheOneAskedForIsReported) {
  exit_reason = atom("boom");
  start("a");
  call("{terminate_child, a}");
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_NE(reports[0].find("shutdown_error"), std::string::npos);
}

TEST_F(LocalSupervisor, StoppingEndsTheNewestChildFirst) {
  std::vector<Term> pids;
  for (const char* id : {"a", "b", "c"}) pids.push_back(start(id)[1]);
  sup->stop(atom("shutdown"), now);
  drive();
  EXPECT_EQ(signals, (std::vector<Term>{tuple(pids[2], atom("shutdown")), tuple(pids[1], atom("shutdown")), tuple(pids[0], atom("shutdown"))}));
  EXPECT_EQ(end, atom("shutdown"));
}

TEST_F(LocalSupervisor, StoppingGivesUpAStartThatIsUnderWayAndEndsWhatStillComes) {
  hold_starts = true;
  start("a");
  sup->stop(atom("shutdown"), now);
  drive();
  EXPECT_FALSE(end);
  EXPECT_EQ(abandoned, std::vector<StartToken>{held[0].token});
  sup->started(held[0].token, new_pid(), now);
  drive();
  EXPECT_EQ(end, atom("shutdown"));
  EXPECT_EQ(signals.size(), 1u);
}

TEST_F(LocalSupervisor, OfManySimultaneousStartsOfOneIdOneIsOkAndTheRestAlreadyStartedWithThatPid) {
  hold_starts = true;
  for (int i = 0; i < 1000; ++i) start("a");
  ASSERT_EQ(held.size(), 1u);
  const Term pid = new_pid();
  sup->started(held[0].token, pid, now);
  drive();
  EXPECT_EQ(replies[1], tuple(atom("ok"), pid));
  for (CallId call = 2; call <= 1000; ++call) EXPECT_EQ(replies[call], tuple(atom("error"), tuple(atom("already_started"), pid)));
}

TEST_F(LocalSupervisor, RequestsForAChildThatStartsWaitInOrder) {
  hold_starts = true;
  start("a");
  const CallId first = next_call;
  call("{terminate_child, a}");
  call("{delete_child, a}");
  call("{get_childspec, a}");
  sup->started(held[0].token, new_pid(), now);
  drive();
  EXPECT_EQ(replies[first], atom("ok"));
  EXPECT_EQ(replies[first + 1], atom("ok"));
  EXPECT_EQ(replies[first + 2], T("{error, not_found}"));
}

TEST_F(LocalSupervisor, AChildThatWasMovedAwayIsForgottenAndItsEndIsOfNoInterest) {
  const Term pid = start("a")[1];
  sup->moved_away(atom("a"), now);
  sup->exited(pid, atom("boom"), now);
  drive();
  EXPECT_EQ(starts, 1);
  EXPECT_EQ(call("which_children"), T("[]"));
}

TEST_F(LocalSupervisor, AReplacementIsToldWhomItReplaces) {
  const Term pid = start("a")[1];
  hold_starts = true;
  exits("a", "boom");
  EXPECT_EQ(held.back().replaces, pid);
}

TEST_F(LocalSupervisor, AnUnknownRequestIsAnsweredWithAnError) {
  EXPECT_EQ(call("what"), T("{error, {unknown_call, what}}"));
}

}  // namespace
}  // namespace supervisorring
