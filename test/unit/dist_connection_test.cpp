#include "dist/connection.h"

#include <gtest/gtest.h>

#include "dist_support.h"

namespace supervisorring {
namespace {

using namespace dist_test;
using namespace std::chrono_literals;

// Writes down what it is told, and accepts every name unless `decides` is empty.
struct Recorder : ConnectionSink {
  Connection* connection = nullptr;
  Instant now{};
  std::optional<NameDecision> decides = NameDecision::ok;
  bool goes_on = true;
  std::vector<std::string> told;
  std::vector<ControlMessage> messages;

  void on_name(const Peer& peer) override {
    told.push_back("name " + peer.name);
    if (decides) connection->accept(*decides, now, *this);
  }
  bool on_alive(const Peer& peer) override { told.push_back("alive " + peer.name); return goes_on; }
  void on_up(const Peer& peer) override { told.push_back("up " + peer.name); }
  void on_control(ControlMessage&& message) override {
    told.push_back(name_of(message));
    messages.push_back(std::move(message));
  }
  void on_bad_message(const Error& error) override { told.push_back("bad " + error.text); }
  void on_error(const Error& error) override { told.push_back("error " + error.text); }
};

// An initiator a and an acceptor b, driven against each other in virtual time.
class ConnectionPair : public testing::Test {
 protected:
  static ConnectionConfig config(HandshakeRole role, const char* name, const char* peer) {
    ConnectionConfig c;
    c.role = role;
    c.self = {name, 1, "secret"};
    c.peer = peer;
    c.random = [] { return std::uint64_t{42}; };
    return c;
  }
  void make() {
    a.emplace(config_a, now);
    b.emplace(config_b, now);
    told_a.connection = &*a;
    told_b.connection = &*b;
  }
  void deliver(Connection& from, Connection& to, Recorder& sink) {
    sink.now = now;
    const Bytes bytes = from.take_output(now);
    for (std::size_t at = 0; at < bytes.size(); at += piece) to.receive(BytesView(bytes).substr(at, piece), now, sink);
  }
  void drive() {
    while (a->has_output() || b->has_output()) {
      deliver(*a, *b, told_b);
      deliver(*b, *a, told_a);
    }
  }
  void bring_up() {
    make();
    drive();
    ASSERT_TRUE(a->up() && b->up());
    told_a.told.clear();
    told_b.told.clear();
  }
  // To the moment of the next time-out of either side.
  void next_timeout() {
    now = std::min(a->next_timeout().value_or(Instant::max()), b->next_timeout().value_or(Instant::max()));
    a->timeout(now, told_a);
    b->timeout(now, told_b);
  }

