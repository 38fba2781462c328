// What a BEAM is told of a supervisor whose children belong to some members (node/who_owns.h), and which of its starts are refused.
#include "port_fixture.h"

namespace supervisorring {
namespace {

class PortWhoOwns : public PortFixture {
 protected:
  static Term supervisor(std::string_view flags, const Term& specs = Term()) {
    return T("{supervisor, #{name => s, module => m, args => [x], flags => '$1', specs => '$2', global => '$3', local => '$4', manager => '$5', children => []}}",
             T(flags), specs, pid(10), pid(11), pid(12));
  }
  static Term spec(const char* id) { return T("{'$1', {m, start_link, ['$1']}, permanent, 2000, worker, [m]}", atom(id)); }
  static Term set_of(std::initializer_list<const char*> names) {
    LwwSet set;
    for (const char* name : names) set.put(atom(name), std::chrono::microseconds(1'800'000'000'000'000));
    return set.to_term({});
  }
  // o@h comes up beside b@h: its gossip says so.
  void o_comes_up() {
    input("{nodeup, o@h}");
    input("{message, '$1', {'$gen_cast', {reconcile, '$2', '$3', '$4'}}}", pid(1), T("#{'__struct__' => 'Elixir.NanoRing', node_set => '$1', up_set => '$2'}", set_of({"b@h", "o@h"}), set_of({"b@h", "o@h"})),
          remote(7), ref(77));
  }
  void o_says(std::string_view capabilities) { input("{message, '$1', {supervisorring_peer, '$2', {hello_back, 1, '$3'}}}", pid(3), remote(8), T(capabilities)); }
  // What erlang:whereis(Name) at o@h gives.
  void answer_whereis(const char* name, const Term& result) {
    for (const Term& order : orders("erpc"))
      if (order[4].is_atom("whereis") && order[5][0].is_atom(name)) input("{called, '$1', {ok, '$2'}}", order[1], result);
  }
};

TEST_F(PortWhoOwns, ItsMembersAreToldBeforeStartLinkReturns) {
  start();
  clear();
  input(supervisor("#{members => beam}", list({spec("a")})));
  input("{child_started, s, '$1', {ok, '$2'}}", order("start_child")[2], pid(100));
  EXPECT_TRUE(ordered("{supervisor_up, s}"));
  EXPECT_EQ(order("owners"), T("{owners, s, [b@h]}"));
  const auto place = [&](const char* tag) { return std::find_if(all.begin(), all.end(), [&](const Term& order) { return order[0].is_atom(tag); }) - all.begin(); };
  EXPECT_LT(place("owners"), place("supervisor_up"));
}

TEST_F(PortWhoOwns, OfAllNothingIsSaid) {
  start();
  input(supervisor("#{members => all}", list({spec("a")})));
  EXPECT_TRUE(orders("owners").empty());
  EXPECT_EQ(orders("start_child").size(), 1u);
}

TEST_F(PortWhoOwns, WithNobodyOfTheSetUpItIsUpAndRunsNothing) {
  start();
  input(supervisor("#{members => native}", list({spec("a")})));
  EXPECT_EQ(order("owners"), T("{owners, s, []}"));
  EXPECT_TRUE(ordered("{supervisor_up, s}"));
  EXPECT_TRUE(orders("start_child").empty());
  input("{request, r1, start_child, [s, '$1']}", spec("b"));
  EXPECT_TRUE(ordered("{answer, r1, {ok, {error, {no_member_up, native}}}}")) << text();
  input("{request, r2, find, [s, a]}");
  EXPECT_TRUE(ordered("{answer, r2, {exit, {{no_member_up, native}, {supervisorring, find, [s, a]}}}}")) << text();
}

TEST_F(PortWhoOwns, ItsEndIsToldAndASuccessorSaysAgainWhoOwnsThem) {
  start();
  input(supervisor("#{members => native}"));
  clear();
  input("{supervisor_gone, s, shutdown}");
  EXPECT_EQ(order("owners"), T("{owners, s, all}"));
  node.reset();
  attach_map["supervisors"] = list({supervisor("{one_for_one, 1, 5}")[1]});
  clear();
  start();
  EXPECT_EQ(order("owners"), T("{owners, s, all}")) << "whatever the predecessor said";
}

// It knew nobody's kind yet: what was asked of it in the first milliseconds it would have placed by itself alone.
TEST_F(PortWhoOwns, ASuccessorGoesByItsPredecessorsRingUntilItKnowsTheOthers) {
  attach_map["supervisors"] = list({supervisor("#{members => native}", list({spec("a")}))[1]});
  attach_map["kept"] = T("[{{nano_ring, sets}, {'$1', '$2'}}, {{owners, s}, [o@h]}]", set_of({"b@h", "o@h"}), set_of({"b@h", "o@h"}));
  attach_map["connected"] = T("[o@h]");
  start();
  EXPECT_TRUE(orders("owners").empty()) << "it knows them";
  input("{request, r1, find, [s, a]}");
  EXPECT_TRUE(ordered("{answer, r1, {ok, o@h}}")) << text();
  o_says("#{kind => cnode, format => 25, features => [move, ask, members], supervisors => [s], members => #{s => native}}");
  EXPECT_EQ(order("owners"), T("{owners, s, [o@h]}"));
}

TEST_F(PortWhoOwns, BesideALegacyMemberThatRunsItStartLinkIsRefused) {
  start();
  o_comes_up();
  clear();
  input(supervisor("#{members => beam}"));
  answer_whereis("supervisorring_peer", atom("undefined"));
  answer_whereis("s.ChildManager", remote(9));
  EXPECT_EQ(order("supervisor_refused"), T("{supervisor_refused, s, {members_refused, beam, [o@h]}}")) << text();
  EXPECT_EQ(logged("error").size(), 1u) << text();
  clear();
  input(supervisor("#{members => beam}"));
  answer_whereis("supervisorring_peer", atom("undefined"));
  answer_whereis("s.ChildManager", atom("undefined"));
  EXPECT_TRUE(orders("supervisor_refused").empty());
  clear();
  advance(std::chrono::milliseconds(1600));  // it says no hello
  answer_whereis("s.ChildManager", atom("undefined"));
  EXPECT_TRUE(ordered("{supervisor_up, s}")) << "it does not run it: " << text();
}

TEST_F(PortWhoOwns, BesideOneOfOursWhoseHelloIsOnItsWayItStarts) {
  start();
  o_comes_up();
  clear();
  input(supervisor("#{members => beam}"));
  EXPECT_TRUE(orders("supervisor_up").empty()) << "o@h is asked first";
  answer_whereis("supervisorring_peer", remote(8));
  EXPECT_TRUE(orders("supervisor_refused").empty());
  EXPECT_TRUE(orders("supervisor_up").empty()) << "it has not said who it is";
  input("{request, r1, find, [s, a]}");
  EXPECT_TRUE(ordered("{answer, r1, {error, <<\"the members have not all said yet who they are\">>}}")) << text();
  o_says("#{kind => cnode, format => 25, features => [move, ask, members], supervisors => []}");
  EXPECT_TRUE(ordered("{supervisor_up, s}")) << text();
  EXPECT_EQ(orders("owners").back(), T("{owners, s, [b@h]}"));
}

TEST_F(PortWhoOwns, OneThatEndsWhileTheOthersAreAskedDoesNotStart) {
  start();
  o_comes_up();
  input(supervisor("#{members => beam}", list({spec("a")})));
  input("{supervisor_gone, s, shutdown}");
  answer_whereis("supervisorring_peer", remote(8));
  advance(std::chrono::seconds(3));
  EXPECT_TRUE(orders("start_child").empty());
  EXPECT_TRUE(orders("supervisor_up").empty());
}

TEST_F(PortWhoOwns, EachChangeOfTheSetsUpMembersIsTold) {
  start();
  input(supervisor("#{members => native}"));
  o_comes_up();
  clear();
  o_says("#{kind => cnode, format => 25, features => [move, ask, members], supervisors => [s], members => #{s => native}}");
  EXPECT_EQ(order("owners"), T("{owners, s, [o@h]}")) << text();
  clear();
  o_says("#{kind => cnode, format => 25, features => [move, ask], supervisors => [s]}");
  EXPECT_EQ(order("owners"), T("{owners, s, all}")) << "an older one places by all: " << text();
}

}  // namespace
}  // namespace supervisorring
