// News: what members of ours tell each other at once, in great rings and in small ones. Cores alone; the other members are this test.
#include <gtest/gtest.h>

#include <algorithm>

#include "ring/membership.h"
#include "ring_test_kit.h"

namespace supervisorring {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Term name_of(int number) { return atom("n" + std::to_string(number) + "@h"); }

// n1 is the core; n2 .. are up, connected, and take news unless a test says otherwise.
class RingNews : public ::testing::Test {
 protected:
  void start(int members, bool they_take_news = true) {
    MembershipConfig config = config_of();
    config.resume.emplace();
    for (LwwSet* set : {&config.resume->nodes, &config.resume->up}) *set = ring_of(members);
    start(std::move(config));
    for (int i = 2; i <= members; ++i) connect(name_of(i), they_take_news);
    pass(milliseconds(60));  // what it had to say of its own start
    acknowledge();
  }
  // With its ring file; nobody is connected.
  void start_by_file(int members, Duration join_timeout) {
    MembershipConfig config = config_of();
    config.ring_file.emplace().nodes = ring_of(members);
    config.join_timeout = join_timeout;
    start(std::move(config));
  }
  static MembershipConfig config_of() {
    MembershipConfig config;
    config.self = name_of(1);
    config.format = HashFormat::minor_version_2;
    return config;
  }
  static LwwSet ring_of(int members) {
    LwwSet set;
    for (int i = 1; i <= members; ++i) set.put(name_of(i), seconds(1));
    return set;
  }
  void start(MembershipConfig config) {
    core.emplace(std::move(config), Term::pid(name_of(1), 1, 0, 1), [this] { return next_reference(); });
    core->start(time());
  }
  void connect(const Term& node, bool takes_news) {
    core->node_up(node, time());
    core->takes(node, {takes_news, takes_news});
  }
  Term next_reference() {
    const std::array<std::uint32_t, 3> words{++references, 0, 0};
    return Term::reference(name_of(1), 1, words);
  }
  Time time() const { return {now, seconds(1000) + std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch())}; }
  // The effects of the last input and of what time brings; what was left of those before is dropped.
  void pass(Duration by) {
    const Instant end = now + by;
    effects = core->take_effects();
    for (auto next = core->next_timeout(); next && *next <= end; next = core->next_timeout()) {
      now = std::max(now, *next);
      core->timeout(time());
      for (auto& effect : core->take_effects()) effects.push_back(std::move(effect));
    }
    now = end;
  }
  // All gossip that was sent.
  void acknowledge() {
    for (const auto& send : all<membership::Send>())
      if (is_gossip(send)) core->handle_message(ack_message(send.message[1][3]), time());
  }
  static bool is_gossip(const membership::Send& send) { return send.message.is_tagged("$gen_cast", 2) && send.message[1].is_tagged("reconcile", 4); }
  template <class What>
  std::vector<What> all() const {
    std::vector<What> found;
    for (const auto& effect : effects)
      if (const auto* one = std::get_if<What>(&effect)) found.push_back(*one);
    return found;
  }
  std::size_t gossips() const {
    const auto sends = all<membership::Send>();
    return static_cast<std::size_t>(std::ranges::count_if(sends, is_gossip));
  }
  std::vector<membership::Tell> digests() const {
    auto tells = all<membership::Tell>();
    std::erase_if(tells, [](const auto& tell) { return !tell.body.is_tagged("digest", 4); });
    return tells;
  }
  // That the other member, with these sets, would send in its round.
  ring_message::SetsDigest digest_of(const Term& sender, const LwwSet& nodes, const LwwSet& up) {
    return {digest_of_sets(nodes, up), Term::pid(sender, 1, 0, 1), next_reference()};
  }
  // {Ref, is_up} to its sender.
  std::size_t acks() const {
    const auto sends = all<membership::Send>();
    return static_cast<std::size_t>(std::ranges::count_if(sends, [](const auto& send) { return send.to.is_pid() && send.message.is_tuple(2) && send.message[1].is_atom("is_up"); }));
  }
  std::vector<Term> told() const {
    std::vector<Term> nodes;
    for (const auto& tell : all<membership::Tell>()) nodes.push_back(tell.node);
    std::ranges::sort(nodes, [](const Term& a, const Term& b) { return compare(a, b) < 0; });
    return nodes;
  }
  std::size_t asked(const Term& node) const {
    const auto asks = all<membership::AskSet>();
    return static_cast<std::size_t>(std::ranges::count_if(asks, [&](const auto& ask) { return ask.node == node; }));
  }
  std::vector<Term> asked_for_up() const {
    std::vector<Term> nodes;
    for (const auto& ask : all<membership::AskSet>())
      if (ask.set == RingSet::up) nodes.push_back(ask.node);
    return nodes;
  }
  // As `from` would tell it: that this one was put or removed at that time.
  static ring_message::News news_of(const Term& node, bool is_up, std::chrono::microseconds at) {
    ring_message::News news;
    news.up.put(node, seconds(1));
    is_up ? news.up.put(node, at) : news.up.remove(node, at);
    return news;
  }
  Term gossip_of(const Term& sender, const LwwSet& nodes, const LwwSet& up) {
    return reconcile_message(ring_term(nodes.to_term({}), up.to_term({})), Term::pid(sender, 1, 0, 1), next_reference());
  }
  bool counts_up(const Term& node) const { return core->up_set().is_member(node); }

