// Outgoing calls, aliases, erpc, rex and timers.
#include "node_pair.h"

namespace supervisorring {

using NodeCalls = NodePair;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_F(NodeCalls, NetKernelAnswersAPing) {
  EXPECT_EQ(call(kA, at("net_kernel", kB), tuple(atom("is_auth"), atom(kA))), "ok: yes");
}

TEST_F(NodeCalls, ACallRunsBothWaysAndWithinOneNode) {
  spawn(kA, "a");
  spawn(kB, "b");
  EXPECT_EQ(call(kA, at("b", kB), tuple(atom("echo"), integer(1))), "ok: 1");
  EXPECT_EQ(call(kB, at("a", kA), tuple(atom("echo"), integer(2))), "ok: 2");
  EXPECT_EQ(call(kB, notes["a"].pid, tuple(atom("echo"), integer(3))), "ok: 3");
  EXPECT_EQ(call(kA, atom("a"), tuple(atom("echo"), integer(4))), "ok: 4");
}

TEST_F(NodeCalls, ACallToAMissingNameIsNoprocAtOnce) {
  for (const Term& to : {atom("none"), at("none", kA), at("none", kB)}) EXPECT_EQ(call(kA, to, integer(1)), "no: noproc");
  EXPECT_LT(net.time().now.time_since_epoch(), seconds(1));
}

TEST_F(NodeCalls, ACallEndsWithTheReasonThatTheCalledEndsWith) {
  spawn(kB, "b");
  std::string result;
  net.run(kA, [&](ProcessContext& context) { context.call(at("b", kB), atom("hm"), {}, into(result)); });
  net.drive();
  EXPECT_EQ(result, "");
  send(kA, at("b", kB), tuple(atom("stop"), atom("bad")));
  EXPECT_EQ(result, "no: bad");
}

TEST_F(NodeCalls, ACallToANodeThatIsNotThereIsNoconnection) {
  EXPECT_EQ(call(kA, at("b", "gone@h2"), integer(1)), "no: noconnection");
  EXPECT_EQ(call(kA, at("b", "nohost"), integer(1)), "no: noconnection");
  EXPECT_EQ(erpc(kA, "gone@h2", "erlang", "node", {}), "no: {erpc,noconnection}");
}

TEST_F(NodeCalls, ACallThatIsNotAnsweredTimesOut) {
  spawn(kB, "b");
  std::string result;
  net.run(kA, [&](ProcessContext& context) { context.call(at("b", kB), atom("hm"), {milliseconds(500)}, into(result)); });
  net.advance(milliseconds(499));
  EXPECT_EQ(result, "");
  net.advance(milliseconds(2));
  EXPECT_EQ(result, "no: timeout");
}

TEST_F(NodeCalls, AReplyAfterTheTimeOutIsDropped) {
  Notes& b = spawn(kB, "b");
  Notes& a = spawn(kA, "a");
  for (int round = 0; round < 2; ++round) {  // not yet connected: a plain reference; connected: an alias
    std::string result;
    begin_as(kA, "a", [&](ProcessContext& context) { context.call(b.pid, atom("hm"), {milliseconds(10)}, into(result)); });
    net.advance(milliseconds(20));
    EXPECT_EQ(result, "no: timeout");
    const Term from = b.messages.at(static_cast<std::size_t>(round))[1];
    EXPECT_EQ(from[1].is_list(), round == 1);
    net.run(kB, [&](ProcessContext& context) { context.reply(from, atom("late")); });
    net.drive();
    EXPECT_EQ(result, "no: timeout");
  }
  EXPECT_TRUE(a.mail.empty());
}

TEST_F(NodeCalls, ASecondReplyIsDropped) {
  Notes& b = spawn(kB, "b");
  Notes& a = spawn(kA, "a");
  std::string result;
  as(kA, "a", [&](ProcessContext& context) { context.call(b.pid, atom("hm"), {}, into(result)); });
  net.run(kB, [&](ProcessContext& context) {
    context.reply(b.messages.at(0)[1], atom("one"));
    context.reply(b.messages.at(0)[1], atom("two"));
  });
  net.drive();
  EXPECT_EQ(result, "ok: one");
  EXPECT_TRUE(a.mail.empty());
}

TEST_F(NodeCalls, ACallOfAProcessThatHasEndedComesToNothing) {
  Notes& b = spawn(kB, "b");
  spawn(kA, "a");
  std::string result;
  as(kA, "a", [&](ProcessContext& context) {
    context.call(b.pid, atom("hm"), {}, into(result));
    context.exit(atom("normal"));
  });
  net.run(kB, [&](ProcessContext& context) { context.reply(b.messages.at(0)[1], atom("late")); });
  net.advance(seconds(10));
  EXPECT_EQ(result, "");
}

TEST_F(NodeCalls, ErpcReachesTheTableOfFunctions) {
  EXPECT_EQ(erpc(kA, kB, "erlang", "node", {}), "ok: b@h2");
  EXPECT_EQ(erpc(kA, kA, "erlang", "node", {}), "ok: a@h1");
  EXPECT_EQ(erpc(kA, kB, "erlang", "is_alive", {}), "ok: true");
  EXPECT_EQ(erpc(kA, kB, "erlang", "registered", {}), "ok: [net_kernel,rex]");
  EXPECT_EQ(erpc(kA, kB, "erlang", "whereis", {atom("none")}), "ok: undefined");
  EXPECT_EQ(erpc(kA, kB, "erlang", "whereis", {integer(1)}), "no: {exception,badarg,[{erlang,whereis,1,[]}]}");
}

TEST_F(NodeCalls, ErpcOfAnythingElseIsUndef) {
  const char* const undef = "no: {exception,undef,[{os,cmd,[1],[]}]}";
  EXPECT_EQ(erpc(kA, kB, "os", "cmd", {integer(1)}), undef);
  EXPECT_EQ(erpc(kA, kA, "os", "cmd", {integer(1)}), undef);
  EXPECT_EQ(erpc(kA, kB, "erlang", "node", {integer(1)}), "no: {exception,undef,[{erlang,node,[1],[]}]}");
}

TEST_F(NodeCalls, AnErpcMayBeAnsweredLaterThrowExitOrTimeOut) {
  net.crash(kB);
  Node& node = net.add_node(kB);
  std::vector<RpcDone> waiting;
  node.define_function("m", "wait", 0, [&](ProcessContext&, std::vector<Term>, RpcDone done) { waiting.push_back(std::move(done)); });
  node.define_function("m", "fail", 2, [](ProcessContext&, std::vector<Term> arguments, RpcDone done) {
    done(RpcError{arguments[0], arguments[1]});
  });
  net.start(kB);
  net.drive();
  EXPECT_EQ(erpc(kA, kB, "m", "fail", {atom("throw"), integer(1)}), "no: {throw,1}");
  EXPECT_EQ(erpc(kA, kB, "m", "fail", {atom("exit"), integer(1)}), "no: {exit,1}");
  EXPECT_EQ(erpc(kA, kB, "m", "fail", {atom("error"), integer(1)}), "no: {exception,1,[{m,fail,2,[]}]}");
  std::string first, second;
  for (std::string* result : {&first, &second}) {
    net.run(kA, [&](ProcessContext& context) { context.erpc(atom(kB), atom("m"), atom("wait"), {}, seconds(1), into(*result)); });
  }
  net.drive();
  net.run(kB, [&](ProcessContext&) { waiting.at(0)(integer(7)); });
  net.drive();
  EXPECT_EQ(first, "ok: 7");
  net.advance(seconds(2));
  EXPECT_EQ(second, "no: {erpc,timeout}");
  net.run(kB, [&](ProcessContext&) { waiting.at(1)(integer(8)); });
  net.drive();
  EXPECT_EQ(second, "no: {erpc,timeout}");
}

// rpc:sbcast/3 waited for ever.
TEST_F(NodeCalls, RexPassesAnSbcastOnAndSaysWhetherTheNameIsThere) {
  Notes& a = spawn(kA, "a");
  Notes& b = spawn(kB, "b");
  for (const char* name : {"b", "nobody"}) {
    as(kA, "a", [&](ProcessContext& context) {
      context.send(at("rex", kB), tuple(context.self(), tuple(atom("sbcast"), atom(name), atom("hello"))));
    });
  }
  EXPECT_EQ(b.mail, Mail{"hello"});
  EXPECT_EQ(a.mail, (Mail{"{rex,b@h2,b@h2}", "{rex,b@h2,{nonexisting_name,nobody}}"}));
}

TEST_F(NodeCalls, RexAnswersGenCallsCastsAndThePlainFormOfEi) {
  auto call_of = [](const char* module, const char* function) {
    return tuple(atom("call"), atom(module), atom(function), Term(), atom("user"));
  };
  EXPECT_EQ(call(kA, at("rex", kB), call_of("erlang", "node")), "ok: b@h2");
  EXPECT_EQ(call(kA, at("rex", kB), call_of("os", "cmd")), "ok: {badrpc,{'EXIT',{undef,[{os,cmd,[],[]}]}}}");
  Notes& a = spawn(kA, "a");
  as(kA, "a", [&](ProcessContext& context) { context.send(at("rex", kB), tuple(context.self(), call_of("erlang", "node"))); });
  EXPECT_EQ(a.mail, Mail{"{rex,b@h2}"});
  send(kA, at("rex", kB), tuple(atom("$gen_cast"), tuple(atom("cast"), atom("os"), atom("cmd"), Term(), atom("user"))));
  EXPECT_TRUE(net.logged(kB, "os:cmd/0 failed: undef"));
}

TEST_F(NodeCalls, TimersFireInTheOrderOfTheirTimeAndNotWhenCancelled) {
  Notes& a = spawn(kA, "a");
  Term cancelled;
  begin_as(kA, "a", [&](ProcessContext& context) {
    context.send_after(milliseconds(30), context.self(), integer(3));
    context.send_after(milliseconds(10), context.self(), integer(1));
    cancelled = context.send_after(milliseconds(15), context.self(), integer(9));
    context.send_after(milliseconds(10), context.self(), integer(2));
    EXPECT_TRUE(context.cancel_timer(cancelled));
    EXPECT_FALSE(context.cancel_timer(cancelled));
  });
  net.advance(milliseconds(9));
  EXPECT_TRUE(a.mail.empty());
  net.advance(milliseconds(60));
  EXPECT_EQ(a.mail, (Mail{"1", "2", "3"}));
}

}  // namespace supervisorring
