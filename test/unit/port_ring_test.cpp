// A drop-in member in the ring: joining, gossip, events, leaving, and the API's requests.
#include "node/join_guard.h"
#include "port_fixture.h"

namespace supervisorring {
namespace {

class PortRingTest : public PortFixture {
 protected:
  static Term set_of(std::initializer_list<const char*> names) {
    LwwSet set;
    for (const char* name : names) set.put(atom(name), std::chrono::microseconds(1'600'000'000'000'000));
    return set.to_term({});
  }
  // o@h is an up legacy member, reached and asked.
  void answer_as_legacy() {
    input("{nodeup, o@h}");
    answer_as_before();
  }
  void answer_as_before() {
    for (int round = 0; round < 6; ++round, advance(std::chrono::milliseconds(20))) {
      const auto pending = all;
      clear();
      for (const Term& order : pending) {
        if (order.is_tagged("call", 5) && (order[3].is_atom("get_all") || order[3].is_atom("get_up"))) {
          const bool counted = joined;
          input("{called, '$1', {ok, '$2'}}", order[1], counted ? set_of({"o@h", "b@h"}) : set_of({"o@h"}));
        } else if (order.is_tagged("erpc", 7) && order[4].is_atom("term_to_binary")) {
          input("{called, '$1', {ok, '$2'}}", order[1], Term::binary(external_form(atom("a"), other_format)));
        } else if (order.is_tagged("monitor", 3) && order[2][0].is_atom("supervisorring_peer")) {
          input("{down, '$1', '$2', noproc}", order[1], order[2]);
        } else if (order.is_tagged("erpc", 7) && order[4].is_atom("registered")) {
          input("{called, '$1', {ok, '$2'}}", order[1], registered);
        } else if (order.is_tagged("send", 3) && order[2].is_tagged("$gen_cast", 2) && order[2][1].is_tagged("reconcile", 4)) {
          joined = true;
          input("{message, '$1', {'$2', is_up}}", pid(1), order[2][1][3]);
        }
        seen.push_back(order);
      }
    }
    seen.insert(seen.end(), all.begin(), all.end());
  }
  bool saw(const Term& order) const { return std::count(seen.begin(), seen.end(), order) > 0; }
  bool joined = false;
  Term registered = T("[rex, 'Elixir.NanoRing']");
  AtomEncoding other_format = AtomEncoding::minor_version_1;
  std::vector<Term> seen;
};

TEST_F(PortRingTest, AloneItIsARingOfOneAtOnce) {
  start();
  const Term ring = order("ring");
  EXPECT_EQ(Term::list({ring[1], ring[2], ring[3], ring[4]}), T("[[b@h], [b@h], 25, true]"));
  EXPECT_TRUE(ordered("{notify, nano_ring, {new_up_set, [], [b@h]}}"));
  EXPECT_TRUE(ordered("{notify, supervisorring, new_ring}"));
  EXPECT_TRUE(ordered("{ready}"));
  EXPECT_EQ(order("keep")[1], T("{nano_ring, sets}"));
}

TEST_F(PortRingTest, TheRingIsToldBeforeTheEventsThatTellOfIt) {
  start();
  const auto place = [&](const char* tag) { return std::find_if(all.begin(), all.end(), [&](const Term& order) { return order[0].is_atom(tag); }) - all.begin(); };
  EXPECT_LT(place("ring"), place("notify"));
}

TEST_F(PortRingTest, ItJoinsARingOfLegacyMembersAsTheBeam) {
  attach_map["join"] = T("[o@h]");
  start();
  EXPECT_EQ(order("ring")[4], atom("false"));
  EXPECT_TRUE(orders("keep").empty()) << "a successor of this one would have to join, too";
  answer_as_legacy();
  EXPECT_TRUE(saw(T("{send, {'Elixir.NanoRing', o@h}, {'$gen_cast', {add_node, b@h}}}")));
  const auto ring = std::find_if(seen.rbegin(), seen.rend(), [](const Term& order) { return order.is_tagged("ring", 7); });
  ASSERT_NE(ring, seen.rend());
  EXPECT_EQ(Term::list({(*ring)[1], (*ring)[4]}), T("[[b@h, o@h], true]"));
  const auto gossip = std::find_if(seen.begin(), seen.end(), [](const Term& order) { return order.is_tagged("send", 3) && order[2].is_tagged("$gen_cast", 2) && order[2][1].is_tagged("reconcile", 4); });
  EXPECT_EQ((*gossip)[2][1][2], pid(1)) << "gossip comes from the BEAM's NanoRing";
}

// The program joined in milliseconds, and the BEAM's supervisors start when its tree comes to them: until then a legacy member ended the children that
// belong here, since it could not start them, and their state was lost.
TEST_F(PortRingTest, ItDoesNotJoinBeforeTheSupervisorsOfALegacyMemberHaveStarted) {
  attach_map["join"] = T("[o@h]");
  registered = T("[rex, 's.ChildManager', 'Elixir.NanoRing']");
  start();
  answer_as_legacy();
  advance(std::chrono::seconds(5));
  answer_as_before();
  EXPECT_FALSE(joined);
  EXPECT_TRUE(saw(T("{ready}"))) << "the BEAM's tree goes on";
  input("{supervisor, #{name => s, module => m, args => [], flags => {one_for_one, 3, 5}, specs => [], global => '$1', local => '$2', manager => '$3', children => []}}",
        pid(11), pid(12), pid(13));
  advance(std::chrono::milliseconds(20));
  answer_as_before();
  EXPECT_TRUE(joined);
}

TEST_F(PortRingTest, WithoutTheSupervisorsOfALegacyMemberItJoinsAfterTenSecondsAndSaysSo) {
  attach_map["join"] = T("[o@h]");
  registered = T("['s.ChildManager']");
  start();
  answer_as_legacy();
  advance(kSupervisorsStart - std::chrono::seconds(1));
  answer_as_before();
  EXPECT_FALSE(joined);
  advance(std::chrono::seconds(1));
  const auto lines = logged("warning");
  EXPECT_TRUE(std::ranges::any_of(lines, [](const std::string& line) { return line.find("the supervisor s, which o@h runs, has not started on this BEAM") != line.npos; })) << text();
  answer_as_before();
  EXPECT_TRUE(joined);
}

TEST_F(PortRingTest, AVmThatHashesOtherwiseThanTheRingDoesNotJoinIt) {
  attach_map["join"] = T("[o@h]");
  other_format = AtomEncoding::minor_version_2;
  start();
  answer_as_legacy();
  const auto halt = std::find_if(seen.begin(), seen.end(), [](const Term& order) { return order.is_tagged("halt", 3); });
  ASSERT_NE(halt, seen.end());
  EXPECT_EQ((*halt)[1], integer(6));
  EXPECT_NE(to_text(*halt).find("this BEAM is OTP 25"), std::string::npos) << to_text(*halt);
}

TEST_F(PortRingTest, ABeamWithoutElixirDoesNotJoinLegacyMembers) {
  attach_map["join"] = T("[o@h]");
  attach_map["beam"] = T("#{elixir => false}");
  start();
  answer_as_legacy();
  advance(std::chrono::seconds(2));
  seen.insert(seen.end(), all.begin(), all.end());
  const auto halt = std::find_if(seen.begin(), seen.end(), [](const Term& order) { return order.is_tagged("halt", 3); });
  ASSERT_NE(halt, seen.end());
  EXPECT_EQ((*halt)[1], integer(6));
  EXPECT_NE(to_text(*halt).find("this BEAM has no Elixir"), std::string::npos) << to_text(*halt);
}

TEST_F(PortRingTest, ItSaysHelloAsABeam) {
  start();
  clear();
  input("{nodeup, p@h}");
  EXPECT_TRUE(ordered("{send, {supervisorring_peer, p@h}, {supervisorring_peer, '$1', {hello, 1, #{kind => beam, supervisors => [], format => 25, features => [ask, members, drain, cordon, news, digest, calls]}}}}", pid(3))) << text();
}

TEST_F(PortRingTest, RequestsOfTheApiAreAnsweredByNumber) {
  start();
  clear();
  input("{request, r1, status, []}");
  input("{request, r2, get_up, []}");
  input("{request, r3, find, [nowhere, c1]}");
  input("{request, r4, what, [1]}");
  input("{request, r5, start_child, [nowhere, {c1, {m, f, []}, permanent, 1, worker, [m]}]}");
  input("{request, r6, start_child, [nowhere, bad]}");
  input("{request, r7, add_node, ['p@h']}");
  const auto answers = orders("answer");
  ASSERT_EQ(answers.size(), 7u);
  EXPECT_TRUE(answers[0][2].is_tagged("ok", 2) && answers[0][2][1].is_map());
  EXPECT_TRUE(answers[1][2][1].is_map());
  EXPECT_EQ(answers[2][2], T("{exit, {noproc, {supervisorring, find, [nowhere, c1]}}}"));
  EXPECT_EQ(answers[3][2], T("{error, undef}"));
  EXPECT_EQ(answers[4][2][1][0], atom("noproc"));
  EXPECT_EQ(answers[5][2], T("{ok, {error, {invalid_child_spec, bad}}}"));
  EXPECT_EQ(answers[6][2], T("{ok, ok}"));
  EXPECT_TRUE(ordered("{notify, nano_ring, {new_node_set, [b@h], [b@h, p@h]}}")) << text();
}

TEST_F(PortRingTest, LeavingStopsTheAcksInTheFrameOfTheRemovalAndEndsWithStatus0) {
  LwwSet set;
  for (const char* name : {"b@h", "o@h"}) set.put(atom(name), now.wall - std::chrono::seconds(9));
  attach_map["kept"] = T("[{{nano_ring, sets}, {'$1', '$1'}}]", set.to_term({}));
  start();
  clear();
  input("{leave, false}");
  advance(std::chrono::seconds(1));
  ASSERT_TRUE(halted);
  EXPECT_EQ(halted->status, 0);
  EXPECT_TRUE(together(T("{acks, false}"), T("{unkeep, {nano_ring, sets}}"))) << text();
  EXPECT_EQ(order("halt")[1], integer(0));
}

}  // namespace
}  // namespace supervisorring