  std::uint32_t references = 0;
  Instant now{};
  std::optional<Membership> core;
  membership::Effects effects;
};

TEST_F(RingNews, InAGreatRingAllAreToldOfAChangeAndOfThatAlone) {
  start(30);
  core->handle_message(add_node_message(name_of(31)), time());
  pass(kChangesPause);
  EXPECT_EQ(told().size(), 29u);
  EXPECT_EQ(gossips(), 1u);  // to the new one, of which nothing is known yet
  for (const auto& tell : all<membership::Tell>()) {
    const auto news = parse_news(tell.body);
    ASSERT_TRUE(news) << news.error();
    EXPECT_TRUE(news->nodes.names() == 1 && news->up.names() == 1 && news->up.is_member(name_of(31))) << to_text(tell.body);
  }
}

TEST_F(RingNews, InASmallRingGossipGoesToAllAsToTheOriginals) {
  start(5);
  core->handle_message(add_node_message(name_of(31)), time());
  pass(kChangesPause);
  EXPECT_EQ(gossips(), 5u);  // to the new one, too
  EXPECT_TRUE(told().empty());
}

TEST_F(RingNews, WhoDoesNotTakeNewsGetsGossipAndOfManyOnlySome) {
  start(60, false);
  connect(name_of(2), true);
  core->handle_message(add_node_message(name_of(61)), time());
  pass(kChangesPause);
  EXPECT_EQ(told(), std::vector<Term>{name_of(2)});
  EXPECT_EQ(gossips(), kMaxBurst);
}

TEST_F(RingNews, WhoseConnectionHasClosedTakesNewsNoMoreUntilItSaysSoAgain) {
  start(30);
  core->node_down(name_of(2), time());
  core->node_up(name_of(2), time());
  core->handle_message(add_node_message(name_of(31)), time());
  pass(kChangesPause);
  EXPECT_EQ(told().size(), 28u);
  EXPECT_EQ(gossips(), 1u);  // to n2; the new one is not connected
}

TEST_F(RingNews, WhatAllHaveSeenIsToldToAFew) {
  start(30);
  core->node_down(name_of(9), time());
  core->node_down(name_of(9), time());  // and cannot be connected to again
  pass(kChangesPause);
  EXPECT_FALSE(counts_up(name_of(9)));
  EXPECT_EQ(told().size(), kSeenByAll);
}

