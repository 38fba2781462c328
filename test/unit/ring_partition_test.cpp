// Partitions: the policy quorum, and what a minority does.
#include "ring_cluster.h"
#include "sim_cluster.h"

namespace supervisorring {
namespace {

using ring_test::T;
using sim::SimCluster;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::vector<Term> nodes(std::string_view text) {
  const Term list = T(text);
  return {list.elements().begin(), list.elements().end()};
}

TEST(InMinority, FewerThanHalfAreAMinority) {
  EXPECT_TRUE(in_minority(nodes("['a@h', 'b@h', 'c@h']"), nodes("['a@h']")));
  EXPECT_FALSE(in_minority(nodes("['a@h', 'b@h', 'c@h']"), nodes("['b@h', 'c@h']")));
  EXPECT_FALSE(in_minority(nodes("['a@h', 'b@h', 'c@h']"), nodes("['a@h', 'b@h', 'c@h']")));
}

TEST(InMinority, OfTwoHalvesTheOneWithoutTheMemberThatSortsFirstIsTheMinority) {
  EXPECT_FALSE(in_minority(nodes("['a@h', 'b@h']"), nodes("['a@h']")));
  EXPECT_TRUE(in_minority(nodes("['a@h', 'b@h']"), nodes("['b@h']")));
}

TEST(InMinority, WhoIsUpAndNoMemberDoesNotCount) { EXPECT_TRUE(in_minority(nodes("['a@h', 'b@h', 'c@h']"), nodes("['a@h', 'x@h']"))); }

TEST(InMinority, AMemberAloneIsNone) {
  EXPECT_FALSE(in_minority(nodes("['a@h']"), nodes("['a@h']")));
  EXPECT_FALSE(in_minority({}, {}));
}

class Quorum : public ::testing::Test {
 protected:
  void grow() {
    cluster.start("a@h1");
    cluster.advance(milliseconds(100));
    for (const char* name : {"b@h2", "c@h3"}) cluster.start(name, "a@h1"), cluster.advance(milliseconds(100));
    ASSERT_TRUE(cluster.run_until([this] { return copies({"a@h1", "b@h2", "c@h3"}) == 12; }, seconds(5)));
  }
  std::size_t copies(const std::vector<std::string>& names) const {
    std::size_t all = 0;
    for (const auto& name : names) all += cluster.copies(name).size();
    return all;
  }
  // By erpc on c@h3.
  std::optional<Term> asked(const char* module, const char* function, std::vector<Term> arguments) {
    std::optional<Term> value;
    cluster.network().run("c@h3", [&](ProcessContext& context) {
      context.erpc(atom("c@h3"), atom(module), atom(function), std::move(arguments), seconds(5), [&value](ProcessContext&, CallResult answer) { value = answer.value; });
    });
    cluster.run_until([&value] { return value.has_value(); }, seconds(10));
    return value;
  }
  void part(bool apart) {
    for (const char* name : {"h1", "h2"}) {
      if (apart) cluster.network().cut_hosts(name, "h3"), cluster.network().cut_hosts("h3", name);
      else cluster.network().heal_hosts(name, "h3"), cluster.network().heal_hosts("h3", name);
    }
  }
  SimCluster cluster{{.partitions = PartitionPolicy::quorum}};
};

TEST_F(Quorum, AMinorityStopsItsChildrenAndSaysWhyAndTheOthersRunAll) {
  grow();
  part(true);
  EXPECT_TRUE(cluster.run_until([this] { return copies({"c@h3"}) == 0 && copies({"a@h1", "b@h2"}) == 12; }, seconds(15)));
  EXPECT_TRUE(cluster.network().logged("c@h3", "in a minority: 1 of 3 members are up"));
  EXPECT_TRUE(cluster.view("c@h3").minority);
  part(false);
  EXPECT_TRUE(cluster.run_until([this] { return copies({"c@h3"}) > 0 && copies({"a@h1", "b@h2", "c@h3"}) == 12; }, seconds(15)));
  EXPECT_TRUE(cluster.network().logged("c@h3", "in a minority no more"));
}

TEST_F(Quorum, AMinorityStartsNothingAndRemovesNobody) {
  grow();
  part(true);
  ASSERT_TRUE(cluster.run_until([this] { return copies({"c@h3"}) == 0; }, seconds(15)));
  const auto answer = cluster.call("c@h3", atom("counters"), T("{start_child, {c99, {gen_server, start_link, [{local, c99}, counter, c99, []]}, permanent, 2000, worker, [counter]}}"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(to_text(*answer), "{error,{minority,[c@h3],[a@h1,b@h2,c@h3]}}");
  cluster.network().run("c@h3", [](ProcessContext& context) { context.send(atom(kNanoRingName), del_node_message(atom("a@h1"))); });
  cluster.advance(milliseconds(100));
  EXPECT_EQ(to_text(*asked("Elixir.NanoRing", "del_node", {atom("a@h1")})), "{error,{minority,[c@h3],[a@h1,b@h2,c@h3]}}");
  EXPECT_EQ(to_text(*asked("supervisorring", "exec", {atom("counters"), atom("c1"), atom("a_function")})), "{error,{minority,[c@h3],[a@h1,b@h2,c@h3]}}");
  EXPECT_EQ(cluster.view("c@h3").new_nodes.size(), 3u);
  EXPECT_TRUE(cluster.network().logged("c@h3", "del_node of a@h1: this side is a minority"));
}

// A child that was just being restarted must not slip through.
TEST_F(Quorum, NothingRunsInAMinorityHoweverLongItLasts) {
  grow();
  part(true);
  ASSERT_TRUE(cluster.run_until([this] { return copies({"c@h3"}) == 0; }, seconds(15)));
  for (int i = 0; i < 600; ++i) {
    cluster.advance(milliseconds(100));
    ASSERT_EQ(copies({"c@h3"}), 0u);
  }
}

TEST_F(Quorum, AMemberThatComesBackAloneRunsNothing) {
  grow();
  for (const char* name : {"a@h1", "b@h2", "c@h3"}) cluster.crash(name);
  cluster.advance(seconds(1));
  cluster.start("b@h2");
  cluster.advance(seconds(20));
  EXPECT_EQ(copies({"b@h2"}), 0u);
  cluster.start("c@h3");
  EXPECT_TRUE(cluster.run_until([this] { return copies({"b@h2", "c@h3"}) == 12; }, seconds(10)));
}

TEST(Partitions, MembersThatDisagreeSaySo) {
  SimCluster asking{{.partitions = PartitionPolicy::quorum}};
  asking.start("a@h1");
  asking.advance(milliseconds(100));
  asking.set_partitions(PartitionPolicy::keep_all);
  asking.start("b@h2", "a@h1");
  asking.advance(seconds(3));
  EXPECT_TRUE(asking.network().logged("a@h1", "members disagree on what a partition does: here quorum, b@h2 (keep_all)"));
  EXPECT_TRUE(asking.network().logged("b@h2", "members disagree on what a partition does: here keep_all, a@h1 (quorum)"));
}

TEST(Partitions, QuorumBesideALegacyMemberGuaranteesNothingAndSaysSo) {
  SimCluster cluster{{.partitions = PartitionPolicy::quorum}};
  cluster.start("a@h1");
  cluster.start_legacy("l@g1");
  cluster.advance(milliseconds(100));
  cluster.add_to_ring("l@g1", "a@h1");
  cluster.advance(seconds(5));
  EXPECT_TRUE(cluster.network().logged("a@h1", "quorum guarantees nothing while members run the Elixir library, which keeps all: l@g1"));
}

}  // namespace
}  // namespace supervisorring
