// The node's way out in drop-in: orders, inputs, and processes that a BEAM process stands for.
#include "port_fixture.h"

namespace supervisorring {
namespace {

class PortLinkTest : public PortFixture {
 protected:
  // A process that notes its messages, bound to the BEAM process `relay`.
  struct Noting : Process {
    std::vector<Term>& mail;
    explicit Noting(std::vector<Term>& all) : mail(all) {}
    void started(ProcessContext& context) override { context.monitor_nodes(); }
    void handle_message(ProcessContext& context, const Term& message) override {
      if (message.is_atom("stop")) return context.exit(atom("asked"));
      mail.push_back(message);
    }
  };
  void bind(const char* name, const Term& relay, TrapExit trap = TrapExit::yes) {
    run([&](ProcessContext& context) {
      node->stand_in(atom(name), relay);
      ASSERT_TRUE(context.spawn(std::make_unique<Noting>(mail), SpawnOptions{atom(name), trap, Term()}));
    });
  }
  void run(std::function<void(ProcessContext&)> what) {
    node->run(std::move(what), now);
    drive();
  }
  std::vector<Term> mail;
};

TEST_F(PortLinkTest, OneStepIsOneFrame) {
  start();
  clear();
  run([](ProcessContext& context) {
    context.send(remote(7), atom("one"));
    context.send(atom("somebody"), atom("two"));
    context.send(tuple(atom("name"), atom("o@h")), atom("three"));
    context.send_noconnect(tuple(atom("name"), atom("o@h")), atom("four"));
  });
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(Term::list(frames[0]), T("[{send, '$1', one}, {send, somebody, two}, {send, {name, o@h}, three}, {send_noconnect, {name, o@h}, four}]", remote(7)));
}

TEST_F(PortLinkTest, BeatsEvery200MsAlsoWhenIdle) {
  start();
  advance(std::chrono::seconds(1));
  frames.clear();
  advance(std::chrono::seconds(2));
  int beats = 0;
  for (const auto& frame : frames) beats += static_cast<int>(std::count(frame.begin(), frame.end(), T("{heartbeat}")));
  EXPECT_EQ(beats, 10);
}

TEST_F(PortLinkTest, ABoundProcessHasTheBeamsPid) {
  start();
  bind("bound", pid(50));
  input("{message, '$1', hello}", pid(50));
  run([](ProcessContext& context) { context.send(pid(50), atom("by pid")), context.send(tuple(atom("bound"), atom("b@h")), atom("by name")); });
  ASSERT_EQ(mail.size(), 3u);
  EXPECT_EQ(mail[0], atom("hello"));
  EXPECT_EQ(mail[2], atom("by name"));
  EXPECT_TRUE(orders("send").empty()) << text();
}

TEST_F(PortLinkTest, MessagesForARelayThatNothingIsBoundToYetWait) {
  // A legacy member's start_child came in that moment and hung it for ever.
  start();
  input("{message, '$1', early}", pid(50));
  input("{message, '$1', other}", pid(51));
  bind("bound", pid(50));
  EXPECT_EQ(mail, std::vector<Term>{atom("early")});
}

TEST_F(PortLinkTest, AMonitorOfSomethingElsewhereIsTheBeams) {
  start();
  Term reference;
  run([&](ProcessContext& context) {
    context.spawn(std::make_unique<Noting>(mail), SpawnOptions{});
    reference = context.monitor(remote(7));
  });
  const Term ordered = order("monitor");
  EXPECT_EQ(ordered[2], remote(7));
  clear();
  run([&](ProcessContext& context) { context.demonitor(reference); });
  EXPECT_EQ(order("demonitor")[1], ordered[1]);
  input("{down, '$1', '$2', gone}", ordered[1], remote(7));
  EXPECT_TRUE(logged("error").empty());
}

TEST_F(PortLinkTest, ACallElsewhereIsMadeByTheBeamAndAnsweredByNumber) {
  start();
  std::vector<std::string> results;
  const auto note = [&](ProcessContext&, CallResult result) { results.push_back((result.ok ? "ok " : "no ") + to_text(result.value)); };
  run([&](ProcessContext& context) {
    context.call(remote(7), atom("first"), CallOptions{std::chrono::seconds(3)}, note);
    context.call(tuple(atom("n"), atom("o@h")), atom("second"), CallOptions{}, note);
    context.erpc(atom("b@h"), atom("m"), atom("f"), {integer(1)}, std::chrono::seconds(2), note);
  });
  const auto calls = orders("call");
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(calls[0], T("{call, '$1', '$2', first, 3000}", calls[0][1], remote(7)));
  const Term erpc = order("erpc");
  EXPECT_EQ(erpc, T("{erpc, '$1', b@h, m, f, [1], 2000}", erpc[1]));
  input("{called, '$1', {error, noproc}}", calls[1][1]);
  input("{called, '$1', {ok, 5}}", calls[0][1]);
  input("{called, '$1', {error, {exception, undef, []}}}", erpc[1]);
  input("{called, '$1', {ok, again}}", calls[0][1]);
  EXPECT_EQ(results, (std::vector<std::string>{"no noproc", "ok 5", "no {exception,undef,[]}"}));
  EXPECT_TRUE(orders("cancel").empty());
}

TEST_F(PortLinkTest, ACallThatIsNotAnsweredInTimeIsCancelled) {
  start();
  std::string result;
  run([&](ProcessContext& context) { context.call(remote(7), atom("x"), CallOptions{std::chrono::seconds(1)}, [&](ProcessContext&, CallResult r) { result = to_text(r.value); }); });
  advance(std::chrono::seconds(2));
  EXPECT_EQ(result, "timeout");
  EXPECT_EQ(order("cancel")[1], order("call")[1]);
}

TEST_F(PortLinkTest, AReplyGoesToTheAliasOfTheTag) {
  start();
  run([](ProcessContext& context) { context.reply(from(5), atom("yes")); });
  EXPECT_TRUE(ordered("{send, '$1', {[alias | '$1'], yes}}", ref(5))) << text();
}

TEST_F(PortLinkTest, ExitSignalsToRelaysAndToOthersLeaveTheProgram) {
  start();
  bind("bound", pid(50));
  run([](ProcessContext& context) { context.exit_signal(pid(50), atom("kill")), context.exit_signal(remote(7), atom("shutdown")); });
  EXPECT_TRUE(ordered("{exit_signal, none, '$1', kill}", pid(50)));
  EXPECT_TRUE(ordered("{exit_signal, none, '$1', shutdown}", remote(7)));
}

TEST_F(PortLinkTest, WhatATrappingRelayGetsAsAnExitIsAnExitOfItsProcess) {
  start();
  bind("bound", pid(50));
  input("{exit, '$1', '$2', boom}", pid(50), remote(7));
  EXPECT_EQ(mail, std::vector<Term>{T("{'EXIT', '$1', boom}", remote(7))});
}

TEST_F(PortLinkTest, NodesThatComeAndGoAreToldOnce) {
  attach_map["connected"] = T("[a@h]");
  start();
  bind("bound", pid(50));
  input("{nodeup, a@h}");
  input("{nodeup, c@h}");
  input("{nodedown, c@h, <<\"gone\">>}");
  EXPECT_EQ(mail, (std::vector<Term>{T("{nodeup, a@h}"), T("{nodeup, c@h}"), T("{nodedown, c@h}")}));
  EXPECT_EQ(node->connected_nodes(), std::vector<Term>{atom("a@h")});
}

TEST_F(PortLinkTest, ConnectingAsksTheBeam) {
  attach_map["connected"] = T("[a@h]");
  start();
  clear();
  run([](ProcessContext& context) { context.connect(atom("a@h")), context.connect(atom("c@h")); });
  EXPECT_EQ(order("connect"), T("{connect, c@h}"));
}

TEST_F(PortLinkTest, MalformedInputsAreOneLineEachAndAFloodOfThemIsCut) {
  start();
  clear();
  const Bytes noise = "\x83\x68\x05zzz";
  for (const Bytes& bad : {noise, Bytes("\x01"), external_form(atom("what")), external_form(T("{}")), external_form(T("{1, 2}")), external_form(T("{message, not_a_pid, x}")),
                           external_form(T("{supervisor, #{}}")), external_form(T("{nodeup, 7}"))}) {
    Bytes frame(4, '\0');
    frame[3] = static_cast<char>(bad.size());
    node->port_received(frame + bad, now);
    drive();
  }
  EXPECT_EQ(logged("error").size(), 8u) << text();
  for (const Term& line : orders("log")) EXPECT_EQ(line[2].bytes().find('\n'), std::string::npos);
  for (int i = 0; i < 1000; ++i) input("{1, 2}");
  EXPECT_LT(logged("error").size(), 50u);
}

TEST_F(PortLinkTest, AFrameMayHoldAListOfInputsWhichAreProcessedInOrderInOneStep) {
  start();
  bind("bound", pid(50));
  clear();
  input("[{message, '$1', one}, nonsense, {message, '$1', two}, {message, '$1', stop}, {message, '$1', late}]", pid(50));
  EXPECT_EQ(mail, (std::vector<Term>{atom("one"), atom("two")}));
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_NE(to_text(Term::list(frames[0])).find("expected an input, got nonsense"), std::string::npos);
}

TEST_F(PortLinkTest, InputsMayBeCutAnywhere) {
  start();
  bind("bound", pid(50));
  const Bytes bytes = frame_of(T("{message, '$1', one}", pid(50))) + frame_of(T("{message, '$1', two}", pid(50)));
  for (const char byte : bytes) node->port_received(BytesView(&byte, 1), now);
  drive();
  EXPECT_EQ(mail, (std::vector<Term>{atom("one"), atom("two")}));
}

TEST_F(PortLinkTest, AFrameThatIsTooLongEndsTheProgram) {
  start();
  clear();
  node->port_received(Bytes("\xff\xff\xff\xff", 4), now);
  drive();
  ASSERT_TRUE(halted);
  EXPECT_NE(halted->status, 0);
  EXPECT_EQ(order("halt")[1], integer(halted->status));
}

}  // namespace
}  // namespace supervisorring
