// Supervisors of a BEAM's tree, run by its program: children under keepers, native ones behind proxies, and what the others are told.
#include "port_fixture.h"

namespace supervisorring {
namespace {

class PortSupervisionTest : public PortFixture {
 protected:
  static Term supervisor(const Term& specs, std::string_view flags = "{one_for_one, 2, 5}") {
    return T("{supervisor, #{name => s, module => m, args => [x], flags => '$1', specs => '$2', global => '$3', local => '$4', manager => '$5', children => []}}",
             T(flags), specs, pid(10), pid(11), pid(12));
  }
  static Term spec(const char* id, const char* restart = "permanent") {
    return T("{'$1', {m, start_link, ['$1']}, '$2', 2000, worker, [m]}", atom(id), atom(restart));
  }
  static Term counter(const char* id) {
    return T("{'$1', {gen_server, start_link, [{local, '$1'}, 'Elixir.Counter', [], []]}, permanent, 2000, worker, ['Elixir.Counter']}", atom(id));
  }
  // A supervisor with these children, each started with pid 100, 101, ... in the order of its start.
  void start_with(std::initializer_list<Term> specs, std::string_view flags = "{one_for_one, 2, 5}") {
    start();
    input(supervisor(Term::list(std::vector<Term>(specs)), flags));
    std::uint32_t next = 100;
    for (const Term& order : orders("start_child")) {
      pids[order[3]] = pid(next);
      input("{child_started, s, '$1', {ok, '$2'}}", order[2], pid(next++));
    }
    clear();
  }
  // {start_child, s, Token, Id, Spec, Request, Place}
  Term token_of(const char* order_tag = "start_child") { return order(order_tag)[2]; }
  Term call(const Term& request, std::uint32_t number = 1) {
    clear();
    input("{message, '$1', {'$gen_call', '$2', '$3'}}", pid(11), from(number), request);
    return reply(number);
  }
  Term reply(std::uint32_t number = 1) const {
    for (const Term& send : orders("send"))
      if (send[1] == ref(number)) return send[2][1];
    return Term();
  }
  std::map<Term, Term, bool (*)(const Term&, const Term&)> pids{[](const Term& a, const Term& b) { return compare(a, b) < 0; }};
};

TEST_F(PortSupervisionTest, AChildIsStartedByItsKeeperAndListed) {
  start();
  input(supervisor(list({spec("a")})));
  const Term start = order("start_child");
  EXPECT_EQ(start, T("{start_child, s, '$1', a, '$2', none, 1}", start[2], spec("a")));
  input("{child_started, s, '$1', {ok, '$2'}}", start[2], pid(100));
  EXPECT_TRUE(ordered("{supervisor_up, s}"));
  EXPECT_EQ(call(atom("which_children")), T("[{a, '$1', worker, [m]}]", pid(100)));
  EXPECT_TRUE(orders("child_done").empty()) << "a start that worked needs none";
}

TEST_F(PortSupervisionTest, ItIsUpWhenTheFirstChildrenHaveStartedOrFailed) {
  // start_link returned before, and what came after it in the user's tree found no children.
  start();
  input(supervisor(list({spec("a"), spec("b"), T("{dyn_child_handler, h}")})));
  const auto starts = orders("start_child");
  input("{child_started, s, '$1', {ok, '$2'}}", starts[0][2], pid(100));
  input("{child_started, s, '$1', {error, nope}}", starts[1][2]);
  EXPECT_TRUE(orders("supervisor_up").empty()) << "the handler has not answered";
  answer_calls("erpc", 4, "get_all", T("{ok, []}"));
  EXPECT_EQ(orders("supervisor_up").size(), 1u);
}

TEST_F(PortSupervisionTest, AChildThatStartsForeverHoldsStartLinkUpForAWhileOnly) {
  start();
  input(supervisor(list({spec("a")})));
  advance(std::chrono::seconds(4));
  EXPECT_TRUE(orders("supervisor_up").empty());
  advance(std::chrono::milliseconds(1100));
  EXPECT_EQ(orders("supervisor_up").size(), 1u);
}

TEST_F(PortSupervisionTest, AHandlerThatAnswersNonsenseIsSaidOnce) {
  start();
  input(supervisor(T("[{dyn_child_handler, h}]")));
  for (int round = 0; round < 3; ++round) {
    answer_calls("erpc", 4, "get_all", T("{ok, [nonsense, 17]}"));
    advance(std::chrono::seconds(10));
  }
  EXPECT_EQ(logged("warning").size(), 1u) << text();
}

TEST_F(PortSupervisionTest, WhatInitReturnedIsCheckedAsOtpChecksIt) {
  start();
  input(supervisor(list({atom("bad")})));
  EXPECT_EQ(order("supervisor_refused"), T("{supervisor_refused, s, {start_spec, {invalid_child_spec, bad}}}"));
  clear();
  input(supervisor(Term(), "{simple_one_for_one, 1, 5}"));
  EXPECT_EQ(order("supervisor_refused")[2], T("{supervisor_data, {invalid_strategy, simple_one_for_one}}"));
}

// The first one's end and the second one's start came in one read: the second was refused as running already.
TEST_F(PortSupervisionTest, OneThatEndedIsStartedAgainAtOnce) {
  start_with({spec("a")});
  inputs({T("{supervisor_gone, s, shutdown}"), supervisor(list({spec("a")}))});
  EXPECT_TRUE(orders("supervisor_refused").empty()) << text();
  EXPECT_EQ(order("start_child")[3], atom("a"));
}

// Its processes had been spawned for the restart and had not begun when they were to end: they never did.
TEST_F(PortSupervisionTest, OneThatEndsTheMomentItIsRestartedIsStartedAgain) {
  start_with({spec("a")}, "{one_for_one, 0, 5}");
  input("{child_exited, s, '$1', boom}", pid(100));
  clear();
  inputs({T("{supervisor_restarted, s, '$1', '$2'}", pid(21), pid(22)), T("{supervisor_gone, s, shutdown}"), supervisor(list({spec("a")}))});
  EXPECT_EQ(orders("start_child").size(), 2u) << "at the restart, and at the start: " << text();
  EXPECT_TRUE(orders("supervisor_refused").empty());
}

TEST_F(PortSupervisionTest, ASecondOneOfTheNameIsRefused) {
  start_with({});
  input(supervisor(Term()));
  EXPECT_EQ(order("supervisor_refused"), T("{supervisor_refused, s, already_running}"));
}

TEST_F(PortSupervisionTest, ACrashIsDealtWithInOneFrameWithItsConsequences) {
  start_with({spec("a")});
  input("{child_exited, s, '$1', boom}", pid(100));
  const Term done = T("{child_done, s, '$1'}", pid(100));
  EXPECT_TRUE(together(done, order("start_child"))) << text();
  EXPECT_TRUE(together(done, T("{keep, {child, s, a}, {'$1', restarting, 1}}", spec("a")))) << text();
  const Term token = token_of();
  clear();
  input("{child_started, s, '$1', {ok, '$2'}}", token, pid(101));
  EXPECT_TRUE(ordered("{unkeep, {child, s, a}}"));
}

TEST_F(PortSupervisionTest, TerminateIsAnsweredInTheFrameThatKeepsTheChildTerminated) {
  start_with({spec("a")});
  EXPECT_EQ(call(T("{terminate_child, a}")), Term());
  EXPECT_TRUE(ordered("{exit_child, s, '$1', shutdown}", pid(100)));
  EXPECT_TRUE(ordered("{keep, {child, s, a}, {'$1', stopping, 1}}", spec("a")));
  clear();
  input("{child_exited, s, '$1', shutdown}", pid(100));
  const Term kept = T("{keep, {child, s, a}, {'$1', terminated, 1}}", spec("a"));
  EXPECT_TRUE(together(kept, T("{send, '$1', {[alias | '$1'], ok}}", ref(1)))) << text();
  EXPECT_TRUE(together(kept, T("{child_done, s, '$1'}", pid(100))));
  EXPECT_EQ(call(T("{delete_child, a}"), 2), atom("ok"));
  EXPECT_TRUE(ordered("{unkeep, {child, s, a}}"));
}

TEST_F(PortSupervisionTest, AChildThatDoesNotStopInItsTimeIsKilled) {
  start_with({spec("a")});
  call(T("{terminate_child, a}"));
  advance(std::chrono::milliseconds(2100));
  EXPECT_TRUE(ordered("{exit_child, s, '$1', kill}", pid(100)));
  input("{child_exited, s, '$1', killed}", pid(100));
  EXPECT_EQ(reply(), atom("ok"));
}

TEST_F(PortSupervisionTest, StartChildCarriesItsTagAndGivesWhatTheStartFunctionGave) {
  start_with({});
  call(T("{start_child, '$1'}", spec("b")), 4);
  const Term start = order("start_child");
  EXPECT_EQ(start[5], Term::list({atom("alias")}, ref(4)));
  input("{child_started, s, '$1', {ok, '$2', info}}", start[2], pid(100));
  EXPECT_EQ(reply(4), T("{ok, '$1', info}", pid(100)));

  call(T("{start_child, '$1'}", spec("c")), 5);
  const Term token = token_of();
  input("{child_started, s, '$1', ignore}", token);
  EXPECT_EQ(reply(5), T("{ok, undefined}"));
  EXPECT_TRUE(ordered("{child_done, s, '$1'}", token));

  call(T("{start_child, '$1'}", spec("d")), 6);
  input("{child_started, s, '$1', {error, nope}}", token_of());
  EXPECT_TRUE(reply(6).is_tagged("error", 2)) << to_text(reply(6));
  EXPECT_EQ(call(T("{start_child, {x, y}}"), 7), T("{error, {invalid_child_spec, {x, y}}}"));
}

TEST_F(PortSupervisionTest, IntensityEndsTheRelayWhenTheChildrenAreGone) {
  start_with({spec("a"), spec("b")}, "{one_for_one, 0, 5}");
  input("{child_exited, s, '$1', boom}", pids.at(atom("a")));
  EXPECT_TRUE(ordered("{exit_child, s, '$1', shutdown}", pids.at(atom("b"))));
  EXPECT_TRUE(orders("supervisor_ended").empty());
  input("{child_exited, s, '$1', shutdown}", pids.at(atom("b")));
  EXPECT_EQ(order("supervisor_ended"), T("{supervisor_ended, s, shutdown}"));
}

TEST_F(PortSupervisionTest, AutoShutdownEndsTheSupervisorsTopProcessAndTellsNobody) {
  start_with({T("#{id => a, start => {m, f, []}, restart => transient, significant => true}"), spec("b")}, "#{auto_shutdown => any_significant}");
  input("{child_exited, s, '$1', normal}", pids.at(atom("a")));
  EXPECT_TRUE(orders("supervisor_done").empty()) << "b has not ended";
  input("{child_exited, s, '$1', shutdown}", pids.at(atom("b")));
  EXPECT_EQ(order("supervisor_done"), T("{supervisor_done, s, shutdown}"));
  EXPECT_TRUE(orders("supervisor_ended").empty());
  input("{supervisor_gone, s, shutdown}");
  EXPECT_TRUE(orders("send").empty()) << text();
  EXPECT_TRUE(logged("error").empty());
}

TEST_F(PortSupervisionTest, AGroupRestartIsOrderedChildByChildAndKeptForASuccessor) {
  start_with({spec("a"), spec("b")}, "{one_for_all, 1, 5}");
  const Term a = pids.at(atom("a")), b = pids.at(atom("b"));
  input("{child_exited, s, '$1', boom}", a);
  const Term to_restart = T("{keep, {child, s, b}, {'$1', to_restart, 2}}", spec("b"));
  EXPECT_TRUE(together(to_restart, T("{exit_child, s, '$1', shutdown}", b))) << text();
  EXPECT_TRUE(together(to_restart, T("{keep, {child, s, a}, {'$1', restarting, 1}}", spec("a"))));
  EXPECT_TRUE(orders("start_child").empty());
  clear();
  input("{child_exited, s, '$1', shutdown}", b);
  EXPECT_EQ(order("start_child")[3], atom("a"));
  EXPECT_TRUE(ordered("{keep, {child, s, b}, {'$1', restarting, 2}}", spec("b")));
  const Term first = token_of();
  clear();
  input("{child_started, s, '$1', {ok, '$2'}}", first, pid(110));
  EXPECT_EQ(order("start_child")[3], atom("b"));
  EXPECT_EQ(order("start_child")[6], integer(2)) << "its place";
}

TEST_F(PortSupervisionTest, ARestartedRelayStartsTheChildrenAnew) {
  start_with({spec("a")}, "{one_for_one, 0, 5}");
  input("{child_exited, s, '$1', boom}", pid(100));
  clear();
  input("{supervisor_restarted, s, '$1', '$2'}", pid(21), pid(22));
  input("{child_started, s, '$1', {ok, '$2'}}", token_of(), pid(101));
  input("{message, '$1', {'$gen_call', '$2', which_children}}", pid(21), from(3));
  EXPECT_EQ(reply(3), T("[{a, '$1', worker, [m]}]", pid(101)));
  input("{message, '$1', {'$gen_call', '$2', {get_node, a}}}", pid(22), from(4));
  EXPECT_EQ(reply(4), atom("b@h"));
}

// What had been kept of the life that ended counted in the next one.
TEST_F(PortSupervisionTest, RestartsOfAnEarlierLifeOfTheSupervisorDoNotCount) {
  start_with({spec("a")}, "{one_for_one, 1, 5}");
  input("{child_exited, s, '$1', boom}", pid(100));
  input("{child_started, s, '$1', {ok, '$2'}}", token_of(), pid(101));
  input("{child_exited, s, '$1', boom}", pid(101));
  EXPECT_EQ(order("supervisor_ended"), T("{supervisor_ended, s, shutdown}"));
  clear();
  input("{supervisor_restarted, s, '$1', '$2'}", pid(21), pid(22));
  input("{child_started, s, '$1', {ok, '$2'}}", token_of(), pid(102));
  clear();
  input("{child_exited, s, '$1', boom}", pid(102));
  EXPECT_EQ(order("start_child")[3], atom("a")) << text();
}

TEST_F(PortSupervisionTest, AnEndByIntensityIsToldToTheOtherMembersAStopIsNot) {
  attach_map["kept"] = T("[{{nano_ring, sets}, {'$1', '$1'}}]", [] {
    LwwSet set;
    set.put(atom("b@h"), std::chrono::microseconds(5));
    set.put(atom("o@h"), std::chrono::microseconds(5));
    return set.to_term({});
  }());
  const Term told = T("{send, {'Elixir.Supervisorring.App.Sup.SuperSup', o@h}, {'$gen_cast', {terminate, 's.GlobalSup'}}}");
  start_with({}, "{one_for_one, 0, 5}");
  input("{supervisor_gone, s, shutdown}");
  EXPECT_FALSE(ordered(told)) << "the user's tree stopped it";
  input(supervisor(list({T("{a, {m, f, []}, permanent, 1, worker, [m]}")}), "{one_for_one, 0, 5}"));
  for (const Term& start : orders("start_child")) input("{child_started, s, '$1', {ok, '$2'}}", start[2], pid(100));
  input("{supervisor_gone, s, killed}");
  EXPECT_FALSE(ordered(told)) << "another member's terminate";
}

TEST_F(PortSupervisionTest, AnEndAfterTheLocalSupervisorGaveUpIsTold) {
  LwwSet set;
  set.put(atom("b@h"), std::chrono::microseconds(5));
  set.put(atom("o@h"), std::chrono::microseconds(5));
  attach_map["kept"] = T("[{{nano_ring, sets}, {'$1', '$1'}}]", set.to_term({}));
  start();
  std::string mine;  // an id that is placed here
  for (int i = 0; mine.empty(); ++i) {
    clear();
    input("{request, r, find, [s, '$1']}", atom("c" + std::to_string(i)));
    if (i == 0) input(supervisor(Term(), "{one_for_one, 0, 5}"));
    clear();
    input("{request, r, find, [s, '$1']}", atom("c" + std::to_string(i)));
    if (order("answer")[2] == T("{ok, b@h}")) mine = "c" + std::to_string(i);
  }
  call(T("{start_child, '$1'}", spec(mine.c_str())), 9);
  input("{child_started, s, '$1', {ok, '$2'}}", token_of(), pid(100));
  input("{child_exited, s, '$1', boom}", pid(100));
  EXPECT_EQ(order("supervisor_ended"), T("{supervisor_ended, s, shutdown}"));
  input("{supervisor_gone, s, shutdown}");
  EXPECT_TRUE(ordered("{send, {'Elixir.Supervisorring.App.Sup.SuperSup', o@h}, {'$gen_cast', {terminate, 's.GlobalSup'}}}")) << text();
}

TEST_F(PortSupervisionTest, ATerminateOfAnotherMemberKillsTheGlobalSupervisorOfTheBeam) {
  start_with({});
  input("{message, '$1', {'$gen_cast', {terminate, 's.GlobalSup'}}}", pid(2));
  EXPECT_TRUE(ordered("{exit_signal, '$1', '$2', kill}", pid(2), pid(10)));
  clear();
  input("{message, '$1', {'$gen_cast', {terminate, 'other.GlobalSup'}}}", pid(2));
  EXPECT_TRUE(orders("exit_signal").empty());
}

TEST_F(PortSupervisionTest, HandlersAreAskedOnTheBeamAndTheirListIsKept) {
  start();
  input(supervisor(T("[{dyn_child_handler, h}]")));
  const Term asked = order("erpc");
  EXPECT_EQ(asked, T("{erpc, '$1', b@h, h, get_all, [], 10000}", asked[1]));
  clear();
  input("{called, '$1', {ok, ['$2']}}", asked[1], spec("dyn"));
  EXPECT_TRUE(ordered("{keep, {handler, s, h}, ['$1']}", spec("dyn")));
  EXPECT_EQ(order("start_child")[3], atom("dyn"));
}

TEST_F(PortSupervisionTest, TheHandlerOfAnIdIsTold) {
  start();
  input(supervisor(T("[{dyn_child_handler, h}]")));
  clear();
  input("{message, '$1', {'$gen_cast', {get_handler, x, {'$2', '$3'}}}}", pid(12), pid(900), ref(1));
  answer_calls("erpc", 4, "match", T("{ok, true}"));
  EXPECT_TRUE(ordered("{send, '$1', {'$2', {dyn_child_handler, h}}}", pid(900), ref(1))) << text();
}

TEST_F(PortSupervisionTest, AFunctionForAChildHereRunsOnTheBeamOnce) {
  start_with({spec("a")});
  const Term fun = Term::export_fun(atom("erlang"), atom("node"), 0);
  input("{message, '$1', {'$gen_cast', {onnode, a, {'$2', '$3'}, '$4'}}}", pid(12), remote(5), ref(1), fun);
  const Term run = order("run");
  EXPECT_EQ(run, T("{run, '$1', '$2', infinity, '$3', '$4'}", run[1], fun, ref(1), run[5]));
  EXPECT_EQ(run[5][1], atom("a"));
  input("{called, '$1', {ok, b@h}}", run[1]);
  EXPECT_TRUE(ordered("{send, '$1', {'$2', executed, b@h}}", remote(5), ref(1))) << text();
}

// ---- native children ------------------------------------------------------------------------------------

TEST_F(PortSupervisionTest, ANativeChildIsAnsweredByAndEndsWithItsProxy) {
  start();
  input(supervisor(list({counter("n")})));
  EXPECT_TRUE(orders("start_child").empty());
  const Term proxy = order("start_proxy");
  EXPECT_EQ(proxy, T("{start_proxy, s, '$1', n, n, none, 1}", proxy[2]));
  input("{proxy_started, s, '$1', {ok, '$2'}}", proxy[2], pid(100));
  EXPECT_EQ(call(atom("which_children")), T("[{n, '$1', worker, ['Elixir.Counter']}]", pid(100)));
  clear();
  input("{message, '$1', {'$gen_call', '$2', increment}}", pid(100), from(5));
  EXPECT_EQ(reply(5), integer(1));
  clear();
  input("{message, '$1', {'$gen_call', '$2', {stop, done}}}", pid(100), from(6));
  const Term end = T("{end_proxy, '$1', done}", pid(100));
  EXPECT_EQ(reply(6), atom("ok"));
  EXPECT_TRUE(ordered(end)) << text();
  EXPECT_TRUE(orders("start_proxy").empty()) << "its name is not free before the proxy has ended";
  const Term watch = order("monitor");
  EXPECT_EQ(watch[2], pid(100));
  input("{down, '$1', '$2', done}", watch[1], pid(100));
  EXPECT_EQ(orders("start_proxy").size(), 1u) << "it is permanent";
}

TEST_F(PortSupervisionTest, ANativeChildDiesOfWhatItsProxyDiesOf) {
  start();
  input(supervisor(list({counter("n")})));
  input("{proxy_started, s, '$1', {ok, '$2'}}", token_of("start_proxy"), pid(100));
  clear();
  input("{proxy_exit, '$1', '$1', killed}", pid(100));
  EXPECT_EQ(logged("error").front(), "child_terminated: child n of s: killed");
  input("{down, '$1', '$2', killed}", order("monitor")[1], pid(100));
  const Term token = token_of("start_proxy");
  input("{proxy_started, s, '$1', {ok, '$2'}}", token, pid(101));
  clear();
  input("{exit, '$1', '$2', boom}", pid(101), remote(9));
  EXPECT_TRUE(ordered("{end_proxy, '$1', boom}", pid(101))) << text();
}

TEST_F(PortSupervisionTest, ANameThatIsTakenOnTheBeamIsAFailedStart) {
  start_with({});
  call(T("{start_child, '$1'}", counter("n")), 3);
  input("{proxy_started, s, '$1', {error, {already_registered, '$2'}}}", token_of("start_proxy"), pid(55));
  ASSERT_TRUE(reply(3).is_tagged("error", 2));
  EXPECT_EQ(reply(3)[1][0], T("{already_started, '$1'}", pid(55)));
}

TEST_F(PortSupervisionTest, AProxyThatNobodyWaitsForAnyMoreIsEnded) {
  start_with({});
  input("{proxy_started, s, 12345, {ok, '$1'}}", pid(100));
  input("{proxy_started, unknown, 1, {ok, '$1'}}", pid(101));
  EXPECT_EQ(orders("end_proxy").size(), 2u);
}

}  // namespace
}  // namespace supervisorring
