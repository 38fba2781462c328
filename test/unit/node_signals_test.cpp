// Links, monitors, exits and names, on one node and between two.
#include "node_pair.h"

namespace supervisorring {

using NodeSignals = NodePair;

TEST_F(NodeSignals, MessagesBetweenOnePairArriveInTheOrderSent) {
  Notes& b = spawn(kB, "b");
  net.run(kA, [&](ProcessContext& context) {
    for (int i = 1; i <= 3; ++i) context.send(at("b", kB), integer(i));
    context.send(b.pid, integer(4));
  });
  net.drive();
  EXPECT_EQ(b.mail, (Mail{"1", "2", "3", "4"}));
}

TEST_F(NodeSignals, AMessageToANameThatNobodyHasIsDropped) {
  spawn(kA, "a");
  send(kA, atom("nobody"), integer(1));
  send(kA, at("nobody", kB), integer(1));
  EXPECT_TRUE(notes["a"].mail.empty());
}

TEST_F(NodeSignals, AProcessIsNotEnteredWhileItRuns) {
  Notes& a = spawn(kA, "a");
  as(kA, "a", [&](ProcessContext& context) {
    context.send(context.self(), atom("later"));
    EXPECT_TRUE(a.mail.empty());
  });
  EXPECT_EQ(a.mail, Mail{"later"});
}

TEST_F(NodeSignals, ATakenNameRefusesTheSecondSpawn) {
  spawn(kA, "a");
  net.run(kA, [&](ProcessContext& context) {
    SpawnOptions options;
    options.name = atom("a");
    EXPECT_FALSE(context.spawn(std::make_unique<NotingProcess>(notes["x"]), options));
    EXPECT_FALSE(context.whereis(atom("x")));
    EXPECT_EQ(context.whereis(atom("a")), notes["a"].pid);
  });
}

TEST_F(NodeSignals, ANameIsFreeOnceItsProcessHasEnded) {
  Notes& a = spawn(kA, "a");
  const Term first = a.pid;
  send(kA, atom("a"), atom("stop"));
  EXPECT_EQ(a.ended, "normal");
  spawn(kA, "a");
  EXPECT_FALSE(a.pid == first);
}

TEST_F(NodeSignals, AMonitorTellsTheReasonOnceWithThePidOrTheName) {
  for (const char* node : {kA, kB}) {
    Notes& watcher = spawn(kA, "watcher");
    Notes& watched = spawn(node, "watched");
    as(kA, "watcher", [&](ProcessContext& context) {
      context.monitor(watched.pid);
      context.monitor(at("watched", node));
    });
    send(kA, watched.pid, tuple(atom("stop"), atom("why")));
    ASSERT_EQ(watcher.messages.size(), 2u);
    EXPECT_TRUE(watcher.messages[0].is_tagged("DOWN", 5));
    EXPECT_EQ(watcher.messages[0][3], watched.pid);
    EXPECT_EQ(watcher.messages[1][3], at("watched", node));
    EXPECT_EQ(watcher.messages[1][4], atom("why"));
    send(kA, atom("watcher"), atom("stop"));
  }
}

TEST_F(NodeSignals, AMonitorOfNoProcessIsNoprocAtOnce) {
  Notes& a = spawn(kA, "a");
  const Term dead = spawn(kB, "dead").pid;
  send(kB, atom("dead"), atom("stop"));
  as(kA, "a", [&](ProcessContext& context) {
    for (const Term& target : {atom("none"), at("none", kA), at("none", kB), dead}) context.monitor(target);
  });
  ASSERT_EQ(a.messages.size(), 4u);
  for (const Term& down : a.messages) EXPECT_EQ(down[4], atom("noproc"));
}

TEST_F(NodeSignals, AfterDemonitorNoDownArrives) {
  Notes& a = spawn(kA, "a");
  for (const char* node : {kA, kB}) {
    Notes& watched = spawn(node, "watched");
    Term ref;
    as(kA, "a", [&](ProcessContext& context) { ref = context.monitor(watched.pid); });
    begin_as(kA, "a", [&](ProcessContext& context) {
      context.send(watched.pid, atom("stop"));
      context.demonitor(ref);
    });
    net.drive();
    EXPECT_EQ(watched.ended, "normal");
  }
  EXPECT_TRUE(a.mail.empty());
}

TEST_F(NodeSignals, ALinkCarriesAnAbnormalExitAndNotANormalOne) {
  for (const char* node : {kA, kB}) {
    Notes& a = spawn(kA, "a");
    Notes& other = spawn(node, "other");
    as(kA, "a", [&](ProcessContext& context) { context.link(other.pid); });
    send(kA, other.pid, atom("stop"));
    EXPECT_EQ(a.ended, "");
    Notes& next = spawn(node, "next");
    as(kA, "a", [&](ProcessContext& context) { context.link(next.pid); });
    send(kA, next.pid, tuple(atom("stop"), atom("bad")));
    EXPECT_EQ(a.ended, "bad");
  }
}

TEST_F(NodeSignals, ATrappedExitIsAMessage) {
  SpawnOptions trapping;
  trapping.trap_exit = TrapExit::yes;
  for (const char* node : {kA, kB}) {
    Notes& a = spawn(kA, "a", trapping);
    Notes& other = spawn(node, "other");
    as(kA, "a", [&](ProcessContext& context) { context.link(other.pid); });
    send(kA, other.pid, atom("stop"));
    ASSERT_EQ(a.messages.size(), 1u);
    EXPECT_EQ(a.messages[0], tuple(atom("EXIT"), other.pid, atom("normal")));
    send(kA, atom("a"), atom("stop"));
  }
}

TEST_F(NodeSignals, ALinkToNoProcessIsAnExitNoproc) {
  const Term dead_here = spawn(kA, "dead_here").pid;
  const Term dead_there = spawn(kB, "dead_there").pid;
  send(kA, dead_here, atom("stop"));
  send(kA, dead_there, atom("stop"));
  for (const Term& dead : {dead_here, dead_there}) {
    Notes& a = spawn(kA, "a");
    as(kA, "a", [&](ProcessContext& context) { context.link(dead); });
    EXPECT_EQ(a.ended, "noproc");
  }
}

TEST_F(NodeSignals, AfterUnlinkNoExitArrivesAndLinkingAgainWorks) {
  for (const char* node : {kA, kB}) {
    Notes& a = spawn(kA, "a");
    Notes& other = spawn(node, "other");
    as(kA, "a", [&](ProcessContext& context) { context.link(other.pid); });
    as(kA, "a", [&](ProcessContext& context) { context.unlink(other.pid); });
    as(kA, "a", [&](ProcessContext& context) {
      context.link(other.pid);
      context.unlink(other.pid);
      context.link(other.pid);
      context.unlink(other.pid);
    });
    send(kA, other.pid, tuple(atom("stop"), atom("bad")));
    EXPECT_EQ(a.ended, "");
    Notes& next = spawn(node, "next");
    as(kA, "a", [&](ProcessContext& context) {
      context.link(next.pid);
      context.unlink(next.pid);
      context.link(next.pid);
    });
    send(kA, next.pid, tuple(atom("stop"), atom("bad")));
    EXPECT_EQ(a.ended, "bad");
  }
}

TEST_F(NodeSignals, KillCannotBeTrappedAndIsSeenAsKilled) {
  SpawnOptions trapping;
  trapping.trap_exit = TrapExit::yes;
  for (const char* node : {kA, kB}) {
    Notes& a = spawn(kA, "a");
    Notes& victim = spawn(node, "victim", trapping);
    as(kA, "a", [&](ProcessContext& context) { context.link(victim.pid); });
    as(kA, "a", [&](ProcessContext& context) { context.exit_signal(victim.pid, atom("kill")); });
    EXPECT_EQ(victim.ended, "killed");
    EXPECT_EQ(a.ended, "killed");
  }
}

TEST_F(NodeSignals, ExitNormalFromAnotherIsIgnoredAndFromItselfEnds) {
  Notes& a = spawn(kA, "a");
  Notes& b = spawn(kB, "b");
  as(kA, "a", [&](ProcessContext& context) { context.exit_signal(b.pid, atom("normal")); });
  EXPECT_EQ(b.ended, "");
  as(kA, "a", [&](ProcessContext& context) { context.exit_signal(context.self(), atom("normal")); });
  EXPECT_EQ(a.ended, "normal");
}

TEST_F(NodeSignals, ALostConnectionIsNoconnectionToLinksAndMonitors) {
  Notes& watcher = spawn(kA, "watcher");
  Notes& linked = spawn(kA, "linked");
  Notes& b = spawn(kB, "b");
  as(kA, "watcher", [&](ProcessContext& context) {
    context.monitor_nodes();
    context.monitor(b.pid);
    context.monitor(at("b", kB));
  });
  as(kA, "linked", [&](ProcessContext& context) { context.link(b.pid); });
  net.close_connections(kA, kB);
  net.drive();
  ASSERT_EQ(watcher.messages.size(), 4u);
  EXPECT_EQ(watcher.mail[0], "{nodeup,b@h2}");
  EXPECT_EQ(watcher.messages[1][4], atom("noconnection"));
  EXPECT_EQ(watcher.messages[2][4], atom("noconnection"));
  EXPECT_EQ(watcher.mail[3], "{nodedown,b@h2}");
  EXPECT_EQ(linked.ended, "noconnection");
}

TEST_F(NodeSignals, APeerThatFallsSilentIsDroppedAfterTheTickTime) {
  Notes& a = spawn(kA, "a");
  as(kA, "a", [&](ProcessContext& context) { context.monitor(at("b", kB)); });
  spawn(kB, "b");
  as(kA, "a", [&](ProcessContext& context) { context.monitor(at("b", kB)); });
  net.cut(kA, kB);
  net.advance(std::chrono::seconds(50));
  EXPECT_EQ(a.mail.size(), 1u);
  net.advance(std::chrono::seconds(30));
  ASSERT_EQ(a.mail.size(), 2u);
  EXPECT_EQ(a.messages[1][4], atom("noconnection"));
}

TEST_F(NodeSignals, TicksKeepAnIdleConnectionUp) {
  spawn(kB, "b");
  send(kA, at("b", kB), integer(1));
  net.advance(std::chrono::minutes(30));
  EXPECT_EQ(net.node(kA).connected_nodes().size(), 1u);
}

TEST_F(NodeSignals, LinksAndMonitorsAreToldInTheOrderTheyWereMade) {
  std::vector<std::string> order;
  for (const char* name : {"w3", "w1", "w2"}) spawn(kA, name);
  Notes& target = spawn(kA, "target");
  Notes& all = spawn(kA, "all");
  for (const char* name : {"w3", "w1", "w2"}) as(kA, name, [&](ProcessContext& context) { context.link(target.pid); });
  for (const char* name : {"w3", "w1", "w2"}) {
    as(kA, "all", [&](ProcessContext& context) { context.monitor(atom(name)); });
  }
  send(kA, atom("target"), tuple(atom("stop"), atom("bad")));
  ASSERT_EQ(all.messages.size(), 3u);
  EXPECT_EQ(all.messages[0][3], at("w3", kA));
  EXPECT_EQ(all.messages[1][3], at("w1", kA));
  EXPECT_EQ(all.messages[2][3], at("w2", kA));
}

TEST_F(NodeSignals, TheNodesOwnServicesSurviveAKill) {
  send(kA, at("nobody", kB), integer(1));
  std::optional<Term> rex;
  net.run(kB, [&](ProcessContext& context) { rex = context.whereis(atom("rex")); });
  spawn(kA, "a");
  as(kA, "a", [&](ProcessContext& context) { context.exit_signal(*rex, atom("kill")); });
  EXPECT_EQ(erpc(kA, kB, "erlang", "node", {}), "ok: b@h2");
  net.run(kB, [&](ProcessContext& context) { EXPECT_EQ(context.whereis(atom("rex")), rex); });
}

}  // namespace supervisorring
