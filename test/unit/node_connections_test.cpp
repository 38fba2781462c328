// Connecting on demand, simultaneous connects, lost and replaced connections, epmd.
#include "node/exit_status.h"
#include "node/limits.h"
#include "node_pair.h"

namespace supervisorring {

using NodeConnections = NodePair;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_F(NodeConnections, WhatIsSentBeforeTheConnectionIsUpArrivesInOrder) {
  Notes& b = spawn(kB, "b");
  net.run(kA, [&](ProcessContext& context) {
    for (int i = 0; i < 3; ++i) context.send(at("b", kB), integer(i));
    EXPECT_FALSE(context.is_connected(atom(kB)));
  });
  net.drive();
  EXPECT_EQ(b.mail, (Mail{"0", "1", "2"}));
  EXPECT_EQ(net.open_connections(kA, kB), 1u);
}

TEST_F(NodeConnections, SendNoconnectDoesNotConnect) {
  spawn(kB, "b");
  net.run(kA, [&](ProcessContext& context) { context.send_noconnect(at("b", kB), integer(1)); });
  net.drive();
  EXPECT_TRUE(net.node(kA).connected_nodes().empty());
}

TEST_F(NodeConnections, ConnectTellsHowItWent) {
  Notes& a = spawn(kA, "a");
  as(kA, "a", [&](ProcessContext& context) {
    context.monitor_nodes();
    context.connect(atom(kB));
    context.connect(atom("gone@h2"));
    context.connect(atom("a@nowhere"));
  });
  auto mail = a.mail;
  std::sort(mail.begin(), mail.end());
  EXPECT_EQ(mail, (Mail{"{nodedown,a@nowhere}", "{nodedown,gone@h2}", "{nodeup,b@h2}"}));
}

TEST_F(NodeConnections, APeerThatDoesNotAnswerIsGivenUpAfterTheSetUpTime) {
  net.hold_accepts(kB);
  std::string result;
  net.run(kA, [&](ProcessContext& context) { context.call(at("b", kB), integer(1), {seconds(60)}, into(result)); });
  net.advance(milliseconds(6900));
  EXPECT_EQ(result, "");
  net.advance(milliseconds(200));
  EXPECT_EQ(result, "no: noconnection");
}

TEST_F(NodeConnections, ASilentEpmdIsGivenUpAfterTheSetUpTime) {
  net.epmd("h2").silent = true;
  std::string result;
  net.run(kA, [&](ProcessContext& context) { context.call(at("b", kB), integer(1), {seconds(60)}, into(result)); });
  net.advance(seconds(8));
  EXPECT_EQ(result, "no: noconnection");
}

// A thousand names learnt at once were all connected to at once, which their epmds could not take.
TEST_F(NodeConnections, AttemptsWaitForTheirTurnWhenManyAreUnderWay) {
  net.epmd("h9").silent = true;
  std::size_t opened = 0;
  net.on_effect([&](const std::string& node, const Effect& effect) { opened += node == kA && std::holds_alternative<OpenConnection>(effect); });
  net.run(kA, [&](ProcessContext& context) {
    for (int i = 0; i < 100; ++i) context.connect(atom("x" + std::to_string(i) + "@h9"));
  });
  net.advance(seconds(6));
  EXPECT_EQ(opened, kMaxAttempts);
  net.advance(seconds(2));
  EXPECT_EQ(opened, 100u) << "the others, when the first were given up";
  net.on_effect({});
}

TEST_F(NodeConnections, APeerThatConnectsWhileItsTurnHasNotComeIsLetIn) {
  net.epmd("h9").silent = true;
  Notes& b = spawn(kB, "b");
  spawn(kA, "a");
  net.run(kA, [&](ProcessContext& context) {
    for (std::size_t i = 0; i < kMaxAttempts; ++i) context.connect(atom("x" + std::to_string(i) + "@h9"));
    context.send(at("b", kB), integer(1));
  });
  net.advance(seconds(1));
  EXPECT_TRUE(b.mail.empty());
  net.run(kB, [&](ProcessContext& context) { context.connect(atom(kA)); });
  net.advance(milliseconds(10));
  EXPECT_EQ(b.mail, Mail{"1"}) << "what waited goes out by the peer's connection";
  EXPECT_EQ(net.open_connections(kA, kB), 1u);
  net.advance(seconds(10));
  EXPECT_EQ(net.open_connections(kA, kB), 1u) << "and its turn is not taken any more";
}

TEST_F(NodeConnections, AWrongCookieConnectsNobodyAndSaysSo) {
  NodeConfig config;
  config.name = "c@h3";
  config.cookie = "other";
  config.epmd_host = "h3";
  net.add_node(config);
  net.start("c@h3");
  net.drive();
  EXPECT_EQ(call("c@h3", at("net_kernel", kB), tuple(atom("is_auth"), atom("c@h3"))), "no: noconnection");
  EXPECT_TRUE(net.node(kB).connected_nodes().empty());
  EXPECT_TRUE(net.logged(kB, "c@h3"));
}

TEST_F(NodeConnections, ANodeThatSaysItHasOurNameIsRefused) {
  NodeConfig config;
  config.name = kB;
  config.cookie = "secret";
  config.epmd_port = 0;
  config.static_ports[kA] = 20'001;
  Node impostor(config, nullptr);  // spoken to by hand: its first packet to the true b
  Node& b = net.node(kB);
  impostor.start(net.time());
  impostor.run([](ProcessContext& context) { context.connect(atom(kA)); }, net.time());
  Bytes first;
  for (const Effect& effect : impostor.take_effects()) {
    if (const auto* open = std::get_if<OpenConnection>(&effect)) impostor.connection_opened(open->id, net.time());
  }
  for (const Effect& effect : impostor.take_effects()) {
    if (const auto* send = std::get_if<SendBytes>(&effect)) first = send->bytes;
  }
  ASSERT_FALSE(first.empty());
  b.connection_accepted(1'000, "h9", net.time());
  b.bytes_received(1'000, first, net.time());
  bool closed = false;
  for (const Effect& effect : b.take_effects()) {
    const auto* close = std::get_if<CloseConnection>(&effect);
    closed = closed || (close != nullptr && close->id == 1'000);
  }
  EXPECT_TRUE(closed);
}

TEST_F(NodeConnections, SimultaneousConnectsEndInOneConnectionAndEveryCallIsAnswered) {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    sim::SimNetwork many(seed);
    many.set_jitter(milliseconds(2));
    many.set_delay(seed % 2 == 0 ? milliseconds(0) : milliseconds(1));
    for (const char* name : {kA, kB}) many.add_node(name), many.start(name);
    many.drive();
    int answered = 0;
    auto ping = [&](const char* from, const char* to) {
      many.run(from, [&](ProcessContext& context) {
        context.call(at("net_kernel", to), tuple(atom("is_auth"), atom(from)), {},
                     [&](ProcessContext&, CallResult result) { answered += result.ok ? 1 : 0; });
      });
    };
    const bool a_first = seed % 3 != 0;
    ping(a_first ? kA : kB, a_first ? kB : kA);
    many.advance(Duration(static_cast<std::int64_t>(many.random() % 3'000'000)));
    ping(a_first ? kB : kA, a_first ? kA : kB);
    many.advance(seconds(1));
    ASSERT_EQ(answered, 2) << "seed " << seed;
    ASSERT_EQ(many.open_connections(kA, kB), 1u) << "seed " << seed;
    ASSERT_EQ(many.node(kA).connected_nodes().size(), 1u);
    ASSERT_EQ(many.node(kB).connected_nodes().size(), 1u);
  }
}

TEST_F(NodeConnections, ARestartedPeerReplacesItsOldConnectionThatNobodySawClose) {
  Notes& a = spawn(kA, "a");
  const Term old = spawn(kB, "b").pid;
  as(kA, "a", [&](ProcessContext& context) {
    context.monitor_nodes();
    context.monitor(old);
  });
  net.vanish(kB);
  net.add_node(kB);
  net.start(kB);
  net.drive();
  EXPECT_EQ(call(kB, at("net_kernel", kA), tuple(atom("is_auth"), atom(kB))), "ok: yes");
  ASSERT_EQ(a.messages.size(), 4u);
  EXPECT_EQ(a.mail[0], "{nodeup,b@h2}");
  EXPECT_EQ(a.messages[1][4], atom("noconnection"));
  EXPECT_EQ(a.mail[2], "{nodedown,b@h2}");
  EXPECT_EQ(a.mail[3], "{nodeup,b@h2}");
  EXPECT_FALSE(spawn(kB, "b").pid == old);
  EXPECT_EQ(call(kA, old, tuple(atom("echo"), integer(1))), "no: noproc");
}

TEST_F(NodeConnections, APidOfAnEarlierLifeIsNoproc) {
  const Term old = spawn(kB, "b").pid;
  net.crash(kB);
  net.add_node(kB);
  net.start(kB);
  net.drive();
  spawn(kB, "b");
  EXPECT_EQ(call(kA, old, tuple(atom("echo"), integer(1))), "no: noproc");
}

TEST_F(NodeConnections, ARefusedPeerIsNoconnectionAndTheNextTryIsNew) {
  net.refuse(kA, kB);
  EXPECT_EQ(call(kA, at("net_kernel", kB), tuple(atom("is_auth"), atom(kA))), "no: noconnection");
  net.refuse(kA, kB, false);
  EXPECT_EQ(call(kA, at("net_kernel", kB), tuple(atom("is_auth"), atom(kA))), "ok: yes");
}

TEST_F(NodeConnections, TheBytesOfOneStepForOneConnectionAreOneWrite) {
  spawn(kB, "b");
  send(kA, at("b", kB), integer(0));
  net.run(kA, [&](ProcessContext& context) {
    for (int i = 0; i < 1000; ++i) context.send(at("b", kB), integer(i));
  });
  net.drive();
  EXPECT_EQ(net.largest_batch(), 1u);
  EXPECT_EQ(notes["b"].mail.size(), 1001u);
}

TEST_F(NodeConnections, TooMuchSentToAPeerThatIsNotUpYetFailsTheAttempt) {
  net.hold_accepts(kB);
  spawn(kA, "a");
  std::string result;
  as(kA, "a", [&](ProcessContext& context) {
    context.call(at("b", kB), integer(1), {}, into(result));
    const Term large = binary(Bytes(1 << 20, 'x'));
    for (int i = 0; i < 20; ++i) context.send(at("b", kB), large);
  });
  EXPECT_EQ(result, "no: noconnection");
  EXPECT_TRUE(net.logged(kA, "bytes wait for the connection"));
}

TEST_F(NodeConnections, ThreeNodesEachReachTheOthers) {
  net.add_node("c@h1");  // the host, and so the epmd, of a
  net.start("c@h1");
  net.drive();
  for (const char* from : {kA, kB, "c@h1"}) {
    for (const char* to : {kA, kB, "c@h1"}) EXPECT_EQ(erpc(from, to, "erlang", "node", {}), "ok: " + std::string(to));
  }
}

// ---- epmd ---------------------------------------------------------------------------------------------------

using NodeEpmd = NodePair;

TEST_F(NodeEpmd, ANameThatIsTakenHaltsTheNode) {
  sim::SimNetwork one;
  one.add_node("n@h1");
  one.start("n@h1");
  one.drive();
  NodeConfig config;
  config.name = "n@other";  // another host part, the same epmd
  config.epmd_host = "h1";
  one.add_node(config);
  one.start("n@other");
  one.drive();
  ASSERT_TRUE(one.halted().contains("n@other"));
  EXPECT_EQ(one.halted().at("n@other").status, to_int(ExitStatus::name_taken));
}

TEST_F(NodeEpmd, NoEpmdAtStartHaltsTheNodeAfterSomeAttempts) {
  sim::SimNetwork one;
  one.stop_epmd("h1");
  bool ran = false;
  one.add_node("n@h1").at_start([&](ProcessContext&) { ran = true; });
  one.start("n@h1");
  one.advance(seconds(1));
  EXPECT_TRUE(one.halted().empty());
  one.advance(seconds(10));
  ASSERT_TRUE(one.halted().contains("n@h1"));
  EXPECT_EQ(one.halted().at("n@h1").status, to_int(ExitStatus::no_epmd));
  EXPECT_FALSE(ran);
}

TEST_F(NodeEpmd, AnEpmdThatComesInTimeIsUsedAndGivesTheCreation) {
  sim::SimNetwork one;
  one.stop_epmd("h1");
  Term pid;
  one.add_node("n@h1").at_start([&](ProcessContext& context) { pid = context.self(); });
  one.start("n@h1");
  one.advance(milliseconds(500));
  one.start_epmd("h1");
  one.advance(seconds(2));
  EXPECT_TRUE(one.node("n@h1").registered_with_epmd());
  ASSERT_TRUE(pid.is_pid());
  EXPECT_GT(pid.creation(), 0x10000u);
}

TEST_F(NodeEpmd, AfterAnEpmdRestartTheNodeRegistersAgainWithoutLosingConnections) {
  EXPECT_EQ(erpc(kA, kB, "erlang", "node", {}), "ok: b@h2");
  net.stop_epmd("h1");
  net.advance(seconds(100));
  EXPECT_FALSE(net.node(kA).registered_with_epmd());
  EXPECT_EQ(net.open_connections(kA, kB), 1u);
  net.start_epmd("h1");
  net.advance(seconds(31));
  EXPECT_TRUE(net.node(kA).registered_with_epmd());
  EXPECT_TRUE(net.epmd("h1").knows("a"));
  EXPECT_EQ(erpc(kA, kB, "erlang", "node", {}), "ok: b@h2");
}

TEST_F(NodeEpmd, ANodeNameWithoutHostHaltsWithUsage) {
  sim::SimNetwork one;
  NodeConfig config;
  config.name = "nohost";
  one.add_node(config);
  one.start("nohost");
  ASSERT_TRUE(one.halted().contains("nohost"));
  EXPECT_EQ(one.halted().at("nohost").status, to_int(ExitStatus::usage));
}

TEST_F(NodeEpmd, WithoutAnEpmdNodesReachEachOtherByGivenPorts) {
  sim::SimNetwork two;
  for (const auto& [name, port, other, other_port] : {std::tuple{kA, 7001, kB, 7002}, std::tuple{kB, 7002, kA, 7001}}) {
    NodeConfig config;
    config.name = name;
    config.cookie = "secret";
    config.epmd_port = 0;
    config.listen_port = static_cast<std::uint16_t>(port);
    config.static_ports[other] = static_cast<std::uint16_t>(other_port);
    two.add_node(config);
    two.start(name);
  }
  std::string result;
  two.run(kA, [&](ProcessContext& context) {
    context.erpc(atom(kB), atom("erlang"), atom("node"), {}, seconds(5), into(result));
  });
  two.drive();
  EXPECT_EQ(result, "ok: b@h2");
}

}  // namespace supervisorring
