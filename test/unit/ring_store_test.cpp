// Rings that are found again by their members.
#include <gtest/gtest.h>

#include "ring/ring_view.h"

namespace supervisorring {
namespace {

std::vector<Term> members(std::size_t count) {
  std::vector<Term> all;
  for (std::size_t i = 0; i < count; ++i) all.push_back(atom(std::string(1, static_cast<char>('a' + i)) + "@h"));
  return all;
}

void expect_equal(const Ring& one, const Ring& other) {
  ASSERT_EQ(one.point_count(), other.point_count());
  for (std::size_t i = 0; i < one.point_count(); ++i) EXPECT_EQ(one.point(i).digest, other.point(i).digest);
}

TEST(RingStore, TheRingOfTheSameMembersIsTheSameObjectWhileSomebodyHoldsIt) {
  RingStore store;
  const auto none = Ring::make({});
  const auto three = store.ring_of(members(3), none, {});
  const auto four = store.ring_of(members(4), three, members(3));
  EXPECT_EQ(store.ring_of(members(3), four, members(4)), three);
  expect_equal(*four, *Ring::make(members(4)));
}

TEST(RingStore, ARingThatNobodyHoldsIsMadeAnew) {
  RingStore store;
  const auto none = Ring::make({});
  for (std::size_t count = 1; count <= 20; ++count) expect_equal(*store.ring_of(members(count), none, {}), *Ring::make(members(count)));
  expect_equal(*store.ring_of(members(2), none, {}), *Ring::make(members(2)));
}

TEST(RingStore, ViewsThatShareAStoreShareTheirRings) {
  const auto store = std::make_shared<RingStore>();
  RingView a(atom("a@h"), store), b(atom("b@h"), store);
  RingState state;
  state.up = state.nodes = members(5);
  a.update(state);
  b.update(state);
  EXPECT_EQ(a.ring(), b.ring());
}

}  // namespace
}  // namespace supervisorring
