#include "dist/handshake.h"

#include <gtest/gtest.h>

#include "dist_support.h"

namespace supervisorring {
namespace {

using namespace dist_test;

Bytes packet(const Bytes& body) {
  return Bytes{static_cast<char>(body.size() >> 8), static_cast<char>(body.size())} + body;
}

// 'N' flags creation name, as an initiator sends it.
Bytes name_packet(const Bytes& name, const char* flags_hex = "0000000d07df7fbd") {
  const Bytes length{static_cast<char>(name.size() >> 8), static_cast<char>(name.size())};
  return packet("N" + from_hex(flags_hex) + from_hex("6b0183ff") + length + name);
}

Handshake initiator(const char* cookie = "secret", const char* expected = kB) {
  return Handshake(HandshakeRole::initiator, {kA, 1, cookie}, expected, [] { return 0x1111111122222222u; });
}
Handshake acceptor(const char* cookie = "secret") {
  return Handshake(HandshakeRole::acceptor, {kB, 2, cookie}, "", [] { return 0xfffffffffffffff0u; });
}

// Two handshakes and the bytes between them, handed over in pieces of `piece` bytes.
struct Pair {
  Handshake a, b;
  std::size_t piece = 100'000;
  Bytes to_a{}, to_b{};

  static void move(Bytes& from, Handshake& to, Bytes& answers, std::size_t piece) {
    const Bytes bytes = std::exchange(from, Bytes());
    for (std::size_t at = 0; at < bytes.size(); at += piece) to.receive(BytesView(bytes).substr(at, piece), answers);
  }
  void start(NameDecision decision) {
    a.start(to_b);
    move(to_b, b, to_a, piece);
    ASSERT_EQ(b.state(), HandshakeState::deciding) << b.error().text;
    b.decide(decision, to_a);
    drive();
  }
  void drive() {
    while (!to_a.empty() || !to_b.empty()) {
      move(to_a, a, to_b, piece);
      move(to_b, b, to_a, piece);
    }
  }
  void expect_up() const {
    EXPECT_EQ(a.state(), HandshakeState::up) << a.error().text;
    EXPECT_EQ(b.state(), HandshakeState::up) << b.error().text;
    EXPECT_EQ(a.peer().name, kB);
    EXPECT_EQ(b.peer().name, kA);
    EXPECT_EQ(a.peer().creation, 2u);
    EXPECT_EQ(b.peer().creation, 1u);
    EXPECT_EQ(a.peer().flags, kOurFlags);
    EXPECT_EQ(b.peer().flags, kOurFlags);
  }
};

std::string refusal(Handshake& handshake, const Bytes& bytes) {
  Bytes out;
  return handshake.receive(bytes, out) == HandshakeState::failed ? handshake.error().text : "not refused";
}

TEST(HandshakeOfTwo, EndsUpOnBothSidesWhateverThePieces) {
  for (const std::size_t piece : {1, 2, 3, 100'000}) {
    for (const NameDecision decision : {NameDecision::ok, NameDecision::ok_simultaneous}) {
      Pair pair{initiator(), acceptor(), piece};
      pair.start(decision);
      pair.expect_up();
    }
  }
}

TEST(HandshakeOfTwo, AnAliveIsAnsweredAndThenGoesOn) {
  Pair pair{initiator(), acceptor(), 1};
  pair.start(NameDecision::alive);
  ASSERT_EQ(pair.a.state(), HandshakeState::alive);
  pair.a.answer_alive(true, pair.to_b);
  pair.drive();
  pair.expect_up();
}

TEST(HandshakeOfTwo, AnAliveAnsweredWithFalseEndsBoth) {
  Pair pair{initiator(), acceptor()};
  pair.start(NameDecision::alive);
  pair.a.answer_alive(false, pair.to_b);
  pair.drive();
  EXPECT_EQ(pair.a.failure(), HandshakeFailure::given_up);
  EXPECT_EQ(pair.b.failure(), HandshakeFailure::given_up);
}

TEST(HandshakeOfTwo, ARefusalIsKnownOnBothSides) {
  Pair nok{initiator(), acceptor()};
  nok.start(NameDecision::nok);
  EXPECT_EQ(nok.a.failure(), HandshakeFailure::simultaneous);
  EXPECT_EQ(nok.b.failure(), HandshakeFailure::simultaneous);
  Pair refused{initiator(), acceptor()};
  refused.start(NameDecision::not_allowed);
  EXPECT_EQ(refused.a.failure(), HandshakeFailure::not_allowed);
  EXPECT_EQ(refused.a.error().text, "handshake with b@127.0.0.1: it answered not_allowed");
  EXPECT_EQ(refused.b.failure(), HandshakeFailure::not_allowed);
}

TEST(HandshakeOfTwo, AWrongCookieIsFoundByTheAcceptorAndNamesThePeer) {
  Pair pair{initiator("wrong"), acceptor("secret")};
  pair.start(NameDecision::ok);
  EXPECT_EQ(pair.b.failure(), HandshakeFailure::bad_cookie);
  EXPECT_EQ(pair.b.error().text, "handshake with a@127.0.0.1: wrong cookie: its reply to our challenge does not fit ours");
  EXPECT_EQ(pair.a.state(), HandshakeState::reading);
}

TEST(HandshakeOfTwo, AnAcceptorWithAWrongCookieDoesNotGetUp) {
  Handshake a = initiator();
  Bytes out;
  a.start(out);
  a.receive(packet("sok") + packet("N" + from_hex("0000000d07df7fbd" "00000001" "00000002" "000b") + kB), out);
  EXPECT_EQ(refusal(a, packet("a" + Bytes(16, 'x'))),
            "handshake with b@127.0.0.1: wrong cookie: its answer to our challenge does not fit ours");
  EXPECT_EQ(a.failure(), HandshakeFailure::bad_cookie);
}

TEST(HandshakeOfTwo, TheBytesAfterItAreHandedOn) {
  Handshake a = initiator(), b = acceptor();
  Bytes to_a, to_b;
  a.start(to_b);
  b.receive(to_b, to_a);
  b.decide(NameDecision::ok, to_a);
  to_b.clear();
  a.receive(std::exchange(to_a, Bytes()), to_b);
  b.receive(to_b, to_a);
  to_a += Bytes(5000, 'f');
  EXPECT_EQ(a.receive(to_a, to_b), HandshakeState::up);
  EXPECT_EQ(a.take_rest(), Bytes(5000, 'f'));
}

TEST(HandshakeAcceptor, UnderstandsTheNameThatOtp25Sends) {
  int rows = 0;
  for (const GoldenFrame& row : golden_frames()) {
    if (row.name != "handshake_send_name") continue;
    ++rows;
    Handshake b = acceptor();
    Bytes out;
    for (const char c : packet(row.bytes)) b.receive(BytesView(&c, 1), out);
    ASSERT_EQ(b.state(), HandshakeState::deciding) << b.error().text;
    EXPECT_EQ(b.peer().name, "dev1@127.0.0.1");
    EXPECT_EQ(b.peer().creation, 0x6b0183ffu);
    EXPECT_EQ(b.peer().flags, 0xd07df7fbdu);
    EXPECT_TRUE(out.empty());
  }
  EXPECT_EQ(rows, 2);
}

TEST(HandshakeAcceptor, TheDigestIsThatOfOtp) {
  // OTP 25: erlang:md5("secret4294967280")
  Handshake b = acceptor();
  Bytes out;
  b.receive(name_packet(kA), out);
  b.decide(NameDecision::ok, out);
  EXPECT_EQ(b.receive(packet("r" + from_hex("00000007" "5b8fbc9f6fbb833aaf5396a859ad1979")), out), HandshakeState::up)
      << b.error().text;
}

TEST(HandshakeAcceptor, AComplementGivesTheHighFlagsAndTheCreation) {
  Handshake b = acceptor();
  Bytes out;
  b.receive(name_packet(kA, "0000000007df7fbd"), out);
  b.decide(NameDecision::ok, out);
  b.receive(packet("c" + from_hex("0000000d" "00000009")), out);
  EXPECT_EQ(b.peer().flags, 0xd07df7fbdu);
  EXPECT_EQ(b.peer().creation, 9u);
  EXPECT_NE(refusal(b, packet("c" + from_hex("0000000d" "00000009"))).find("one complement"), std::string::npos);
}

TEST(HandshakeAcceptor, MissingFlagsAreNamedAndThePeerIsTold) {
  Handshake b = acceptor();
  Bytes out;
  b.receive(name_packet(kA, "00000000000003df"), out);
  EXPECT_EQ(b.failure(), HandshakeFailure::missing_flags);
  EXPECT_EQ(b.error().text,
            "handshake with a@127.0.0.1: it does not offer the flags BIT_BINARIES, NEW_FLOATS, UTF8_ATOMS, MAP_TAG, "
            "BIG_CREATION, HANDSHAKE_23");
  EXPECT_EQ(out, packet("snot_allowed"));
}

TEST(HandshakeAcceptor, APeerWithOurOwnNameIsRefusedAndTold) {
  Handshake b = acceptor();
  Bytes out;
  b.receive(name_packet(kB), out);
  EXPECT_EQ(b.failure(), HandshakeFailure::not_allowed);
  EXPECT_EQ(out, packet("snot_allowed"));
}

TEST(HandshakeAcceptor, WhatIsNoNameIsRefused) {
  const std::vector<std::pair<Bytes, std::string>> cases = {
      {packet(Bytes("n\0\5\0\0\0\0a@b", 10)), "version 5"},
      {packet("hello"), "expected a name ('N'), got \"hello\""},
      {from_hex("0000"), "empty handshake packet"},
      {"GET / HTTP/1.1", "handshake packet of 18245 bytes, the limit is 1024"},
      {name_packet("nohost"), "there is no '@'"},
      {name_packet("a@"), "one of them is empty"},
      {name_packet("@b"), "one of them is empty"},
      {name_packet("a@b@c"), "one '@'"},
      {name_packet("a b@c"), "printable ASCII"},
      {name_packet(Bytes("a\0@c", 4)), "printable ASCII"},
      {name_packet(Bytes(254, 'a') + "@b"), "longer than 255"},
      {name_packet("host", "0000000f07df7fbd"), "NAME_ME"},
      {packet("N" + from_hex("0000000d07df7fbd6b0183ff" "ffff") + kA), "a name of 65535 bytes in a packet with 11"},
  };
  for (const auto& [bytes, expected] : cases) {
    Handshake b = acceptor();
    const std::string text = refusal(b, bytes);
    EXPECT_NE(text.find(expected), std::string::npos) << text << " lacks " << expected;
    EXPECT_EQ(text.find('\n'), std::string::npos);
  }
}

TEST(HandshakeAcceptor, APeerThatSendsAheadOfItsTurnIsRefusedAtALimit) {
  Handshake b = acceptor();
  Bytes out;
  b.receive(name_packet(kA), out);
  ASSERT_EQ(b.state(), HandshakeState::deciding);
  EXPECT_NE(refusal(b, Bytes(2000, 'x')).find("ahead of its turn"), std::string::npos);
}

TEST(HandshakeInitiator, SendsItsNameAsOtpDoes) {
  Handshake a = initiator();
  Bytes out;
  a.start(out);
  EXPECT_EQ(out, packet("N" + from_hex("0000000d07074fbc" "00000001" "000b") + kA));
}

TEST(HandshakeInitiator, StatusesItCannotFollowAreRefused) {
  for (const auto& [status, expected] : std::vector<std::pair<Bytes, std::string>>{
           {"snamed:x", "named:"}, {"swhat", "unknown status \"what\""}, {"xok", "expected a status"}, {"s", "unknown status \"\""}}) {
    Handshake a = initiator();
    Bytes out;
    a.start(out);
    const std::string text = refusal(a, packet(status));
    EXPECT_NE(text.find(expected), std::string::npos) << text;
  }
}

TEST(HandshakeInitiator, AnotherNodeThanTheOneCalledIsRefused) {
  Handshake a = initiator("secret", "c@127.0.0.1");
  Bytes out;
  a.start(out);
  EXPECT_EQ(refusal(a, packet("sok") + packet("N" + from_hex("0000000d07df7fbd" "00000001" "00000002" "000b") + kB)),
            "handshake with c@127.0.0.1: it is \"b@127.0.0.1\"");
  EXPECT_EQ(a.failure(), HandshakeFailure::wrong_name);
}

TEST(HandshakeInitiator, AVersion5ChallengeAndMissingFlagsAreRefused) {
  Handshake old = initiator();
  EXPECT_NE(refusal(old, packet("sok") + packet("n" + Bytes(30, 'x'))).find("version 5"), std::string::npos);
  Handshake poor = initiator();
  EXPECT_NE(refusal(poor, packet("sok") + packet("N" + from_hex("0000000000000000" "00000001" "00000002" "000b") + kB)).find("UTF8_ATOMS"),
            std::string::npos);
}

TEST(SimultaneousConnect, TheGreaterNameKeepsItsOwn) {
  EXPECT_EQ(decide_name("b@h", "a@h", true, false), NameDecision::nok);
  EXPECT_EQ(decide_name("a@h", "b@h", true, false), NameDecision::ok_simultaneous);
  EXPECT_EQ(decide_name("a@h", "b@h", false, false), NameDecision::ok);
  EXPECT_EQ(decide_name("b@h", "a@h", true, true), NameDecision::alive);
}

}  // namespace
}  // namespace supervisorring
