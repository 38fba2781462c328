#include "dist/epmd.h"

#include <gtest/gtest.h>

#include "dist_support.h"

namespace supervisorring {
namespace {

using dist_test::from_hex;

// Feeds byte by byte: no answer before the last byte, the answer with it.
template <class Reader>
auto byte_by_byte(const Bytes& bytes) {
  Reader reader;
  for (std::size_t i = 0; i + 1 < bytes.size(); ++i) {
    const auto early = reader.feed(BytesView(bytes).substr(i, 1));
    EXPECT_TRUE(early) << i;
    EXPECT_FALSE(early && *early) << "an answer after byte " << i;
  }
  return reader.feed(BytesView(bytes).substr(bytes.size() - 1));
}

TEST(EpmdRequests, ARegistrationIsWrittenAsOtpWritesIt) {
  Bytes out;
  encode_request(EpmdAliveRequest{"cpp1", 0x1234, EpmdNodeType::hidden, 6, 6, ""}, out);
  EXPECT_EQ(out, from_hex("0011" "78" "1234" "48" "00" "0006" "0006" "0004" "63707031" "0000"));
}

TEST(EpmdRequests, ALookUpIsWrittenAsOtpWritesIt) {
  Bytes out;
  encode_request(EpmdPortRequest{"dev1"}, out);
  EXPECT_EQ(out, from_hex("0005" "7a" "64657631"));
}

TEST(EpmdRequests, NamesAreAskedForWithOneByte) {
  Bytes out;
  encode_request(EpmdNamesRequest{}, out);
  EXPECT_EQ(out, from_hex("0001" "6e"));
}

TEST(EpmdRequests, EachIsReadBackByteByByte) {
  Bytes alive, port, names;
  encode_request(EpmdAliveRequest{"cpp1", 4000, EpmdNodeType::normal, 6, 5, "ex"}, alive);
  encode_request(EpmdPortRequest{"dev1"}, port);
  encode_request(EpmdNamesRequest{}, names);
  const auto a = byte_by_byte<EpmdRequestReader>(alive);
  ASSERT_TRUE(a && *a);
  const auto& request = std::get<EpmdAliveRequest>(**a);
  EXPECT_EQ(request.name, "cpp1");
  EXPECT_EQ(request.port, 4000);
  EXPECT_EQ(request.type, EpmdNodeType::normal);
  EXPECT_EQ(request.highest_version, 6);
  EXPECT_EQ(request.lowest_version, 5);
  EXPECT_EQ(request.extra, "ex");
  const auto p = byte_by_byte<EpmdRequestReader>(port);
  ASSERT_TRUE(p && *p);
  EXPECT_EQ(std::get<EpmdPortRequest>(**p).name, "dev1");
  const auto n = byte_by_byte<EpmdRequestReader>(names);
  ASSERT_TRUE(n && *n);
  EXPECT_TRUE(std::holds_alternative<EpmdNamesRequest>(**n));
}

TEST(EpmdRequests, AHostileRequestIsRefused) {
  for (const char* hex : {"0000", "ffff", "000164", "00017a", "000178", "00026e00", "00016e6e",
                          "001178123448000006000600ff637070310000", "001178123448000006000600046370703100ff",
                          "001178123401000006000600046370703100000000"}) {
    EXPECT_FALSE(EpmdRequestReader().feed(from_hex(hex))) << hex;
  }
}

TEST(EpmdAlive, TheWideAnswerGivesA32BitCreation) {
  const auto answer = byte_by_byte<EpmdAliveReader>(from_hex("7600" "6b0183ff"));
  ASSERT_TRUE(answer && *answer);
  EXPECT_EQ((*answer)->result, 0);
  EXPECT_EQ((*answer)->creation, 0x6b0183ffu);
}

TEST(EpmdAlive, TheOldAnswerGivesA16BitCreation) {
  const auto answer = byte_by_byte<EpmdAliveReader>(from_hex("7900" "0003"));
  ASSERT_TRUE(answer && *answer);
  EXPECT_EQ((*answer)->creation, 3u);
}

TEST(EpmdAlive, ATakenNameIsAnAnswerAndNotAnError) {
  const auto answer = byte_by_byte<EpmdAliveReader>(from_hex("7901" "0063"));
  ASSERT_TRUE(answer && *answer);
  EXPECT_EQ((*answer)->result, 1);
}

TEST(EpmdAlive, AnythingElseIsRefusedAtItsFirstByte) {
  const auto answer = EpmdAliveReader().feed("HTTP/1.1 400 Bad Request");
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().find("epmd: expected ALIVE2_X_RESP"), std::string::npos) << answer.error();
  EXPECT_FALSE(EpmdAliveReader().feed(from_hex("7600" "6b0183ff" "00")));
}

TEST(EpmdAlive, OurAnswersAreReadBack) {
  for (const std::uint16_t version : {5, 6}) {
    Bytes out;
    encode_answer(EpmdAliveAnswer{0, 2}, version, out);
    EXPECT_EQ(out.size(), version == 6 ? 6u : 4u);
    const auto answer = byte_by_byte<EpmdAliveReader>(out);
    ASSERT_TRUE(answer && *answer);
    EXPECT_EQ((*answer)->creation, 2u);
  }
}

TEST(EpmdPort, TheAnswerIsReadByteByByte) {
  Bytes out;
  encode_answer(EpmdPortAnswer{0, 40123, 77, 6, 5, "dev1", "extra"}, out);
  const auto answer = byte_by_byte<EpmdPortReader>(out);
  ASSERT_TRUE(answer && *answer);
  EXPECT_EQ((*answer)->port, 40123);
  EXPECT_EQ((*answer)->type, 77);
  EXPECT_EQ((*answer)->highest_version, 6);
  EXPECT_EQ((*answer)->lowest_version, 5);
  EXPECT_EQ((*answer)->name, "dev1");
  EXPECT_EQ((*answer)->extra, "extra");
}

TEST(EpmdPort, AnUnknownNameIsTwoBytes) {
  const auto answer = byte_by_byte<EpmdPortReader>(from_hex("7701"));
  ASSERT_TRUE(answer && *answer);
  EXPECT_EQ((*answer)->result, 1);
}

TEST(EpmdPort, LengthsOverTheLimitAreRefusedBeforeTheirBytesArrive) {
  EXPECT_FALSE(EpmdPortReader().feed(from_hex("7700" "9c404d0000060005" "ffff")));
  EXPECT_FALSE(EpmdPortReader().feed(from_hex("7700" "9c404d0000060005" "0001" "61" "ffff")));
  EXPECT_FALSE(EpmdPortReader().feed("x"));
}

TEST(EpmdNames, LinesAreReadWhenTheConnectionCloses) {
  Bytes out;
  encode_answer(EpmdNamesAnswer{4369, {{"dev1", 40001}, {"a at port 3", 40002}}}, out);
  EpmdNamesReader reader;
  for (const char c : out) ASSERT_TRUE(reader.feed(BytesView(&c, 1)));
  const auto answer = reader.closed();
  ASSERT_TRUE(answer) << answer.error();
  EXPECT_EQ(answer->epmd_port, 4369u);
  ASSERT_EQ(answer->entries.size(), 2u);
  EXPECT_EQ(answer->entries[0].name, "dev1");
  EXPECT_EQ(answer->entries[0].port, 40001);
  EXPECT_EQ(answer->entries[1].name, "a at port 3");
}

TEST(EpmdNames, AnAnswerCutShortOrNoLineIsRefused) {
  const Bytes port("\0\0\x11\x11", 4);
  for (const Bytes& bytes : {Bytes(), Bytes("\0\0\x11", 3), port + "name a at port 1", port + "name a at port 65536\n",
                             port + "name  at port 1\n", port + "noise\n", port + "name a at port \n"}) {
    EpmdNamesReader reader;
    ASSERT_TRUE(reader.feed(bytes));
    EXPECT_FALSE(reader.closed()) << bytes;
  }
}

TEST(EpmdNames, AnEndlessAnswerIsRefusedAtTheLimit) {
  EpmdNamesReader reader;
  EXPECT_TRUE(reader.feed(Bytes(kMaxEpmdNames, 'x')));
  EXPECT_FALSE(reader.feed("x"));
}

}  // namespace
}  // namespace supervisorring
