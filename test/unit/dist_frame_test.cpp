#include "dist/frame.h"

#include <gtest/gtest.h>

namespace supervisorring {
namespace {

Bytes frame_of(const Bytes& body) {
  Bytes out;
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(body.size() >> shift));
  return out + body;
}

// Everything that can be read now, ticks as "tick".
std::vector<Bytes> drain(FrameReader& reader) {
  std::vector<Bytes> seen;
  BytesView body;
  for (;;) {
    switch (reader.next(body)) {
      case FrameStatus::frame: seen.emplace_back(body); break;
      case FrameStatus::tick: seen.emplace_back("tick"); break;
      case FrameStatus::need_more: return seen;
      case FrameStatus::too_large: seen.emplace_back("too large"); return seen;
    }
  }
}

TEST(Frames, SeveralInOneReadComeOutInOrderWithTheirTicks) {
  FrameReader reader;
  reader.feed(frame_of("one") + frame_of("") + frame_of("two") + frame_of("three").substr(0, 6));
  EXPECT_EQ(drain(reader), (std::vector<Bytes>{"one", "tick", "two"}));
  EXPECT_EQ(reader.pending(), 6u);
  reader.feed(frame_of("three").substr(6));
  EXPECT_EQ(drain(reader), std::vector<Bytes>{"three"});
  EXPECT_EQ(reader.pending(), 0u);
}

TEST(Frames, ByteByByteGivesTheSame) {
  const Bytes stream = frame_of("one") + frame_of("") + frame_of(Bytes(300, 'x'));
  FrameReader reader;
  std::vector<Bytes> seen;
  for (const char c : stream) {
    reader.feed(BytesView(&c, 1));
    for (Bytes& frame : drain(reader)) seen.push_back(std::move(frame));
  }
  EXPECT_EQ(seen, (std::vector<Bytes>{"one", "tick", Bytes(300, 'x')}));
}

TEST(Frames, AFrameOfTheLimitPassesAndOneByteMoreDoesNot) {
  FrameReader reader(16);
  reader.feed(frame_of(Bytes(16, 'x')) + frame_of(Bytes(17, 'x')));
  EXPECT_EQ(drain(reader), (std::vector<Bytes>{Bytes(16, 'x'), "too large"}));
  EXPECT_EQ(reader.error().text, "frame of 17 bytes, the limit is 16");
  reader.feed(frame_of("one"));
  EXPECT_EQ(drain(reader), std::vector<Bytes>{"too large"});
  EXPECT_EQ(reader.pending(), 0u);
}

TEST(Frames, AnAnnouncedLengthTakesNoMemory) {
  FrameReader reader(kMaxFrame);
  reader.feed(Bytes("\x07\xff\xff\xff", 4));
  EXPECT_TRUE(drain(reader).empty());
  EXPECT_EQ(reader.pending(), 4u);
}

TEST(Frames, NoOptionRaisesTheLimitOverTheHardOne) {
  FrameReader reader(std::size_t{1} << 40);
  reader.feed(Bytes("\xff\xff\xff\xff", 4));
  EXPECT_EQ(drain(reader), std::vector<Bytes>{"too large"});
}

}  // namespace
}  // namespace supervisorring
