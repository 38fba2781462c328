#include "ring/consistent_hash.h"
#include "ring/sha1.h"
#include "ring_test_kit.h"

namespace supervisorring {
namespace {

using ring_test::T;
constexpr HashFormat kOtp25 = HashFormat::minor_version_1, kOtp26 = HashFormat::minor_version_2;

std::vector<Term> members_of(const nlohmann::json& names) {
  std::vector<Term> members;
  for (const auto& name : names) members.push_back(atom(name.get<std::string>()));
  return members;
}

std::string all_points(const Ring& ring) {
  std::string lines;
  for (std::size_t i = 0; i < ring.point_count(); ++i) {
    const auto point = ring.point(i);
    lines += ring_test::to_hex(point.digest) + ' ' + std::string(point.member.atom_name()) + '\n';
  }
  return lines;
}

class ChashGolden : public ::testing::TestWithParam<const char*> {
 protected:
  nlohmann::json file_ = ring_test::golden(GetParam());
  HashFormat format_ = std::string(GetParam()) == "chash-otp25.json" ? kOtp25 : kOtp26;
};

TEST_P(ChashGolden, EveryKeyLiesWhereTheOriginalPutsItAndHasItsOwner) {
  int keys = 0;
  for (const auto& row : file_["rings"]) {
    const auto ring = Ring::make(members_of(row["nodes"]));
    for (const auto& key : row["keys"]) {
      const Term term = ring_test::golden_term(key["term"]);
      auto digest = key_digest(term, format_);
      if (!digest) {
        // Structs and such of the OTP 27 file: their atom keys are in the order of that VM.
        EXPECT_EQ(format_, kOtp26);
        EXPECT_NE(digest.error().find("two or more atom keys"), std::string::npos) << key["printed"] << digest.error();
        digest = key_digest_as_written(term, format_);
      }
      EXPECT_EQ(ring_test::to_hex(*digest), key["sha1"].get<std::string>()) << key["printed"];
      EXPECT_EQ(ring->owner(*digest).atom_name(), key["node"].get<std::string>()) << key["printed"];
      ++keys;
    }
  }
  EXPECT_EQ(keys, 1500);
}

TEST_P(ChashGolden, ThePointsAreTheOriginals) {
  for (const auto& row : file_["rings"]) {
    const auto ring = Ring::make(members_of(row["nodes"]));
    ASSERT_EQ(ring->point_count(), row["npoints"].get<std::size_t>());
    for (std::size_t i = 0; i < 5; ++i) {
      EXPECT_EQ(ring_test::to_hex(ring->point(i).digest), row["first5"][i]["hash"].get<std::string>());
      EXPECT_EQ(ring->point(i).member.atom_name(), row["first5"][i]["node"].get<std::string>());
      const auto last = ring->point(ring->point_count() - 5 + i);
      EXPECT_EQ(ring_test::to_hex(last.digest), row["last5"][i]["hash"].get<std::string>());
      EXPECT_EQ(last.member.atom_name(), row["last5"][i]["node"].get<std::string>());
    }
    EXPECT_EQ(ring_test::to_hex(sha1(all_points(*ring))), row["points_sha1"].get<std::string>());
  }
}

TEST_P(ChashGolden, ARingGrownOrShrunkByOneIsTheRingBuiltAtOnce) {
  const auto members = members_of(file_["rings"].back()["nodes"]);
  PointCache cache;
  auto grown = Ring::make({});
  for (const Term& member : members) grown = grown->with(member, &cache);
  EXPECT_EQ(all_points(*grown), all_points(*Ring::make(members)));
  auto shrunk = grown;
  for (std::size_t i = 0; i + 3 < members.size(); ++i) shrunk = shrunk->without(members[i]);
  EXPECT_EQ(all_points(*shrunk), all_points(*Ring::make(std::span(members).last(3), &cache)));
  for (const auto& key : file_["rings"][2]["keys"]) {
    const Term term = ring_test::golden_term(key["term"]);
    if (!key_digest(term, format_)) continue;
    EXPECT_EQ(*shrunk->owner_of_key(term, format_), *Ring::make(std::span(members).last(3))->owner_of_key(term, format_));
  }
}

TEST_P(ChashGolden, EveryKeyGivenAsHexIsPlaced) {
  for (const auto& row : file_["rings"]) {
    const auto ring = Ring::make(members_of(row["nodes"]));
    for (const auto& key : row["keys"]) {
      const auto line = place_line(*ring, format_, std::nullopt, "0x" + key["term"].get<std::string>() + "\r");
      ASSERT_TRUE(line) << line.error();
      EXPECT_EQ(line->substr(0, line->find('\t')), key["node"].get<std::string>());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Originals, ChashGolden, ::testing::Values("chash-otp25.json", "chash-otp27.json"),
                         [](const auto& info) { return std::string(info.param).substr(6, 5); });

TEST(ConsistentHash, EqualPointsGoToTheMemberWhoseNameSortsFirst) {
  // "a@10.0.0.1" ++ "11" is "a@10.0.0.11" ++ "1".
  const Term first = atom("a@10.0.0.1"), second = atom("a@10.0.0.11");
  ASSERT_EQ(point_digest(first, 11), point_digest(second, 1));
  for (const auto& ring : {Ring::make(std::vector<Term>{second, first}), Ring::make({&second, 1})->with(first), Ring::make({&first, 1})->with(second)}) {
    EXPECT_EQ(ring->point_count(), 600u);
    EXPECT_EQ(ring->owner(point_digest(first, 11)), first);
    const auto shared = ring->members_that_share_a_point();
    ASSERT_EQ(shared.size(), 1u);
    EXPECT_EQ(shared[0], std::make_pair(first, second));
    EXPECT_EQ(ring->without(first)->owner(point_digest(first, 11)), second);
  }
  EXPECT_TRUE(Ring::make(std::vector<Term>{atom("a@h"), atom("b@h")})->members_that_share_a_point().empty());
}

TEST(ConsistentHash, AKeyOnAPointBelongsToItAndOneAboveTheLastPointWraps) {
  const auto ring = Ring::make(std::vector<Term>{atom("a@h"), atom("b@h"), atom("c@h")});
  for (std::size_t i = 0; i < ring->point_count(); ++i) {
    const auto point = ring->point(i);
    EXPECT_EQ(ring->owner(point.digest), point.member);
    Digest above = point.digest;
    if (++above[19] == 0) continue;
    EXPECT_EQ(ring->owner(above), ring->point((i + 1) % ring->point_count()).member);
    Digest below = point.digest;
    if (below[19]-- == 0) continue;
    EXPECT_EQ(ring->owner(below), point.member);
  }
}

// What the index answers is what going through all points answers: of rings of every fill of its buckets, built at once and grown one by one.
TEST(ConsistentHash, TheIndexFindsTheFirstPointThatIsNotBelow) {
  std::vector<Term> members;
  auto grown = Ring::make({});
  for (int size = 1; size <= 60; ++size) {
    members.push_back(atom("n" + std::to_string(size * 7919) + "@10.0.0." + std::to_string(size)));
    grown = grown->with(members.back());
    const auto built = Ring::make(members);
    std::vector<Digest> keys;
    for (std::uint32_t i = 0; i < 400; ++i) keys.push_back(key_digest(integer(size * 1000 + i), kOtp25).value());
    for (unsigned top = 0; top < 256; ++top) {
      keys.push_back(Digest{static_cast<unsigned char>(top)});
      Digest last;
      last.fill(0xff);
      last[0] = static_cast<unsigned char>(top);
      keys.push_back(last);
    }
    for (const Digest& key : keys) {
      std::size_t first = 0, above = built->point_count();
      while (first < above) {
        const std::size_t middle = (first + above) / 2;
        if (built->point(middle).digest < key) first = middle + 1; else above = middle;
      }
      const Term& owner = built->point(first % built->point_count()).member;
      ASSERT_EQ(built->owner(key), owner) << size << " members, key " << ring_test::to_hex(key);
      ASSERT_EQ(grown->owner(key), owner) << size << " members grown one by one, key " << ring_test::to_hex(key);
    }
  }
}

TEST(ConsistentHash, ADigestIsTheSameHoweverLongTheText) {
  // From `printf ... | sha1sum`.
  EXPECT_EQ(ring_test::to_hex(sha1("")), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  EXPECT_EQ(ring_test::to_hex(sha1(std::string(55, 'a'))), "c1c8bbdc22796e28c0e15163d20899b65621d65a");
  EXPECT_EQ(ring_test::to_hex(sha1(std::string(56, 'a'))), "c2db330f6083854c99d4b5bfb6e8f29f201be699");
}

TEST(ConsistentHash, AnEmptyRingOwnsNothing) {
  const auto owner = Ring::make({})->owner_of(atom("sup"), atom("id"), kOtp25);
  ASSERT_FALSE(owner);
  EXPECT_EQ(owner.error(), "nobody is up: the ring is empty");
}

TEST(ConsistentHash, OneMemberLeftOwnsEverything) {
  const auto ring = Ring::make(std::vector<Term>{atom("a@h"), atom("b@h")})->without(atom("a@h"));
  EXPECT_EQ(*ring->owner_of(atom("sup"), atom("id"), kOtp25), atom("b@h"));
  EXPECT_TRUE(ring->without(atom("b@h"))->empty());
  EXPECT_EQ(ring->without(atom("never@h"))->point_count(), 300u);
}

TEST(KeyDigest, TheKeyOfAChildIsTheTupleOfSupervisorAndId) {
  for (const HashFormat format : {kOtp25, kOtp26}) {
    for (const char* id : {"a", "{x, 1}", "[1,2,3]", "<<\"k\">>", "#{a => 1}", "-42.5"}) {
      EXPECT_EQ(*child_digest(atom("Elixir.MySup"), T(id), format), *key_digest(tuple(atom("Elixir.MySup"), T(id)), format)) << id;
    }
  }
}

TEST(KeyDigest, MapsAreHashedInOtpsKeyOrderWhateverOrderTheyCameIn) {
  const Term received = Term::map_as_received({{atom("b"), integer(1)}, {Term::real(1.0), integer(2)}, {integer(7), integer(3)}, {atom("a"), integer(4)}});
  const Term ordered = T("#{7 => 3, 1.0 => 2, a => 4, b => 1}");
  const Digest expected = sha1(external_form(ordered, kOtp25));
  EXPECT_EQ(*key_digest(received, kOtp25), expected);
  EXPECT_EQ(*key_digest(tuple(atom("x"), Term::list({received}, received)), kOtp25),
            sha1(external_form(tuple(atom("x"), Term::list({ordered}, ordered)), kOtp25)));
}

TEST(KeyDigest, RefusesKeysWhoseOrderDependsOnTheVm) {
  std::vector<Term::Pair> pairs;
  for (int i = 0; i < 33; ++i) pairs.emplace_back(integer(i), integer(i));
  const Term large = Term::map(pairs);
  pairs.pop_back();
  EXPECT_TRUE(key_digest(Term::map(pairs), kOtp26));
  for (const HashFormat format : {kOtp25, kOtp26}) {
    const auto digest = key_digest(tuple(atom("k"), Term::list({large})), format);
    ASSERT_FALSE(digest);
    EXPECT_NE(digest.error().find("cannot be placed: a map of more than 32 keys"), std::string::npos) << digest.error();
  }
  EXPECT_TRUE(key_digest(T("#{a => 1, b => 2}"), kOtp25));
  EXPECT_TRUE(key_digest(T("#{a => 1, 2 => 2}"), kOtp26));
  EXPECT_FALSE(key_digest(T("#{a => 1, b => 2}"), kOtp26));
  EXPECT_FALSE(key_digest(T("#{1 => #{a => 1, b => 2}}"), kOtp26));
  EXPECT_FALSE(key_digest(T("#{#{a => 1, b => 2} => 1}"), kOtp26));
}

TEST(KeyDigest, ADeeplyNestedKeyIsHashedAndADeeplyNestedMapRefused) {
  Term deep = integer(1), deep_map = T("#{}");
  for (int i = 0; i < 9'000; ++i) {
    deep = tuple(std::move(deep));
    deep_map = Term::list({std::move(deep_map)});
  }
  EXPECT_TRUE(key_digest(deep, kOtp25));
  EXPECT_FALSE(key_digest(deep_map, kOtp25));
}

TEST(Place, ALineOfTextGivesOwnerAndTerm) {
  const auto ring = Ring::make(std::vector<Term>{atom("a@h"), atom("b@h")});
  const auto line = place_line(*ring, kOtp25, atom("Elixir.MySup"), "  {c, 1}. ");
  ASSERT_TRUE(line) << line.error();
  EXPECT_EQ(*line, std::string(ring->owner_of(atom("Elixir.MySup"), T("{c,1}"), kOtp25)->atom_name()) + "\t{c,1}");
}

TEST(Place, RefusesALineThatIsNoTerm) {
  const auto ring = Ring::make(std::vector<Term>{atom("a@h")});
  for (const char* line : {"", "   ", "{a", "0x", "0x8", "0xzz", "0x83", "0x8361"}) EXPECT_FALSE(place_line(*ring, kOtp25, std::nullopt, line)) << line;
}

}  // namespace
}  // namespace supervisorring
