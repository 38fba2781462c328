// Single control messages in, single control messages out.
#include "node/limits.h"
#include "node/log_limit.h"
#include "node_peer.h"

namespace supervisorring {
namespace {

// Links to whom a test says; answers nothing.
class Quiet : public Process {
 public:
  explicit Quiet(std::string* ended = nullptr) : ended_(ended) {}
  void handle_message(ProcessContext& context, const Term& message) override {
    if (message.is_tagged("link", 2)) context.link(message[1]);
    if (message.is_tagged("unlink", 2)) context.unlink(message[1]);
    if (message.is_tagged("stop", 2)) context.exit(message[1]);
    if (message.is_tagged("to", 3)) context.send(message[1], message[2]);
  }
  void ended(ProcessContext&, const Term& reason) override {
    if (ended_ != nullptr) *ended_ += to_text(reason);
  }

 private:
  std::string* ended_;
};

class NodeWire : public NodePeer {
 protected:
  Term spawn(const char* name = nullptr) {
    Term pid;
    run([&](ProcessContext& context) {
      SpawnOptions options;
      if (name != nullptr) options.name = atom(name);
      pid = *context.spawn(std::make_unique<Quiet>(&ended), options);
    });
    return pid;
  }
  std::string ended;
};

TEST_F(NodeWire, AMonitorOfAPidThatNeverWasIsAnsweredNoproc) {
  const Term target = Term::pid(atom("node@h"), 12345, 6, 1);
  send(MonitorP{peer_pid(1), target, peer_ref(1)});
  const auto& exit = only<MonitorPExit>();
  EXPECT_EQ(exit.from, target);
  EXPECT_EQ(exit.to, peer_pid(1));
  EXPECT_EQ(exit.reference, peer_ref(1));
  EXPECT_EQ(exit.reason, atom("noproc"));
}

TEST_F(NodeWire, AMonitorByNameIsToldTheName) {
  spawn("named");
  send(MonitorP{peer_pid(1), atom("named"), peer_ref(1)});
  EXPECT_TRUE(got.empty());
  send(RegSend{peer_pid(1), atom("named"), tuple(atom("stop"), atom("why"))});
  EXPECT_EQ(only<MonitorPExit>().from, atom("named"));
  EXPECT_EQ(only<MonitorPExit>().reason, atom("why"));
}

TEST_F(NodeWire, ADemonitoredProcessTellsNothing) {
  const Term pid = spawn("named");
  send(MonitorP{peer_pid(1), atom("named"), peer_ref(1)});
  send(MonitorP{peer_pid(1), pid, peer_ref(2)});
  send(DemonitorP{peer_pid(1), atom("named"), peer_ref(1)});
  send(DemonitorP{peer_pid(1), pid, peer_ref(2)});
  send(Exit2{peer_pid(1), pid, atom("kill")});
  EXPECT_EQ(ended, "killed");
  EXPECT_TRUE(got.empty()) << names();
}

TEST_F(NodeWire, ALinkToNoProcessIsAnsweredByExitNoproc) {
  const Term target = Term::pid(atom("node@h"), 12345, 6, 1);
  send(Link{peer_pid(1), target});
  EXPECT_EQ(only<Exit>().reason, atom("noproc"));
  EXPECT_EQ(only<Exit>().from, target);
}

TEST_F(NodeWire, AnUnlinkIdIsAcknowledgedWithItsIdWhetherThereIsALinkOrNot) {
  const Term pid = spawn();
  send(Link{peer_pid(1), pid});
  send(UnlinkId{77, peer_pid(1), pid});
  EXPECT_EQ(only<UnlinkIdAck>().id, 77u);
  EXPECT_EQ(only<UnlinkIdAck>().from, pid);
  EXPECT_EQ(only<UnlinkIdAck>().to, peer_pid(1));
  got.clear();
  const Term nobody = Term::pid(atom("node@h"), 12345, 6, 1);
  send(UnlinkId{78, peer_pid(1), nobody});
  EXPECT_EQ(only<UnlinkIdAck>().id, 78u);
  got.clear();
  send(Exit{peer_pid(1), pid, atom("bad")});
  EXPECT_EQ(ended, "");
}

TEST_F(NodeWire, BetweenUnlinkIdAndItsAckNeitherExitNorLinkOfThePeerCount) {
  const Term pid = spawn("named");
  send(Link{peer_pid(1), pid});
  run([&](ProcessContext& context) { context.send(pid, tuple(atom("unlink"), peer_pid(1))); });
  const std::uint64_t id = only<UnlinkId>().id;
  send(Link{peer_pid(1), pid});
  send(Exit{peer_pid(1), pid, atom("bad")});
  EXPECT_EQ(ended, "");
  send(UnlinkIdAck{id + 1, peer_pid(1), pid});  // of an unlink that was overtaken
  send(Link{peer_pid(1), pid});
  send(Exit{peer_pid(1), pid, atom("bad")});
  EXPECT_EQ(ended, "");
  send(UnlinkIdAck{id, peer_pid(1), pid});
  send(Link{peer_pid(1), pid});
  send(Exit{peer_pid(1), pid, atom("bad")});
  EXPECT_EQ(ended, "bad");
}

TEST_F(NodeWire, APeerWithoutUnlinkIdIsSentAnUnlink) {
  connect((kOurFlags & ~DFLAG_UNLINK_ID) | DFLAG_MANDATORY_25_DIGEST, 4);
  const Term pid = spawn();
  send(Link{peer_pid(1), pid});
  run([&](ProcessContext& context) { context.send(pid, tuple(atom("unlink"), peer_pid(1))); });
  EXPECT_EQ(names(), "UNLINK");
}

TEST_F(NodeWire, ALinkedProcessThatEndsTellsThePeer) {
  const Term pid = spawn("named");
  send(Link{peer_pid(1), pid});
  send(RegSend{peer_pid(1), atom("named"), tuple(atom("stop"), atom("normal"))});
  EXPECT_EQ(only<Exit>().reason, atom("normal"));
  EXPECT_EQ(only<Exit>().to, peer_pid(1));
}

TEST_F(NodeWire, ALinkOrMonitorForAProcessOfAThirdNodeIsLeftOut) {
  const Term pid = spawn();
  const Term third = Term::pid(atom("third@h"), 1, 0, 1);
  send(Link{third, pid});
  send(MonitorP{third, pid, peer_ref(1)});
  send(SpawnRequest{peer_ref(2), third, third, atom("erlang"), atom("node"), Term(), Term()});
  EXPECT_TRUE(got.empty());
  EXPECT_NE(log.find("a process of another node"), std::string::npos);
}

TEST_F(NodeWire, GroupLeaderMeansNothing) {
  send(GroupLeader{peer_pid(1), spawn()});
  EXPECT_TRUE(got.empty());
}

// ---- spawn requests ---------------------------------------------------------------------------------------------

TEST_F(NodeWire, AnErpcIsASpawnReplyAndAMonitorThatEndsWithTheResult) {
  send(SpawnRequest{peer_ref(1), peer_pid(1), peer_pid(9), atom("erpc"), atom("execute_call"), list({atom("monitor")}),
                    list({peer_ref(5), atom("erlang"), atom("node"), Term()})});
  ASSERT_EQ(names(), "SPAWN_REPLY MONITOR_P_EXIT");
  const auto& reply = std::get<SpawnReply>(got[0]);
  EXPECT_EQ(reply.request_id, peer_ref(1));
  EXPECT_EQ(reply.flags, kSpawnReplyMonitor);
  const auto& exit = std::get<MonitorPExit>(got[1]);
  EXPECT_EQ(exit.from, reply.result);
  EXPECT_EQ(exit.reference, peer_ref(1));
  EXPECT_EQ(exit.reason, tuple(peer_ref(5), atom("return"), atom("node@h")));
}

TEST_F(NodeWire, AnErpcWithArgumentsThatAreNoListIsBadarg) {
  send(SpawnRequest{peer_ref(1), peer_pid(1), peer_pid(9), atom("erpc"), atom("execute_call"), list({atom("monitor")}),
                    list({peer_ref(5), atom("erlang"), atom("node"), integer(3)})});
  EXPECT_EQ(std::get<MonitorPExit>(got.at(1)).reason,
            tuple(peer_ref(5), atom("error"), atom("badarg"),
                  list({tuple(atom("erlang"), atom("apply"), list({atom("erlang"), atom("node"), integer(3)}), Term())})));
}

TEST_F(NodeWire, ASpawnOfAFunctionThatIsNotThereEndsWithUndefAsOnABeam) {
  send(SpawnRequest{peer_ref(1), peer_pid(1), peer_pid(9), atom("m"), atom("f"), list({atom("link"), atom("monitor")}),
                    list({integer(1)})});
  ASSERT_EQ(names(), "SPAWN_REPLY EXIT MONITOR_P_EXIT");
  EXPECT_EQ(std::get<SpawnReply>(got[0]).flags, kSpawnReplyLink | kSpawnReplyMonitor);
  EXPECT_EQ(to_text(std::get<Exit>(got[1]).reason), "{undef,[{m,f,[1],[]}]}");
}

TEST_F(NodeWire, ASpawnUnderATakenNameIsRefused) {
  send(SpawnRequest{peer_ref(1), peer_pid(1), peer_pid(9), atom("erlang"), atom("node"),
                    list({tuple(atom("name"), atom("rex"))}), Term()});
  EXPECT_EQ(only<SpawnReply>().result, atom("badarg"));
}

TEST_F(NodeWire, AnErpcWhoseSpawnIsRefusedSaysWhy) {
  std::string result;
  run([&](ProcessContext& context) {
    context.erpc(atom("peer@h"), atom("m"), atom("f"), {}, std::chrono::seconds(5),
                 [&](ProcessContext&, CallResult ended) { result += to_text(ended.value); });
  });
  const SpawnRequest request = only<SpawnRequest>();
  EXPECT_EQ(to_text(request.options), "[monitor]");
  EXPECT_EQ(request.arguments.size(), 4u);
  send(SpawnReply{request.request_id, request.from, 0, atom("system_limit")});
  EXPECT_EQ(result, "{erpc,system_limit}");
}

TEST_F(NodeWire, AnErpcToAPeerWithoutSpawnIsNotsup) {
  connect((kOurFlags & ~DFLAG_SPAWN) | DFLAG_MANDATORY_25_DIGEST, 4);
  std::string result;
  run([&](ProcessContext& context) {
    context.erpc(atom("peer@h"), atom("m"), atom("f"), {}, std::chrono::seconds(5),
                 [&](ProcessContext&, CallResult ended) { result += to_text(ended.value); });
  });
  EXPECT_EQ(result, "{erpc,notsup}");
}

// ---- backlog --------------------------------------------------------------------------------------------------------

TEST_F(NodeWire, APeerThatDoesNotKeepUpIsNotReadUntilItHasTaken) {
  acknowledge_writes = false;
  const std::size_t before = sent_bytes;
  run([&](ProcessContext& context) { context.send(peer_pid(1), binary(Bytes(kBacklogHighWater + 1, 'x'))); });
  ASSERT_EQ(pauses, std::vector<bool>{true});
  node.bytes_written(kConnection, sent_bytes - before, now);
  exchange();
  EXPECT_EQ(pauses, (std::vector<bool>{true, false}));
  EXPECT_TRUE(closed.empty());
}

TEST_F(NodeWire, APeerThatTakesNothingIsClosedAtTheHardLimitWithOneLine) {
  acknowledge_writes = false;
  const Term large = binary(Bytes(16u << 20, 'x'));
  for (std::size_t sent = 0; sent <= kBacklogHardLimit && closed.empty(); sent += 16u << 20) {
    run([&](ProcessContext& context) { context.send_noconnect(peer_pid(1), large); });
    got.clear();
  }
  EXPECT_EQ(closed, std::vector<ConnectionId>{kConnection});
  EXPECT_NE(log.find("it has not taken"), std::string::npos);
  EXPECT_TRUE(node.connected_nodes().empty());
}

// ---- second connections ---------------------------------------------------------------------------------------------

TEST_F(NodeWire, AnotherConnectionOfTheSameNameReplacesTheFirstWhenItIsProved) {
  ASSERT_EQ(ups, 1);
  connect(kOurFlags, 4);
  EXPECT_EQ(ups, 2);
  EXPECT_EQ(closed, std::vector<ConnectionId>{kConnection});
  EXPECT_EQ(node.connected_nodes().size(), 1u);
}

TEST_F(NodeWire, AConnectionOfAKnownNameWithAWrongCookieLeavesTheFirstAlone) {
  ConnectionConfig config;
  config.role = HandshakeRole::initiator;
  config.self = {"peer@h", 7, "wrong", kOurFlags};
  config.peer = "node@h";
  config.random = [] { return std::uint64_t{5}; };
  Connection stranger(config, now.now);
  node.connection_accepted(6, "h", now);
  for (int i = 0; i < 5; ++i) {
    if (stranger.has_output()) node.bytes_received(6, stranger.take_output(now.now), now);
    for (const Effect& effect : node.take_effects()) {
      const auto* bytes = std::get_if<SendBytes>(&effect);
      if (bytes != nullptr && bytes->id == 6) stranger.receive(bytes->bytes, now.now, *this);
      if (const auto* close = std::get_if<CloseConnection>(&effect)) closed.push_back(close->id);
    }
  }
  EXPECT_EQ(closed, std::vector<ConnectionId>{6});
  EXPECT_EQ(node.connected_nodes().size(), 1u);
}

TEST_F(NodeWire, AHandshakeThatStallsIsClosedAndOthersAreServedMeanwhile) {
  node.connection_accepted(8, "h", now);
  now.now += std::chrono::seconds(6);
  node.timeout(now);
  send(MonitorP{peer_pid(1), atom("none"), peer_ref(1)});
  EXPECT_EQ(only<MonitorPExit>().reason, atom("noproc"));
  EXPECT_TRUE(closed.empty());
  now.now += std::chrono::seconds(2);
  node.timeout(now);
  exchange();
  EXPECT_EQ(closed, std::vector<ConnectionId>{8});
}

// 512 stalled handshakes kept every new peer out until their deadline.
TEST_F(NodeWire, OfTooManyUnfinishedHandshakesTheOldestGoes) {
  for (std::size_t i = 0; i < kMaxPendingHandshakes; ++i) node.connection_accepted(100 + 2 * i, "h", now);
  exchange();
  EXPECT_TRUE(closed.empty());
  node.connection_accepted(100'000, "h", now);
  exchange();
  EXPECT_EQ(closed, std::vector<ConnectionId>{100});
}

// A flood of connects wrote a line for each.
TEST_F(NodeWire, StrangersCauseALimitedNumberOfLogLines) {
  const auto flood = [&](ConnectionId first) {
    for (ConnectionId id = first; id < first + 2000; id += 2) {
      node.connection_accepted(id, "h", now);
      node.connection_closed(id, "reset", now);
    }
    exchange();
  };
  const auto count = [&](const std::string& part) {
    std::size_t found = 0;
    for (auto at = log.find(part); at != std::string::npos; at = log.find(part, at + 1)) ++found;
    return found;
  };
  flood(100);
  EXPECT_EQ(count("a connection from h failed"), LogLimit::kLines);
  now.now += LogLimit::kWindow;
  node.timeout(now);
  flood(10'000);
  EXPECT_EQ(count("a connection from h failed"), 2 * LogLimit::kLines);
  EXPECT_EQ(count(std::to_string(1000 - LogLimit::kLines) + " more lines"), 1u);
}

// ---- steps -------------------------------------------------------------------------------------------------------------

class Restless : public Process {
 public:
  void started(ProcessContext& context) override { context.send(context.self(), Term()); }
  void handle_message(ProcessContext& context, const Term&) override {
    ++turns;
    context.send(context.self(), Term());
  }
  static inline std::size_t turns = 0;
};

TEST_F(NodeWire, AProcessThatNeverRestsLeavesTheDriverItsTurn) {
  Restless::turns = 0;
  node.run([](ProcessContext& context) { context.spawn(std::make_unique<Restless>(), {}); }, now);
  EXPECT_LE(Restless::turns, kMaxSignalsPerStep);
  EXPECT_EQ(node.next_timeout(), now.now);
  const std::size_t before = Restless::turns;
  node.timeout(now);
  EXPECT_GT(Restless::turns, before);
}

}  // namespace
}  // namespace supervisorring
