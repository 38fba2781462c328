// Which part of the ring a change of its members concerns (ring/consistent_hash.h), and things by their place on it (sup/position_index.h).
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>

#include "ring/consistent_hash.h"
#include "sup/position_index.h"

namespace supervisorring {
namespace {

std::vector<Term> some_members(std::mt19937& random, int most) {
  std::vector<Term> members;
  for (int i = 0; i < most; ++i)
    if (random() % 3 != 0) members.push_back(atom("n" + std::to_string(i) + "@h"));
  if (members.empty()) members.push_back(atom("n0@h"));
  return members;
}

bool in_an_arc(const std::vector<std::pair<std::uint64_t, std::uint64_t>>& arcs, std::uint64_t position) {
  for (const auto& [first, last] : arcs)
    if (first <= position && position <= last) return true;
  return false;
}

TEST(ChangedArcs, AKeyWhoseOwnerChangesLiesInOneAndFewOthersDo) {
  std::mt19937 random(4711);
  for (int round = 0; round < 20; ++round) {
    const auto before = Ring::make(some_members(random, 12)), after = Ring::make(some_members(random, 12));
    std::vector<std::pair<std::uint64_t, std::uint64_t>> arcs;
    for_each_changed_arc(*before, *after, [&](std::uint64_t first, std::uint64_t last) { arcs.emplace_back(first, last); });
    for (int i = 0; i < 1000; ++i) {
      const Digest key = *key_digest(integer(i), HashFormat::minor_version_1);
      EXPECT_EQ(before->owner(key) != after->owner(key), in_an_arc(arcs, position_of(key))) << round << " " << i;
    }
  }
}

TEST(ChangedArcs, EqualRingsHaveNone) {
  const std::vector<Term> members{atom("a@h"), atom("b@h")};
  for_each_changed_arc(*Ring::make(members), *Ring::make(members), [](std::uint64_t, std::uint64_t) { FAIL(); });
}

TEST(ChangedArcs, OneMemberForAnotherIsTheWholeRing) {
  const std::vector<Term> a{atom("a@h")}, b{atom("b@h")};
  int arcs = 0;
  for_each_changed_arc(*Ring::make(a), *Ring::make(b), [&](std::uint64_t first, std::uint64_t last) {
    ++arcs;
    EXPECT_EQ(first, 0u);
    EXPECT_EQ(last, ~std::uint64_t{0});
  });
  EXPECT_EQ(arcs, 1);
}

TEST(ChangedArcs, PositionsThatMembersShareAreLookedAt) {
  // "n1" ++ "11" and "n11" ++ "1" are the same point: which of both owns it depends on names only.
  const std::vector<Term> one{atom("n1"), atom("n2")}, both{atom("n1"), atom("n2"), atom("n11")};
  const auto before = Ring::make(one), after = Ring::make(both);
  std::vector<std::pair<std::uint64_t, std::uint64_t>> arcs;
  for_each_changed_arc(*before, *after, [&](std::uint64_t first, std::uint64_t last) { arcs.emplace_back(first, last); });
  EXPECT_TRUE(in_an_arc(arcs, position_of(point_digest(atom("n1"), 11))));
}

TEST(PositionIndex, FindsWhatLiesBetweenTwoPlacesWhileItGrowsAndShrinks) {
  std::mt19937_64 random(1);
  PositionIndex<const int> index;
  std::vector<std::unique_ptr<int>> things;
  std::map<std::uint64_t, const int*> there;
  for (int i = 0; i < 3000; ++i) {
    const std::uint64_t position = random();
    things.push_back(std::make_unique<int>(i));
    index.add(position, things.back().get());
    there[position] = things.back().get();
    if (i % 3 == 0) {
      const auto any = there.lower_bound(random());
      const auto gone = any == there.end() ? there.begin() : any;
      index.remove(gone->first, gone->second);
      there.erase(gone);
    }
  }
  EXPECT_EQ(index.size(), there.size());
  for (int i = 0; i < 100; ++i) {
    std::uint64_t first = random(), last = random();
    if (first > last) std::swap(first, last);
    std::size_t found = 0;
    index.for_each(first, last, [&](const int&) { ++found; });
    EXPECT_EQ(found, static_cast<std::size_t>(std::distance(there.lower_bound(first), there.upper_bound(last))));
  }
}

}  // namespace
}  // namespace supervisorring
