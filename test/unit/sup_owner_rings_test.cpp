// Which members own a supervisor's children (sup/owner_set.h), and the ring of those that are up (sup/owner_rings.h).
#include "sup/owner_rings.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "sup/child_spec.h"
#include "sup/peer_messages.h"
#include "sup/ring_plan.h"
#include "term_test_kit.h"

namespace supervisorring {
namespace {

using std::chrono::seconds;
using test::T;

OwnerSet set_of(std::string_view text) { return read_owner_set(T(text)).value(); }
std::shared_ptr<const Ring> ring_of(std::initializer_list<const char*> names) {
  std::vector<Term> members;
  for (const char* name : names) members.push_back(atom(name));
  return Ring::make(members);
}

// The rule itself: point by point from the key on.
Term first_in_set(const Ring& up, const Digest& key, const std::function<bool(const Term&)>& in) {
  std::size_t at = 0;
  while (at < up.point_count() && up.point(at).digest < key) ++at;
  for (std::size_t i = 0; i < up.point_count(); ++i)
    if (const auto point = up.point((at + i) % up.point_count()); in(point.member)) return point.member;
  return atom("nobody");
}

TEST(OwnerSets, AreAllNativeBeamOrNames) {
  for (const char* text : {"all", "native", "beam", "[a@h]", "[a@h,b@h]"}) EXPECT_EQ(to_term(set_of(text)), T(text));
  EXPECT_EQ(to_term(set_of("[b@h,a@h,b@h]")), T("[a@h,b@h]"));
  for (const char* text : {"[]", "some", "\"ab\"", "[a@h|b@h]", "{a@h}", "[<<1>>]", "1", "#{}"}) EXPECT_FALSE(read_owner_set(T(text))) << text;
  std::vector<Term> many;
  for (std::size_t i = 0; i <= kMaxListedOwners; ++i) many.push_back(atom("n" + std::to_string(i)));
  EXPECT_FALSE(read_owner_set(Term::list(many)));
}

TEST(OwnerSets, StandInTheFlagMapOfInit) {
  const auto flags = check_flags(T("#{members => native, intensity => 2}"));
  EXPECT_EQ(std::get<SupervisorFlags>(flags).members, set_of("native"));
  EXPECT_EQ(*to_term(std::get<SupervisorFlags>(flags)).find("members"), atom("native"));
  EXPECT_TRUE(std::get<SupervisorFlags>(check_flags(T("{one_for_one,1,5}"))).members.is_all());
  EXPECT_EQ(to_term(SupervisorFlags{}).find("members"), nullptr);
  EXPECT_EQ(std::get<Term>(check_flags(T("#{members => nativ}"))), T("{invalid_members,nativ}"));
  EXPECT_EQ(std::get<Term>(check_init(atom("m"), T("{ok,{#{members => []},[]}}"))), T("{supervisor_data,{invalid_members,[]}}"));
}

TEST(OwnerSets, AreAnnouncedInHelloWhereTheyAreNotAll) {
  PeerHello hello;
  hello.kind = atom("cnode");
  const Term from = Term::pid(atom("a@h"), 1, 0, 1);
  EXPECT_EQ(encode_peer_message({from, hello})[2][2].find("members"), nullptr);
  hello.members = {{atom("s"), set_of("[b@h]")}, {atom("t"), set_of("beam")}};
  const auto back = decode_peer_message(encode_peer_message({from, hello}));
  ASSERT_TRUE(back) << back.error();
  EXPECT_EQ(std::get<PeerHello>(back->body).members, hello.members);
  for (const char* members : {"[]", "#{s => 1}", "#{1 => beam}", "#{s => []}"}) {
    const Term body = tuple(atom("hello"), integer(1), Term::map({{atom("kind"), atom("cnode")}, {atom("format"), integer(25)}, {atom("members"), T(members)}}));
    EXPECT_FALSE(decode_peer_message(tuple(atom("supervisorring_peer"), from, body))) << members;
  }
}

TEST(OwnerRings, TheOwnerIsTheMemberOfTheFirstPointFromTheKeyWhoseMemberIsInTheSet) {
  std::mt19937 random(20);
  for (int round = 0; round < 12; ++round) {
    std::vector<Term> up;
    OwnerRings rings;
    // n1 and n11, n2 and n21 ... share points: "n1" ++ "11" is "n11" ++ "1".
    for (const char* name : {"n1", "n11", "n2", "n21", "n111", "a@h", "b@h", "c@h"}) {
      if (random() % 4 == 0) continue;
      up.push_back(atom(name));
      rings.member_is(atom(name), random() % 2 == 0 ? MemberKind::native : MemberKind::beam);
    }
    if (up.empty()) continue;
    const auto ring = Ring::make(up);
    for (const char* text : {"native", "beam", "[n1,c@h]", "[n11,n21,a@h]", "[n111,gone@h]"}) {
      const OwnerSet set = set_of(text);
      const auto in = [&](const Term& node) {
        if (set.kind == OwnerSet::Kind::listed) return std::ranges::count(set.nodes, node) > 0;
        return rings.kind_of(node) == (set.kind == OwnerSet::Kind::native ? MemberKind::native : MemberKind::beam);
      };
      const auto owners = rings.ring_of(set, ring);
      const auto again = rings.would_be(set, ring);
      std::vector<Digest> keys;
      for (int i = 0; i < 100; ++i) keys.push_back(*key_digest(integer(i), HashFormat::minor_version_1));
      for (std::size_t i = 0; i < ring->point_count(); i += 7) keys.push_back(ring->point(i).digest);  // on the points themselves
      for (const Digest& key : keys) {
        const Term rule = first_in_set(*ring, key, in);
        EXPECT_EQ(owners->empty() ? atom("nobody") : owners->owner(key), rule) << text;
        EXPECT_EQ(again->empty() ? atom("nobody") : again->owner(key), rule) << text;
      }
    }
  }
}

TEST(OwnerRings, AllIsTheRingItselfAndEqualSetsAreOneRing) {
  OwnerRings rings;
  const auto up = ring_of({"a@h", "b@h", "c@h"});
  EXPECT_EQ(rings.ring_of({}, up), up);
  EXPECT_EQ(rings.ring_of(set_of("[a@h,b@h]"), up), rings.ring_of(set_of("[b@h,a@h]"), up));
  EXPECT_EQ(rings.ring_of(set_of("[a@h,b@h,c@h,d@h]"), up), up) << "every up member is in it";
}

TEST(OwnerRings, AMemberThatIsNotInTheSetChangesNothing) {
  OwnerRings rings;
  for (const char* name : {"a@h", "b@h"}) rings.member_is(atom(name), MemberKind::native);
  rings.member_is(atom("d@h"), MemberKind::beam);
  const auto before = rings.ring_of(set_of("native"), ring_of({"a@h", "b@h"}));
  EXPECT_EQ(rings.ring_of(set_of("native"), ring_of({"a@h", "b@h", "d@h"})), before) << "the same object: nothing is planned anew";
  EXPECT_EQ(rings.ring_of(set_of("native"), ring_of({"a@h", "b@h"})), before);
}

TEST(OwnerRings, WhoeverHasNotSaidWhatItIsCountsAsItDidBefore) {
  OwnerRings rings;
  rings.member_is(atom("a@h"), MemberKind::native);
  const OwnerSet native = set_of("native");
  const auto two = ring_of({"a@h", "new@h"});
  EXPECT_EQ(rings.ring_of(native, ring_of({"a@h"}))->size(), 1u);
  EXPECT_FALSE(rings.ring_of(native, two)->has(atom("new@h")));
  EXPECT_TRUE(rings.member_is(atom("new@h"), MemberKind::native));
  EXPECT_TRUE(rings.ring_of(native, two)->has(atom("new@h")));
  EXPECT_FALSE(rings.member_is(atom("new@h"), MemberKind::native)) << "no news";
}

TEST(OwnerRings, WhoeverSaysNothingForLongIsInNeitherSet) {
  OwnerRings rings;
  rings.member_is(atom("a@h"), MemberKind::native);
  const auto up = ring_of({"a@h", "b@h"});
  EXPECT_FALSE(rings.look(up, Instant{} + seconds(1)));
  EXPECT_FALSE(rings.look(up, Instant{} + seconds(5)));
  EXPECT_TRUE(rings.look(up, Instant{} + seconds(6))) << "for kKindTimeout";
  EXPECT_EQ(rings.kind_of(atom("b@h")), MemberKind::foreign);
  EXPECT_FALSE(rings.ring_of(set_of("native"), up)->has(atom("b@h")));
}

TEST(OwnerRings, ManySetsAreKeptWithinABound) {
  OwnerRings rings;
  const auto up = ring_of({"a@h", "b@h"});
  for (std::size_t i = 0; i < 2 * kMaxOwnerSets; ++i)
    EXPECT_EQ(rings.ring_of(set_of("[a@h,n" + std::to_string(i) + "]"), up)->size(), 1u);
}

TEST(OwnerRings, WhatIsPlannedIsWhatTheNextRingDoes) {
  std::mt19937 random(7);
  OwnerRings rings;
  std::vector<Term> nodes;
  for (int i = 0; i < 10; ++i) {
    nodes.push_back(atom("n" + std::to_string(i) + "@h"));
    rings.member_is(nodes.back(), i % 3 == 0 ? MemberKind::beam : MemberKind::native);
  }
  std::vector<Term> ids;
  for (int i = 0; i < 300; ++i) ids.push_back(integer(i));
  auto up = Ring::make(nodes);
  const OwnerSet native = set_of("native");
  for (int round = 0; round < 20; ++round) {
    const Term& node = nodes[random() % nodes.size()];
    if (up->has(node) && up->size() == 1) continue;
    const auto next = *changed_ring(up, std::vector<MemberChange>{{!up->has(node), node}});
    const auto before = rings.ring_of(native, up);
    const auto planned = plan_moves(atom("s"), ids, HashFormat::minor_version_1, {*before, *up}, {*rings.would_be(native, next), *next}, 1'000);
    const auto after = rings.ring_of(native, next);
    std::size_t moved = 0;
    for (const Term& id : ids) {
      const Digest key = *child_digest(atom("s"), id, HashFormat::minor_version_1);
      moved += before->empty() || after->empty() ? before->empty() != after->empty() : before->owner(key) != after->owner(key);
    }
    EXPECT_EQ(planned.moves, moved);
    up = next;
  }
}

}  // namespace
}  // namespace supervisorring