TEST_F(RingNews, NewsIsBelievedPassedOnToAFewAndNotSaidAgain) {
  start(30);
  ring_message::News news = news_of(name_of(31), true, seconds(1001));
  news.nodes = news.up;
  core->handle_news(name_of(2), news, time());
  pass(milliseconds(100));
  EXPECT_TRUE(counts_up(name_of(31)));
  EXPECT_EQ(told().size(), kSeenByAll);
  core->handle_news(name_of(3), news, time());
  pass(milliseconds(100));
  EXPECT_TRUE(told().empty());
}

// Two that joined at once by different members heard of each other seconds later, and the one started what had just moved to the other.
TEST_F(RingNews, AMemberWhoseGossipLacksSomethingIsToldThatAtOnce) {
  start(5);
  LwwSet known = core->up_set();
  core->handle_message(add_node_message(name_of(6)), time());
  pass(milliseconds(100));
  core->handle_message(gossip_of(name_of(2), known, known), time());
  pass(milliseconds(0));
  ASSERT_EQ(told(), std::vector<Term>{name_of(2)});
  const auto news = parse_news(all<membership::Tell>()[0].body);
  ASSERT_TRUE(news) << news.error();
  EXPECT_EQ(news->nodes.names() + news->up.names(), 2u);
  EXPECT_TRUE(news->up.is_member(name_of(6)));

  core->handle_message(gossip_of(name_of(2), core->node_set(), core->up_set()), time());
  pass(milliseconds(0));
  EXPECT_TRUE(told().empty());
}

TEST_F(RingNews, AMemberThatWasRemovedElsewhereAndIsConnectedIsToldAndStaysUpWhenItPutsItselfBack) {
  start(30);
  core->handle_news(name_of(2), news_of(name_of(3), false, seconds(900)), time());
  pass(kFewContestSpread);
  EXPECT_TRUE(counts_up(name_of(3)));
  ASSERT_EQ(told(), std::vector<Term>{name_of(3)});
  EXPECT_FALSE(parse_news(all<membership::Tell>()[0].body)->up.is_member(name_of(3)));
  EXPECT_EQ(asked(name_of(3)), 0u);

  core->handle_news(name_of(3), news_of(name_of(3), true, seconds(901)), time());
  pass(kContestPatience + kContestSpread);
  EXPECT_TRUE(counts_up(name_of(3)));
  EXPECT_EQ(asked(name_of(3)), 0u);
}

TEST_F(RingNews, AMemberThatWasRemovedElsewhereAndDoesNotPutItselfBackIsGivenUp) {
  start(30);
  core->handle_news(name_of(2), news_of(name_of(3), false, seconds(900)), time());
  pass(kContestPatience - milliseconds(1));
  EXPECT_TRUE(counts_up(name_of(3)));
  pass(kFewContestSpread + kChangesPause);
  EXPECT_FALSE(counts_up(name_of(3)));
}

TEST_F(RingNews, WhatAMemberSaysOfItsOwnRemovalIsBelievedAtOnce) {
  start(30);
  core->handle_news(name_of(3), news_of(name_of(3), false, seconds(900)), time());
  pass(kChangesPause);
  EXPECT_FALSE(counts_up(name_of(3)));
  EXPECT_EQ(asked(name_of(3)), 0u);
}

// After a partition every member asked every one that the other side had removed, all at once.
TEST_F(RingNews, OfManyThatWereRemovedElsewhereThoseAreToldOneByOneWhoHaveNotPutThemselvesBack) {
  start(40);
  ring_message::News removals;
  for (int i = 3; i <= 40; ++i) removals.up.merge(news_of(name_of(i), false, seconds(900)).up);
  core->handle_news(name_of(2), removals, time());
  pass(milliseconds(10));
  const std::size_t at_first = told().size();
  EXPECT_LT(at_first, 20u);
  for (int i = 3; i <= 40; ++i) core->handle_news(name_of(i), news_of(name_of(i), true, seconds(901)), time());
  pass(seconds(1));
  const auto later = told();
  EXPECT_TRUE(std::ranges::none_of(later, [](const Term& node) { return node == name_of(3); }) || later.size() <= kSeenByAll) << ring_test::text(later);
  for (int i = 3; i <= 40; ++i) EXPECT_EQ(asked(name_of(i)), 0u);
  EXPECT_EQ(core->up_set().members().size(), 40u);
}