  Instant now{1h};
  std::size_t piece = 100'000;
  ConnectionConfig config_a = config(HandshakeRole::initiator, kA, kB);
  ConnectionConfig config_b = config(HandshakeRole::acceptor, kB, "");
  std::optional<Connection> a, b;
  Recorder told_a, told_b;
};

using Told = std::vector<std::string>;

TEST_F(ConnectionPair, IsUpOnBothSidesAndCarriesMessagesInOrder) {
  make();
  drive();
  EXPECT_EQ(told_a.told, (Told{"up b@127.0.0.1"}));
  EXPECT_EQ(told_b.told, (Told{"name a@127.0.0.1", "up a@127.0.0.1"}));
  EXPECT_EQ(a->common_flags(), kOurFlags);
  EXPECT_TRUE(a->send(Link{kFrom, kTo}));
  append_send(a->output(), kTo, T("hello"));
  drive();
  EXPECT_EQ(told_b.told, (Told{"name a@127.0.0.1", "up a@127.0.0.1", "LINK", "SEND"}));
  EXPECT_EQ(std::get<Send>(told_b.messages.back()).message, T("hello"));
}

TEST_F(ConnectionPair, ByteByByteIsTheSame) {
  piece = 1;
  bring_up();
  a->send(RegSend{kFrom, atom("rex"), T("{call, [1, 2, 3]}")});
  b->send(Exit{kTo, kFrom, T("normal")});
  drive();
  EXPECT_EQ(told_b.told, Told{"REG_SEND"});
  EXPECT_EQ(told_a.told, Told{"EXIT"});
}

TEST_F(ConnectionPair, FramesInTheChunkThatEndsTheHandshakeAreNotLost) {
  make();
  deliver(*a, *b, told_b);
  deliver(*b, *a, told_a);
  deliver(*a, *b, told_b);
  ASSERT_TRUE(b->up());
  b->send(Link{kTo, kFrom});
  drive();
  EXPECT_EQ(told_a.told, (Told{"up b@127.0.0.1", "LINK"}));
}

TEST_F(ConnectionPair, ASimultaneousConnectThatWinsComesUp) {
  told_b.decides = NameDecision::ok_simultaneous;
  bring_up();
}

TEST_F(ConnectionPair, ASimultaneousConnectThatLosesEndsOnBothSides) {
  told_b.decides = NameDecision::nok;
  make();
  drive();
  EXPECT_EQ(told_a.told, Told{"error handshake with b@127.0.0.1: it answered nok: its own connection to us is under way"});
  EXPECT_EQ(a->handshake_failure(), HandshakeFailure::simultaneous);
  EXPECT_EQ(b->handshake_failure(), HandshakeFailure::simultaneous);
  EXPECT_TRUE(a->closed() && b->closed());
}

TEST_F(ConnectionPair, TheDecisionMayComeLater) {
  told_b.decides.reset();
  make();
  drive();
  EXPECT_FALSE(a->up());
  b->accept(NameDecision::alive, now, told_b);
  drive();
  EXPECT_EQ(told_a.told, (Told{"alive b@127.0.0.1", "up b@127.0.0.1"}));
  EXPECT_EQ(told_b.told, (Told{"name a@127.0.0.1", "up a@127.0.0.1"}));
}

TEST_F(ConnectionPair, AnAliveThatIsNotWantedAnyMoreEndsBoth) {
  told_b.decides = NameDecision::alive;
  told_a.goes_on = false;
  make();
  drive();
  EXPECT_EQ(a->handshake_failure(), HandshakeFailure::given_up);
  EXPECT_EQ(b->handshake_failure(), HandshakeFailure::given_up);
}

TEST_F(ConnectionPair, AWrongCookieGivesOneLine) {
  config_a.self.cookie = "wrong";
  make();
  drive();
  EXPECT_EQ(told_b.told, (Told{"name a@127.0.0.1",
                               "error handshake with a@127.0.0.1: wrong cookie: its reply to our challenge does not fit ours"}));
  EXPECT_EQ(b->fault(), ConnectionFault::handshake);
  EXPECT_FALSE(b->next_timeout());
  EXPECT_FALSE(b->send(Link{kTo, kFrom}));
}

TEST_F(ConnectionPair, ADrippingHandshakeEndsAtTheDeadlineOfTheWhole) {
  make();
  const Instant deadline = now + config_b.handshake_timeout;
  const Bytes bytes = a->take_output(now);
  for (std::size_t at = 0; at < bytes.size() && !b->closed(); ++at) {
    EXPECT_LT(now, deadline);
    EXPECT_EQ(b->next_timeout(), deadline);
    b->receive(BytesView(bytes).substr(at, 1), now, told_b);
    now += 400ms;
    if (now >= *b->next_timeout()) b->timeout(now, told_b);
  }
  EXPECT_EQ(told_b.told, Told{"error handshake with an unnamed peer: not done after 7 s"});
  EXPECT_EQ(b->fault(), ConnectionFault::handshake_timeout);
}

TEST_F(ConnectionPair, BytesAfterTheDeadlineAreNotRead) {
  make();
  now += config_b.handshake_timeout;
  deliver(*a, *b, told_b);
  EXPECT_EQ(b->fault(), ConnectionFault::handshake_timeout);
}

TEST_F(ConnectionPair, IdleSidesKeepEachOtherAliveWithATickAQuarter) {
  bring_up();
  const Instant begin = now;
  int ticks = 0;
  while (now < begin + 10min) {
    next_timeout();
    ticks += a->has_output();
    drive();
  }
  EXPECT_TRUE(a->up() && b->up());
  EXPECT_EQ(ticks, 40);
  EXPECT_TRUE(told_a.told.empty() && told_b.told.empty());
}

// A BEAM with a net_ticktime of a few seconds took an idle node for silent.
TEST_F(ConnectionPair, ATickIsAnsweredByOneAndAnAnswerIsNot) {
  bring_up();
  now += 1s;
  a->receive(Bytes(4, '\0'), now, told_a);
  EXPECT_EQ(a->take_output(now), Bytes(4, '\0'));
  a->receive(Bytes(4, '\0'), now + 50ms, told_a);
  EXPECT_FALSE(a->has_output());
}

TEST_F(ConnectionPair, NoTickGoesOutWhileMessagesDo) {
  bring_up();
  Bytes link;
  encode_control(Link{kFrom, kTo}, link);
  for (int i = 0; i < 5; ++i) {
    now += 10s;
    a->send(Link{kFrom, kTo});
    a->timeout(now, told_a);
    EXPECT_EQ(a->take_output(now), link);
  }
}

TEST_F(ConnectionPair, ASilentPeerIsDroppedAfterTheTickTime) {
  bring_up();
  const Instant begin = now;
  while (!a->closed()) {
    now = *a->next_timeout();
    a->timeout(now, told_a);
    a->take_output(now);
  }
  EXPECT_EQ(now - begin, 60s);
  EXPECT_EQ(told_a.told, Told{"error b@127.0.0.1: silent for 60 s"});
  EXPECT_EQ(a->fault(), ConnectionFault::silent);
}

TEST_F(ConnectionPair, AfterBeingHeldUpAPeerHasItsWholeTickTimeAgain) {
  bring_up();
  now += 10min;
  a->timeout(now, told_a);
  EXPECT_TRUE(a->up());
  const Instant begin = now;
  while (!a->closed()) {
    a->take_output(now);
    now = *a->next_timeout();
    a->timeout(now, told_a);
  }
  EXPECT_EQ(now - begin, 60s);
}

TEST_F(ConnectionPair, APeerThatWeDoNotReadFromIsNotSilent) {
  bring_up();
  a->reading_paused(true, now);
  for (int i = 0; i < 20; ++i) {
    now = *a->next_timeout();
    a->timeout(now, told_a);
    a->take_output(now);
  }
  EXPECT_TRUE(a->up());
  a->reading_paused(false, now);
  EXPECT_EQ(*a->next_timeout(), now + 15s);
}

TEST_F(ConnectionPair, AnUnknownControlMessageClosesWithOneLine) {
  bring_up();
  a->output() += from_hex("00000006" "7083680161" "63") + from_hex("00000000");
  drive();
  EXPECT_EQ(told_b.told,
            Told{"error a@127.0.0.1: bad message: control message: unknown operation 99 in a tuple of 1"});
  EXPECT_EQ(b->fault(), ConnectionFault::bad_message);
}

TEST_F(ConnectionPair, OrIsLeftOutAndReportedWhereThatIsWanted) {
  config_b.bad_message = BadMessage::report;
  bring_up();
  a->output() += from_hex("00000006" "7083680161" "63");
  a->send(Link{kFrom, kTo});
  drive();
  EXPECT_EQ(told_b.told,
            (Told{"bad a@127.0.0.1: bad message: control message: unknown operation 99 in a tuple of 1", "LINK"}));
  EXPECT_TRUE(b->up());
}

TEST_F(ConnectionPair, AFrameOverTheLimitClosesWithOneLine) {
  config_b.max_frame = 1000;
  bring_up();
  a->send(Send{kTo, binary(Bytes(2000, 'x'))});
  drive();
  ASSERT_EQ(told_b.told.size(), 1u);
  EXPECT_TRUE(told_b.told[0].starts_with("error a@127.0.0.1: frame of 20")) << told_b.told[0];
  EXPECT_EQ(b->fault(), ConnectionFault::frame_too_large);
}

TEST_F(ConnectionPair, NothingIsToldAfterCloseEvenInTheMiddleOfAChunk) {
  struct Closer : Recorder {
    void on_control(ControlMessage&& message) override {
      Recorder::on_control(std::move(message));
      connection->close();
    }
  } closer;
  bring_up();
  closer.connection = &*b;
  a->send(Link{kFrom, kTo});
  a->send(Unlink{kFrom, kTo});
  deliver(*a, *b, closer);
  EXPECT_EQ(closer.told, Told{"LINK"});
  EXPECT_EQ(b->fault(), ConnectionFault::closed_here);
}

}  // namespace
}  // namespace supervisorring
