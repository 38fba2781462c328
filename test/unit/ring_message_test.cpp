#include "ring/ring_file.h"
#include "ring/ring_message.h"
#include "ring_test_kit.h"

namespace supervisorring {
namespace {

using ring_test::T;

TEST(RingMessage, EveryCapturedMessageOfNanoRingIsUnderstood) {
  const auto file = ring_test::golden("wire-otp25.json");
  int reconciles = 0, casts = 0, calls = 0, acks = 0;
  for (const auto& row : file["terms"]) {
    const Term term = ring_test::golden_term(row["hex"]);
    const bool of_ring = row["name"].get<std::string>().find("NanoRing") != std::string::npos;
    const auto parsed = parse_ring_message(term);
    if (!parsed) {
      EXPECT_TRUE(!of_ring || term.is_atom("send_gossip")) << row["name"] << parsed.error();
      continue;
    }
    reconciles += std::holds_alternative<ring_message::Reconcile>(*parsed);
    casts += std::holds_alternative<ring_message::AddNode>(*parsed) + std::holds_alternative<ring_message::DelNode>(*parsed);
    calls += std::holds_alternative<ring_message::GetSet>(*parsed);
    acks += std::holds_alternative<ring_message::Ack>(*parsed);
  }
  EXPECT_GE(reconciles, 1);
  EXPECT_GE(casts, 2);
  EXPECT_GE(calls, 1);
  EXPECT_GE(acks, 2);
}

TEST(RingMessage, RefusesNamesThatNoNodeHas) {
  for (const char* name : {"a@b", "'x y@h'", "'a@b.c'"}) EXPECT_TRUE(is_member_name(T(name))) << name;
  for (const char* name : {"a", "'@h'", "'a@'", "'a@b@c'", "\"a@b\"", "[]"}) EXPECT_FALSE(is_member_name(T(name))) << name;
}

TEST(RingMessage, RefusesASetOfTooManyNames) {
  LwwStruct all;
  for (std::size_t i = 0; i <= kMaxLwwNames; ++i) all.adds.push_back({atom("n" + std::to_string(i) + "@h"), {1, 2, 3}});
  const auto set = parse_set_answer(all.to_term());
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error(), "expected at most 10000 names in a set, got 10001");
  all.adds.pop_back();
  EXPECT_TRUE(parse_set_answer(all.to_term()));
}

// As the README defines it; the number was computed from that definition, in another language.
TEST(RingMessage, TheDigestOfTwoSetsIsThatOfTheirText) {
  LwwSet nodes;
  nodes.put(atom("b@h"), std::chrono::seconds(3));
  nodes.remove(atom("c@h"), std::chrono::seconds(3));
  nodes.put(atom("a@h"), std::chrono::seconds(1));
  nodes.remove(atom("a@h"), std::chrono::seconds(2));
  const Term digest = Term::binary(digest_of_sets(nodes, {}));
  EXPECT_EQ(digest, T("<<221,211,230,152,164,205,141,98,138,162,32,74,210,10,179,39,100,194,155,230>>")) << to_text(digest);
  EXPECT_NE(digest_of_sets({}, nodes), digest_of_sets(nodes, {}));
}

TEST(RingFile, TheOriginalsFilesAreReadAndWrittenBack) {
  const auto file = ring_test::golden("wire-otp25.json");
  int rows = 0;
  for (const auto& row : file["terms"]) {
    if (row["name"].get<std::string>().rfind("ring_file", 0) != 0) continue;
    const auto ring = read_ring_file(ring_test::from_hex(row["hex"].get<std::string>()));
    ASSERT_TRUE(ring) << ring.error();
    EXPECT_EQ(ring->format, HashFormat::minor_version_1);
    EXPECT_EQ(ring->nodes.members().size(), 2u) << row["name"];
    const Bytes written = write_ring_file(ring->nodes, ring->form, *ring->format);
    if (row["name"] == "ring_file") { EXPECT_EQ(ring_test::to_hex(written), row["hex"].get<std::string>()); }
    EXPECT_EQ(read_ring_file(written)->nodes, ring->nodes);
    ++rows;
  }
  EXPECT_EQ(rows, 2);
}

TEST(RingFile, OneCutShortAnywhereOrFullOfNoiseIsRefused) {
  LwwSet nodes;
  nodes.put(atom("a@h"), std::chrono::microseconds(1));
  nodes.put(atom("b@h"), std::chrono::microseconds(1));
  const Bytes whole = write_ring_file(nodes, {}, HashFormat::minor_version_1);
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(read_ring_file(whole.substr(0, size))) << size;
  EXPECT_FALSE(read_ring_file(whole + "x"));
  EXPECT_FALSE(read_ring_file(Bytes(5'000, '\x42')));
  EXPECT_FALSE(read_ring_file(external_form(T("#{a => 1}"))));
}

TEST(RingFacts, AreReadAsWritten) {
  for (const HashFormat format : {HashFormat::minor_version_1, HashFormat::minor_version_2}) {
    EXPECT_EQ(read_ring_facts(write_ring_facts({format}))->format, format);
  }
  for (const char* noise : {"", "{supervisorring", "{supervisorring, 2, #{hash_format => 25}}.", "{supervisorring, 1, #{hash_format => 99}}.", "[]."}) {
    EXPECT_FALSE(read_ring_facts(noise)) << noise;
  }
}

}  // namespace
}  // namespace supervisorring