TEST_F(RingNews, ThatItWasRemovedMakesAMemberPutItselfBackAndTellAll) {
  start(30);
  core->handle_news(name_of(2), news_of(name_of(1), false, seconds(900)), time());
  pass(milliseconds(100));
  EXPECT_TRUE(counts_up(name_of(1)));
  EXPECT_GE(told().size(), 29u);
}

TEST_F(RingNews, AMemberThatIsRemovedAFewTimesInASecondPutsItselfBackEachTimeAndThenOnceASecond) {
  for (const int members : {3, 30}) {
    start(members);
    const auto remove = [this] {
      core->handle_news(name_of(2), news_of(name_of(1), false, time().wall), time());
      pass(kChangesPause);
      return counts_up(name_of(1));
    };
    const int at_once = 1 + static_cast<int>(kPutBackAhead / kRetryPause);
    for (int i = 0; i < at_once; ++i) EXPECT_TRUE(remove()) << members << " members, removal " << i + 1;
    EXPECT_FALSE(remove());
    pass(kRetryPause);
    EXPECT_TRUE(counts_up(name_of(1)));
    EXPECT_FALSE(remove());
    pass(kRetryPause);
    EXPECT_TRUE(counts_up(name_of(1)));
    pass(kPutBackAhead + kRetryPause);
    EXPECT_TRUE(remove());
  }
}

TEST_F(RingNews, ALeavingMemberTellsAllAndAnswersNothingMore) {
  start(30);
  core->begin_leave(Membership::Forget::no, time());
  core->finish_leave(time());
  pass(kChangesPause);
  EXPECT_EQ(told().size(), 29u);
  EXPECT_EQ(gossips(), 0u);
  core->handle_news(name_of(2), news_of(name_of(1), false, seconds(1900)), time());
  pass(seconds(5));
  EXPECT_TRUE(effects.empty());
}

// ---- digests -------------------------------------------------------------------------------------------

TEST_F(RingNews, ARoundInAGreatRingSendsADigestAndAwaitsItsAck) {
  start(30);
  pass(kGossipInterval);
  ASSERT_EQ(digests().size(), 1u);
  EXPECT_EQ(gossips(), 0u);
  const auto sent = parse_digest(digests()[0].body);
  ASSERT_TRUE(sent) << sent.error();
  EXPECT_EQ(sent->digest, digest_of_sets(core->node_set(), core->up_set()));
  const Term asked_first = digests()[0].node;
  pass(kGossipInterval + milliseconds(10));  // no ack has come
  EXPECT_EQ(asked(asked_first), 1u) << "it is suspected";
}

TEST_F(RingNews, ARoundInASmallRingAndToOneThatDoesNotTakeDigestsSendsGossip) {
  start(5);
  pass(kGossipInterval);
  EXPECT_EQ(gossips(), 1u);
  EXPECT_TRUE(digests().empty());
  core.reset();
  start(30, false);
  pass(kGossipInterval);
  EXPECT_EQ(gossips(), 1u);
  EXPECT_TRUE(digests().empty());
}

TEST_F(RingNews, AnEqualDigestIsAcknowledgedAndNothingElseIsSaid) {
  start(30);
  core->handle_digest(name_of(2), digest_of(name_of(2), core->node_set(), core->up_set()), time());
  pass(milliseconds(0));
  EXPECT_EQ(acks(), 1u);
  EXPECT_EQ(effects.size(), 1u);
}

TEST_F(RingNews, ADigestOfSomethingElseIsAnsweredWithGossip) {
  start(30);
  const LwwSet known = core->up_set();
  core->handle_message(add_node_message(name_of(31)), time());
  pass(milliseconds(100));
  core->handle_digest(name_of(2), digest_of(name_of(2), known, known), time());
  pass(milliseconds(0));
  EXPECT_EQ(acks(), 1u);
  EXPECT_EQ(gossips(), 1u);
}

