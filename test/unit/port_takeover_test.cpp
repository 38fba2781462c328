// A successor: what it is handed at attach, and how it goes on from there.
#include "port_fixture.h"

namespace supervisorring {
namespace {

class PortTakeoverTest : public PortFixture {
 protected:
  static Term spec(const char* id, const char* restart = "permanent") {
    return T("{'$1', {m, start_link, ['$1']}, '$2', 2000, worker, [m]}", atom(id), atom(restart));
  }
  PortTakeoverTest() { attach_map["generation"] = integer(2); }
  // A supervisor `s` with flags {one_for_one, 1, 5} and the static children a, b, c.
  void supervisor(const Term& children, std::string_view flags = "{one_for_one, 1, 5}") {
    attach_map["supervisors"] = T("[#{name => s, module => m, args => [], flags => '$8', specs => ['$1', '$2', '$3'], global => '$4', local => '$5', manager => '$6', children => '$7'}]",
                                  spec("a"), spec("b"), spec("c"), pid(10), pid(11), pid(12), children, T(flags));
  }
  static Term placed(const char* id, std::uint32_t number, int place) {
    return T("#{id => '$1', spec => '$2', pid => '$3', token => 1, request => none, seq => '$4'}", atom(id), spec(id), pid(number), integer(place));
  }
  void supervisor_with_handler() {
    attach_map["supervisors"] = T("[#{name => s, module => m, args => [], flags => {one_for_one, 1, 5}, specs => [{dyn_child_handler, h}], global => '$1', local => '$2', manager => '$3', children => []}]",
                                  pid(10), pid(11), pid(12));
    keep_sets({"b@h"});
  }
  static Term running(const char* id, std::uint32_t number) {
    return T("#{id => '$1', spec => '$2', pid => '$3', token => 1, request => none, seq => 1}", atom(id), spec(id), pid(number));
  }
  static Term starting(const char* id, int token, const Term& request = atom("none")) {
    return T("#{id => '$1', spec => '$2', pid => undefined, token => '$3', request => '$4', seq => 2}", atom(id), spec(id), integer(token), request);
  }
  void keep(const Term& key, const Term& value) { kept.push_back(tuple(key, value)); }
  void keep_sets(std::initializer_list<const char*> names) {
    LwwSet set;
    for (const char* name : names) set.put(atom(name), now.wall - std::chrono::seconds(100));
    keep(T("{nano_ring, sets}"), tuple(set.to_term({}), set.to_term({})));
  }
  void begin() {
    attach_map["kept"] = Term::list(kept);
    start();
  }
  Term call(const Term& request, std::uint32_t number = 1) {
    input("{message, '$1', {'$gen_call', '$2', '$3'}}", pid(11), from(number), request);
    return reply(number);
  }
  Term reply(std::uint32_t number = 1) const {
    for (const Term& send : orders("send"))
      if (send[1] == ref(number)) return send[2][1];
    return Term();
  }
  std::vector<Term> kept;
};

TEST_F(PortTakeoverTest, RunningChildrenKeepTheirPidsAndNothingIsStarted) {
  supervisor(list({running("a", 100), running("b", 101), running("c", 102)}));
  begin();
  EXPECT_TRUE(orders("start_child").empty()) << text();
  EXPECT_TRUE(orders("exit_child").empty());
  EXPECT_TRUE(ordered("{ready}"));
  EXPECT_EQ(call(atom("which_children")), T("[{c, '$3', worker, [m]}, {b, '$2', worker, [m]}, {a, '$1', worker, [m]}]", pid(100), pid(101), pid(102)));
}

TEST_F(PortTakeoverTest, TheMembershipGoesOnWithoutJoining) {
  keep_sets({"b@h", "o@h"});
  attach_map["join"] = T("[o@h]");
  attach_map["connected"] = T("[o@h]");
  begin();
  EXPECT_TRUE(orders("call").empty()) << "nobody is asked: " << text();
  const Term ring = order("ring");
  EXPECT_EQ(ring[1], T("[b@h, o@h]"));
  EXPECT_EQ(ring[4], atom("true"));
  EXPECT_TRUE(orders("notify").empty()) << "nothing has changed";
  input("{message, '$1', {'$gen_call', '$2', get_up}}", pid(1), from(1));
  ASSERT_TRUE(reply(1).is_map());
  EXPECT_EQ(LwwSet(*LwwStruct::from_term(reply(1))).members(), (std::vector<Term>{atom("o@h"), atom("b@h")}));
}

TEST_F(PortTakeoverTest, WhatHappenedToTheRingMeanwhileIsNews) {
  keep_sets({"b@h", "o@h"});
  attach_map["connected"] = T("[o@h]");
  begin();
  clear();
  LwwSet nodes, up;
  for (const char* name : {"b@h", "o@h", "p@h"}) nodes.put(atom(name), now.wall), up.put(atom(name), now.wall);
  input("{message, '$1', {'$gen_cast', {reconcile, #{'__struct__' => 'Elixir.NanoRing', node_set => '$2', up_set => '$3'}, '$4', '$5'}}}", pid(1), nodes.to_term({}), up.to_term({}), remote(4), ref(9));
  EXPECT_TRUE(ordered("{notify, nano_ring, {new_up_set, [b@h, o@h], [b@h, o@h, p@h]}}")) << text();
  EXPECT_TRUE(ordered("{send, '$1', {'$2', is_up}}", remote(4), ref(9)));
  EXPECT_EQ(order("keep")[1], T("{nano_ring, sets}"));
}

TEST_F(PortTakeoverTest, AnEndThatNobodyDealtWithIsDealtWith) {
  supervisor(list({T("#{id => a, spec => '$1', pid => '$2', token => 1, request => none, seq => 1, exited => boom}", spec("a"), pid(100)), running("b", 101), running("c", 102)}));
  begin();
  const Term restart = order("start_child");
  EXPECT_EQ(restart[3], atom("a"));
  EXPECT_TRUE(together(restart, T("{child_done, s, '$1'}", pid(100)))) << text();
  EXPECT_GT(restart[2].to_int64(), 1) << "tokens are above those of the predecessor";
}

TEST_F(PortTakeoverTest, TheRestartsOfThePredecessorCount) {
  const std::int64_t second = now.wall.count() / 1'000'000 - 1;
  keep(T("{history, s}"), list({integer(second)}));
  supervisor(list({T("#{id => a, spec => '$1', pid => '$2', token => 1, request => none, seq => 1, exited => boom}", spec("a"), pid(100)), running("b", 101), running("c", 102)}));
  begin();
  EXPECT_TRUE(orders("start_child").empty()) << "the second restart within 5 s is one too many: " << text();
  EXPECT_TRUE(ordered("{exit_child, s, '$1', shutdown}", pid(102)));
}

TEST_F(PortTakeoverTest, ATerminatedChildStaysTerminated) {
  keep(T("{child, s, b}"), tuple(spec("b"), atom("terminated"), integer(2)));
  supervisor(list({running("a", 100), running("c", 102)}));
  keep_sets({"b@h"});
  begin();
  EXPECT_EQ(call(T("{get_childspec, b}"))[0], atom("ok"));
  for (const Term& start : orders("start_child")) EXPECT_NE(start[3], atom("b")) << "only a ring change starts it again";
}

TEST_F(PortTakeoverTest, AnEndThatWasAskedForIsNoCrash) {
  // terminate_child had ordered the end when its program died: the successor took the end for a crash and restarted the child.
  keep(T("{child, s, a}"), tuple(spec("a"), atom("stopping"), integer(1)));
  supervisor(list({T("#{id => a, spec => '$1', pid => '$2', token => 1, request => none, seq => 1, exited => shutdown}", spec("a"), pid(100)), running("b", 101), running("c", 102)}));
  begin();
  for (const Term& start : orders("start_child")) EXPECT_NE(start[3], atom("a"));
  EXPECT_TRUE(logged("error").empty()) << text();
  EXPECT_EQ(call(T("{terminate_child, a}")), atom("ok"));
}

TEST_F(PortTakeoverTest, AStartUnderWayIsAwaitedAndAnswersTheRequestThatComesAgain) {
  supervisor(list({running("a", 100), running("b", 101), running("c", 102), starting("x", 55, Term::list({atom("alias")}, ref(8)))}));
  begin();
  EXPECT_EQ(call(T("{start_child, '$1'}", spec("x")), 8), Term()) << "it has not ended";
  EXPECT_TRUE(orders("start_child").empty()) << "it is not started twice";
  input("{child_started, s, 55, {ok, '$1'}}", pid(103));
  EXPECT_EQ(reply(8), T("{ok, '$1'}", pid(103)));
}

TEST_F(PortTakeoverTest, AStartThatWorkedMeanwhileIsAnsweredAsOne) {
  supervisor(list({running("a", 100), running("b", 101), running("c", 102),
                   T("#{id => x, spec => '$1', pid => '$2', token => 55, request => '$3', seq => 9}", spec("x"), pid(103), Term::list({atom("alias")}, ref(8)))}));
  begin();
  EXPECT_EQ(call(T("{start_child, '$1'}", spec("x")), 8), T("{ok, '$1'}", pid(103)));
  EXPECT_EQ(call(T("{start_child, '$1'}", spec("x")), 9), T("{error, {already_started, '$1'}}", pid(103))) << "another's request";
}

TEST_F(PortTakeoverTest, AFailedStartOfARestartIsTriedAgain) {
  keep(T("{child, s, a}"), tuple(spec("a"), atom("restarting"), integer(1)));
  supervisor(list({T("#{id => a, spec => '$1', pid => undefined, token => 5, request => none, seq => 1, failed => nope}", spec("a")), running("b", 101), running("c", 102)}));
  begin();
  EXPECT_EQ(order("start_child")[3], atom("a"));
  EXPECT_TRUE(ordered("{child_done, s, 5}"));
}

// The predecessor had ended c, which had crashed or was the newest, and was ending b and a.
TEST_F(PortTakeoverTest, AGroupRestartThatIsHalfWayIsFinished) {
  supervisor(list({placed("a", 100, 1), placed("b", 101, 2)}), "{one_for_all, 3, 5}");
  keep(T("{child, s, a}"), tuple(spec("a"), atom("to_restart"), integer(1)));
  keep(T("{child, s, b}"), tuple(spec("b"), atom("to_restart"), integer(2)));
  keep(T("{child, s, c}"), tuple(spec("c"), atom("restarting"), integer(3)));
  begin();
  EXPECT_TRUE(orders("start_child").empty()) << text();
  EXPECT_EQ(order("exit_child")[2], pid(101)) << "the newest of those that have not ended";
  input("{child_exited, s, '$1', shutdown}", pid(101));
  input("{child_exited, s, '$1', shutdown}", pid(100));
  std::uint32_t next = 200;
  for (const char* id : {"a", "b", "c"}) {
    const Term start = orders("start_child").back();
    EXPECT_EQ(start[3], atom(id));
    input("{child_started, s, '$1', {ok, '$2'}}", start[2], pid(next++));
  }
  EXPECT_EQ(orders("start_child").size(), 3u) << text();
  EXPECT_EQ(call(atom("which_children")), T("[{c, '$3', worker, [m]}, {b, '$2', worker, [m]}, {a, '$1', worker, [m]}]", pid(200), pid(201), pid(202)));
}

// The predecessor had begun to end its children when it died: the successor went on with those that were left, and started the others again.
TEST_F(PortTakeoverTest, AnEndByIntensityOrAutoShutdownGoesOn) {
  keep(T("{ending, s}"), atom("gave_up"));
  keep(T("{child, s, b}"), tuple(spec("b"), atom("stopping"), integer(2)));
  supervisor(list({placed("a", 100, 1), placed("b", 101, 2)}));
  begin();
  EXPECT_EQ(order("exit_child")[2], pid(101));
  input("{child_exited, s, '$1', shutdown}", pid(101));
  input("{child_exited, s, '$1', shutdown}", pid(100));
  EXPECT_EQ(order("supervisor_ended"), T("{supervisor_ended, s, shutdown}"));
  EXPECT_TRUE(orders("start_child").empty()) << text();
}

TEST_F(PortTakeoverTest, TheOrderOfTheTableIsThePredecessors) {
  supervisor(list({placed("c", 102, 3), placed("b", 101, 5), placed("a", 100, 8)}), "{rest_for_one, 3, 5}");
  begin();
  input("{child_exited, s, '$1', boom}", pid(101));
  EXPECT_EQ(order("exit_child")[2], pid(100)) << "a was after b";
}

TEST_F(PortTakeoverTest, AChangeSentToAnotherMemberIsAnsweredOnce) {
  keep_sets({"b@h", "o@h"});
  keep(T("{sent, r1}"), atom("o@h"));
  supervisor(list({}));
  begin();
  clear();
  input("{request, r1, start_child, [s, '$1']}", spec("x"));
  const Term call = order("call");
  EXPECT_EQ(call[2], T("{s, o@h}"));
  input("{called, '$1', {ok, {error, {already_started, '$2'}}}}", call[1], remote(44));
  const Term answer = T("{answer, r1, {ok, {ok, '$1'}}}", remote(44));
  EXPECT_TRUE(together(answer, T("{unkeep, {sent, r1}}"))) << text();
}

// The predecessor's list named x, which was deleted since; it was started before the handler was asked.
TEST_F(PortTakeoverTest, WhatAHandlerNamedToThePredecessorIsNotStartedBeforeItIsAsked) {
  keep(T("{handler, s, h}"), list({spec("x")}));
  supervisor_with_handler();
  begin();
  const Term asked = order("erpc");
  EXPECT_EQ(asked[4], atom("get_all")) << text();
  input("{called, '$1', {ok, []}}", asked[1]);
  for (const Term& start : orders("start_child")) EXPECT_NE(start[3], atom("x"));
}

TEST_F(PortTakeoverTest, WhatAHandlerNamedToThePredecessorHoldsWhenItIsAway) {
  keep(T("{handler, s, h}"), list({spec("x")}));
  supervisor_with_handler();
  begin();
  input("{called, '$1', {error, {exception, undef, []}}}", order("erpc")[1]);
  EXPECT_EQ(order("start_child")[3], atom("x")) << text();
}

TEST_F(PortTakeoverTest, AChildWhoseSpecIsNoneIsSaidAndLeftAlone) {
  supervisor(list({T("#{id => a, spec => rubbish, pid => '$1', token => 1, request => none, seq => 1}", pid(100))}));
  begin();
  EXPECT_EQ(logged("error").size(), 1u);
}

}  // namespace
}  // namespace supervisorring
