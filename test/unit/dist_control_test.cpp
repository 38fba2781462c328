#include "dist/control.h"

#include <gtest/gtest.h>

#include "dist/flags.h"
#include "dist_support.h"

namespace supervisorring {
namespace {

using namespace dist_test;

const Term kRef = reference("a@127.0.0.1", 1);

Bytes body_of(const Bytes& frame) { return frame.substr(4); }

// A frame body with any control tuple, and a payload where there is one.
Bytes body_of(const Term& control, const Term* payload = nullptr) {
  Bytes out = "p";
  encode(control, AtomEncoding::minor_version_2, out);
  if (payload != nullptr) encode(*payload, AtomEncoding::minor_version_2, out);
  return out;
}

std::string error_of(const Bytes& body) {
  const auto message = decode_control(body);
  return message ? std::string("understood as ") + name_of(*message) : message.error();
}

std::vector<ControlMessage> one_of_each() {
  return {
      Send{kTo, T("{ok, [1, 2.5]}")},
      RegSend{kFrom, atom("net_kernel"), T("hello")},
      AliasSend{kFrom, kRef, T("reply")},
      MonitorP{kFrom, kTo, kRef},
      MonitorP{kFrom, atom("name"), kRef},
      DemonitorP{kFrom, atom("name"), kRef},
      MonitorPExit{kTo, kFrom, kRef, atom("noproc")},
      MonitorPExit{atom("name"), kFrom, kRef, atom("noproc")},
      Link{kFrom, kTo},
      Unlink{kFrom, kTo},
      UnlinkId{1, kFrom, kTo},
      UnlinkId{~std::uint64_t{0}, kFrom, kTo},
      UnlinkIdAck{300, kFrom, kTo},
      Exit{kFrom, kTo, atom("normal")},
      Exit2{kFrom, kTo, atom("kill")},
      GroupLeader{kFrom, kTo},
      SpawnRequest{kRef, kFrom, kFrom, atom("erpc"), atom("execute_call"), T("[monitor]"), T("[1, lists, sort, [[]]]")},
      SpawnReply{kRef, kFrom, kSpawnReplyMonitor, kTo},
      SpawnReply{kRef, kFrom, 0, atom("notsup")},
  };
}

TEST(ControlMessages, EveryGoldenFrameOfOtpIsUnderstoodAndWrittenBackByteForByte) {
  int frames = 0, captured = 0;
  for (const GoldenFrame& row : golden_frames()) {
    if (row.name.starts_with("handshake")) continue;
    ++frames;
    const auto message = decode_control(row.bytes);
    ASSERT_TRUE(message) << row.name << ": " << message.error();
    Bytes again;
    encode_control(*message, again);
    if (row.from_otp) {
      ++captured;
      EXPECT_EQ(body_of(again), row.bytes) << row.name;
    }
  }
  EXPECT_EQ(frames, 20);
  EXPECT_EQ(captured, 17);
}

TEST(ControlMessages, EachIsReadBackAndWrittenAgain) {
  for (const ControlMessage& message : one_of_each()) {
    Bytes frame, again;
    encode_control(message, frame);
    ASSERT_EQ(frame.size() - 4, static_cast<std::size_t>(static_cast<unsigned char>(frame[2]) << 8 |
                                                         static_cast<unsigned char>(frame[3])));
    const auto decoded = decode_control(body_of(frame));
    ASSERT_TRUE(decoded) << name_of(message) << ": " << decoded.error();
    EXPECT_STREQ(name_of(*decoded), name_of(message));
    encode_control(*decoded, again);
    EXPECT_EQ(again, frame) << name_of(message);
  }
}

TEST(ControlMessages, TruncatedAtAnyByteEachIsRefused) {
  for (const ControlMessage& message : one_of_each()) {
    Bytes frame;
    encode_control(message, frame);
    const Bytes body = body_of(frame);
    for (std::size_t size = 0; size < body.size(); ++size) {
      EXPECT_FALSE(decode_control(BytesView(body).substr(0, size))) << name_of(message) << " cut to " << size;
    }
    EXPECT_FALSE(decode_control(body + "x")) << name_of(message) << " and a byte more";
  }
}

TEST(ControlMessages, AFrameIsAppendedToWhatIsThere) {
  Bytes out = "before";
  append_send(out, kTo, atom("a"));
  append_send(out, kTo, atom("b"));
  Bytes one;
  append_send(one, kTo, atom("a"));
  EXPECT_EQ(out.substr(0, 6 + one.size()), "before" + one);
  EXPECT_EQ(out.size(), 6 + 2 * one.size());
}

TEST(ControlMessages, TheUnusedElementMayBeAnyTerm) {
  const Term message = T("hello");
  const auto send = decode_control(body_of(tuple(integer(2), atom("cookie"), kTo), &message));
  ASSERT_TRUE(send) << send.error();
  EXPECT_EQ(std::get<Send>(*send).to, kTo);
  EXPECT_EQ(std::get<Send>(*send).message, message);
}

TEST(ControlMessages, ATraceTokenIsReadOver) {
  const Term message = T("hello"), token = T("{1, 2, 3}");
  const auto send = decode_control(body_of(tuple(integer(12), atom(""), kTo, token), &message));
  ASSERT_TRUE(send) << send.error();
  EXPECT_EQ(std::get<Send>(*send).message, message);
  const auto exit = decode_control(body_of(tuple(integer(13), kFrom, kTo, token, atom("normal"))));
  ASSERT_TRUE(exit) << exit.error();
  EXPECT_EQ(std::get<Exit>(*exit).reason, atom("normal"));
  const auto named = decode_control(body_of(tuple(integer(16), kFrom, atom(""), atom("rex"), token), &message));
  ASSERT_TRUE(named) << named.error();
  EXPECT_EQ(std::get<RegSend>(*named).to_name, atom("rex"));
  const auto reply = decode_control(body_of(tuple(integer(32), kRef, kFrom, integer(0), kTo, token)));
  ASSERT_TRUE(reply) << reply.error();
  const auto alias = decode_control(body_of(tuple(integer(34), kFrom, kRef, token), &message));
  ASSERT_TRUE(alias) << alias.error();
}

TEST(ControlMessages, AnUnknownOperationIsRefusedWithItsNumber) {
  EXPECT_EQ(error_of(body_of(tuple(integer(99), kTo))), "control message: unknown operation 99 in a tuple of 2");
  EXPECT_EQ(error_of(body_of(tuple(integer(22), kFrom, kTo))), "control message: unknown operation 22 in a tuple of 3");
  EXPECT_EQ(error_of(body_of(tuple(integer(-1), kTo))), "control message: unknown operation -1 in a tuple of 2");
  EXPECT_EQ(error_of(body_of(tuple(atom("send"), kTo))), "control message: expected an operation, got send");
}

TEST(ControlMessages, WrongTypesAndShapesAreRefusedWithWhatCame) {
  const Term hello = T("hello");
  EXPECT_EQ(error_of(body_of(tuple(integer(2), atom(""), atom("rex")), &hello)), "SEND: expected a pid as ToPid, got rex");
  EXPECT_EQ(error_of(body_of(tuple(integer(6), kFrom, atom(""), integer(3)), &hello)), "REG_SEND: expected an atom as ToName, got 3");
  EXPECT_EQ(error_of(body_of(tuple(integer(33), kFrom, atom("x")), &hello)), "ALIAS_SEND: expected a reference as Alias, got x");
  EXPECT_EQ(error_of(body_of(tuple(integer(19), kFrom, kTo))), "MONITOR_P: expected a tuple of 4, got one of 3");
  EXPECT_EQ(error_of(body_of(tuple(integer(35), integer(0), kFrom, kTo))),
            "UNLINK_ID: expected an integer from 1 to 2^64-1 as Id, got 0");
  EXPECT_EQ(error_of(body_of(tuple(integer(35), T("18446744073709551616"), kFrom, kTo))),
            "UNLINK_ID: expected an integer from 1 to 2^64-1 as Id, got 18446744073709551616");
  EXPECT_EQ(error_of(body_of(tuple(integer(1), kFrom, kTo), &hello)), "LINK: expected the end of the frame, got 8 bytes more");
  EXPECT_EQ(error_of(body_of(tuple(integer(2), atom(""), kTo))),
            "SEND: expected a message after the control tuple, the frame ends");
  EXPECT_EQ(error_of(body_of(tuple(integer(31), kRef, kFrom, integer(-1), kTo))),
            "SPAWN_REPLY: expected a 32-bit integer as Flags, got -1");
}

TEST(ControlMessages, ASpawnRequestWhoseArgumentsAreNotItsArityIsRefused) {
  const auto request = [](const Term& mfa, const Term& options, const Term& arguments) {
    return error_of(body_of(tuple(integer(29), kRef, kFrom, kFrom, mfa, options), &arguments));
  };
  EXPECT_EQ(request(T("{erlang, node, 0}"), T("[]"), T("[]")), "understood as SPAWN_REQUEST");
  EXPECT_EQ(request(T("{erlang, node, 1}"), T("[]"), T("[]")), "SPAWN_REQUEST: expected a list of 1 arguments, got []");
  EXPECT_EQ(request(T("{erlang, node, 2}"), T("[]"), T("[a|b]")), "SPAWN_REQUEST: expected a list of 2 arguments, got [a|b]");
  EXPECT_EQ(request(T("{erlang, node}"), T("[]"), T("[]")),
            "SPAWN_REQUEST: expected {Module, Function, Arity}, got {erlang,node}");
  EXPECT_EQ(request(T("{erlang, node, 0}"), T("monitor"), T("[]")), "SPAWN_REQUEST: expected a list as OptList, got monitor");
}

TEST(ControlMessages, WhatIsNoPassThroughFrameIsRefused) {
  EXPECT_EQ(error_of(""), "control message: empty frame");
  EXPECT_EQ(error_of("GET / HTTP/1.1"), "control message: expected 112 ('p') and 131, got \"GET / HT\"");
  EXPECT_NE(error_of(from_hex("834400")).find("a distribution header (131, 68)"), std::string::npos);
  EXPECT_NE(error_of(from_hex("708361")).find("expected a tuple"), std::string::npos);
  EXPECT_NE(error_of(from_hex("70836800")).find("got {}"), std::string::npos);
}

TEST(Flags, OursAreThoseOfEiAndThreeMore) {
  constexpr DistFlags kEi = 0x4 | 0x8 | 0x10 | 0x80 | 0x100 | 0x200 | 0x400 | 0x800 | 0x4000 | 0x10000 | 0x20000 | 0x40000 |
                            0x1000000 | 0x2000000 | 0x4000000 | DistFlags{1} << 34;
  EXPECT_EQ(kOurFlags, kEi | 0x20 | DistFlags{1} << 32 | DistFlags{1} << 35);
}

TEST(Flags, TheDigestOfOtp25StandsForAllThatAreRequired) {
  EXPECT_EQ(missing_flags(DFLAG_MANDATORY_25_DIGEST), 0u);
  EXPECT_EQ(missing_flags(0xd07df7fbd), 0u);
  EXPECT_EQ(flag_names(missing_flags(kMandatoryFlags25 & ~(DFLAG_UTF8_ATOMS | DFLAG_BIG_CREATION))), "UTF8_ATOMS, BIG_CREATION");
}

TEST(Flags, BitsWithoutANameAreShownInHexadecimal) {
  EXPECT_EQ(flag_names(0), "none");
  EXPECT_EQ(flag_names(DFLAG_SPAWN | DistFlags{1} << 60), "SPAWN, 0x1000000000000000");
}

}  // namespace
}  // namespace supervisorring