TEST_F(RingNews, OneThatCountsAsRemovedAndSendsADigestIsAsked) {
  start(30);
  core->handle_news(name_of(3), news_of(name_of(3), false, seconds(900)), time());
  pass(milliseconds(100));
  ASSERT_FALSE(counts_up(name_of(3)));
  core->handle_digest(name_of(3), digest_of(name_of(3), core->node_set(), core->node_set()), time());
  pass(kReturnSpread);
  EXPECT_EQ(asked(name_of(3)), 1u);
  EXPECT_EQ(gossips(), 0u) << "told of its own removal";
}

TEST_F(RingNews, OneThatCountsAsRemovedAndTellsNewsIsAskedUnlessAnotherHasAskedItBefore) {
  for (const bool another_was_first : {false, true}) {
    start(30);
    core->handle_news(name_of(3), news_of(name_of(3), false, seconds(900)), time());
    pass(milliseconds(100));
    ASSERT_FALSE(counts_up(name_of(3)));
    core->handle_news(name_of(3), news_of(name_of(9), true, seconds(950)), time());
    if (another_was_first) core->handle_news(name_of(4), news_of(name_of(3), true, seconds(950)), time());
    pass(kReturnSpread);
    EXPECT_EQ(asked(name_of(3)), another_was_first ? 0u : 1u);
  }
}

TEST_F(RingNews, OneThatStartsByTheFileOfAGreatRingAsksSomeAtATimeUntilOneAnswers) {
  start_by_file(1000, seconds(5));
  pass(milliseconds(0));
  const auto first = asked_for_up();
  ASSERT_EQ(first.size(), kMaxBurst);
  pass(kAskingPause);
  EXPECT_EQ(asked_for_up().size(), kMaxBurst);
  for (const RingSet set : {RingSet::nodes, RingSet::up}) core->set_answered(first[3], set, ring_of(1000).to_term({}), time());
  pass(seconds(1));
  EXPECT_EQ(asked_for_up().size(), 0u);
}

TEST_F(RingNews, OneThatStartsByTheFileOfAGreatRingWithoutAnAnswerHasAskedAllWithinHalfOfTheJoinTimeout) {
  for (const Duration join_timeout : {Duration(seconds(5)), Duration(milliseconds(100))}) {
    start_by_file(1000, join_timeout);
    pass(join_timeout / 2);
    auto all_asked = asked_for_up();
    std::ranges::sort(all_asked, [](const Term& a, const Term& b) { return compare(a, b) < 0; });
    EXPECT_EQ(all_asked.size(), 999u);
    EXPECT_EQ(std::ranges::adjacent_find(all_asked), all_asked.end());
  }
}

TEST_F(RingNews, OneThatStartsByTheFileOfASmallRingAsksAllAtOnce) {
  start_by_file(1 + static_cast<int>(kMaxBurst), seconds(5));
  pass(milliseconds(0));
  EXPECT_EQ(asked_for_up().size(), kMaxBurst);
}

TEST_F(RingNews, ADigestWithThePidOfAnotherNodeIsNotAnswered) {
  start(30);
  core->handle_digest(name_of(2), digest_of(name_of(3), core->node_set(), core->up_set()), time());
  pass(milliseconds(0));
  EXPECT_TRUE(effects.empty());
}

TEST_F(RingNews, AForgedSenderOrTooManyNamesAreRefused) {
  start(30);
  ring_message::News news;
  for (std::size_t i = 0; i <= kMaxLwwNames - 30; ++i) news.nodes.put(name_of(100 + static_cast<int>(i)), seconds(900));
  core->handle_news(name_of(2), news, time());
  EXPECT_EQ(core->node_set().names(), 30u);
  core->handle_news(integer(5), news_of(name_of(3), false, seconds(900)), time());
  EXPECT_TRUE(counts_up(name_of(3)));
}

}  // namespace
}  // namespace supervisorring
