// Joins on whole simulated members: what a counter has answered is not forgotten, whatever comes first.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <random>

#include "sim_cluster.h"

namespace supervisorring::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Scenario {
  std::vector<std::string> joining;   // by way of cpp1, each at some moment within `window`
  Duration window, reading, jitter;   // `reading`: how long the supervisor's source takes at most
  bool connections_close = false;     // one in the window, without anybody having ended
};

// cpp1 starts, the others join; counters are incremented by way of cpp1 as soon as they answer. Returns what is wrong, or "".
std::string run(std::uint64_t seed, const Scenario& scenario) {
  std::mt19937_64 random(seed);
  const auto up_to = [&](Duration most) { return Duration(random() % static_cast<std::uint64_t>(most.count() + 1)); };
  SimCluster cluster({.seed = seed, .children = 8, .definition_after = [&] { return up_to(scenario.reading); }});
  SimNetwork& network = cluster.network();
  network.set_jitter(up_to(scenario.jitter));
  cluster.start("cpp1@h");
  const Instant begin = network.time().now;
  std::multimap<Instant, std::function<void()>> events;
  for (const std::string& name : scenario.joining) {
    events.emplace(begin + up_to(scenario.window), [&cluster, name] { cluster.start(name, "cpp1@h"); });
    if (scenario.connections_close) events.emplace(begin + up_to(scenario.window + scenario.reading), [&network, name] { network.close_connections("cpp1@h", name); });
  }
  std::map<std::string, std::int64_t> answered;
  const Instant end = begin + scenario.window + scenario.reading + seconds(4);
  while (network.time().now < end) {
    for (; !events.empty() && events.begin()->first <= network.time().now; events.erase(events.begin())) events.begin()->second();
    for (const std::string& id : cluster.ids()) {
      if (answered.contains(id)) continue;
      if (const auto count = cluster.increment("cpp1@h", id)) answered[id] = *count;
    }
    cluster.advance(milliseconds(1));
  }
  std::string wrong;
  for (const std::string& id : cluster.ids()) {
    const auto count = cluster.count("cpp1@h", id);
    if (!answered.contains(id) || !count || *count < answered[id])
      wrong += id + ": answered " + (answered.contains(id) ? std::to_string(answered[id]) : "nothing") + ", then " + (count ? std::to_string(*count) : "nothing") + "; ";
  }
  for (const std::string& name : cluster.running())
    if (cluster.up(name).size() != 1 + scenario.joining.size()) wrong += "the ring of " + name + " is not whole; ";
  if (!wrong.empty())
    for (const auto& line : network.logs()) std::printf("  %s: %s\n", line.node.c_str(), line.text.c_str());
  return wrong;
}

void run_seeds(const Scenario& scenario, std::uint64_t count) {
  if (const char* given = std::getenv("SEEDS")) count = std::stoull(given);
  for (std::uint64_t seed = 1; seed <= count; ++seed) {
    const std::string wrong = run(seed, scenario);
    ASSERT_EQ(wrong, "") << "seed " << seed;
  }
}

// A counter had answered 1 while a second member joined that was reading the supervisor as well; then it read 0.
TEST(AJoinWhileTheSupervisorIsRead, ForgetsNothingThatACounterHasAnswered) {
  run_seeds({{"cpp2@h"}, milliseconds(40), milliseconds(40), milliseconds(3)}, 20);
}

TEST(AJoinWhileTheSupervisorIsRead, ForgetsNothingOnASlowNetwork) {
  run_seeds({{"cpp2@h"}, milliseconds(300), milliseconds(300), milliseconds(50)}, 20);
}

// A member that had not yet heard of the one that asked said `not here`, and started the child a moment later.
TEST(AJoinWhileTheSupervisorIsRead, ForgetsNothingWhenTwoJoinAtOnce) {
  run_seeds({{"cpp2@h", "cpp3@h"}, milliseconds(60), milliseconds(60), milliseconds(20)}, 20);
}

// A connection that closed was taken for the end of the member: a copy that waited for its state began without it.
TEST(AJoinWhileTheSupervisorIsRead, ForgetsNothingWhenConnectionsClose) {
  run_seeds({{"cpp2@h"}, milliseconds(60), milliseconds(60), milliseconds(10), true}, 30);
}

TEST(AFormatThatNobodyHasSaid, IsThatOfTheNodeThatSupervisorsAreReadFrom) {
  SimCluster cluster({.seed = 1, .children = 50, .definition_after = [] { return milliseconds(1); }, .definition_format = HashFormat::minor_version_2});
  cluster.start("cpp1@h1");
  cluster.advance(seconds(1));
  cluster.start("cpp2@h2", "cpp1@h1");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.runs("cpp2@h2") && cluster.copies("cpp2@h2").size() > 5; }, seconds(5)));
  cluster.advance(seconds(1));
  const std::vector<Term> members = {atom("cpp1@h1"), atom("cpp2@h2")};
  const auto ring = Ring::make(members);
  std::size_t elsewhere_by_25 = 0;
  for (const std::string& id : cluster.ids()) {
    const auto owner = [&](HashFormat format) { return std::string(ring->owner_of(atom("counters"), atom(id), format)->atom_name()); };
    EXPECT_EQ(cluster.owner("cpp1@h1", id), owner(HashFormat::minor_version_2)) << id;
    EXPECT_EQ(cluster.owner("cpp2@h2", id), owner(HashFormat::minor_version_2)) << id;
    elsewhere_by_25 += owner(HashFormat::minor_version_1) != owner(HashFormat::minor_version_2) ? 1 : 0;
  }
  EXPECT_GT(elsewhere_by_25, 0u);
}

// Two that joined in the same milliseconds by different members learnt of each other by an ordinary gossip, seconds later.
TEST(TwoThatJoinAtOnce, ByDifferentMembersSoonKnowEachOther) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SimCluster cluster({.seed = seed});
    cluster.network().set_jitter(milliseconds(3));
    cluster.start("cpp1@h1");
    cluster.advance(milliseconds(100));
    cluster.start("cpp2@h2", "cpp1@h1");
    cluster.advance(seconds(2));
    cluster.start("cpp3@h3", "cpp1@h1");
    cluster.advance(std::chrono::microseconds(400 * seed));
    cluster.start("cpp4@h4", "cpp2@h2");
    const auto all_know_all = [&] {
      return cluster.running().size() == 4 && std::ranges::all_of(cluster.running(), [&](const std::string& name) { return cluster.view(name).new_up.size() == 4; });
    };
    EXPECT_TRUE(cluster.run_until(all_know_all, milliseconds(150))) << "seed " << seed;
  }
}

}  // namespace
}  // namespace supervisorring::sim
