// What whole members do that no part of them does alone.
#include <gtest/gtest.h>

#include "sim_cluster.h"

namespace supervisorring {
namespace {

const std::string kFirst = "a@h1", kSecond = "b@h2";

Term status_of(sim::SimCluster& cluster, const std::string& name) {
  Term status;
  cluster.network().run(name, [&](ProcessContext& context) {
    context.erpc(atom(name), atom("supervisorring"), atom("status"), {}, std::chrono::seconds(1), [&](ProcessContext&, CallResult answer) { status = answer.value; });
  });
  cluster.advance(std::chrono::milliseconds(100));
  return status;
}

// With --force nothing was asked, so neither the log nor `status` said what is lost.
TEST(ForcedMember, IsDegradedAndSaysWhatCannotRunThere) {
  sim::SimCluster cluster;
  cluster.start(kFirst);
  cluster.advance(std::chrono::seconds(1));
  cluster.start(kSecond, kFirst, {.supervises = false, .force = true});
  EXPECT_TRUE(cluster.run_until([&] { return cluster.up(kFirst).size() == 2; }, std::chrono::seconds(1)));
  cluster.advance(std::chrono::seconds(3));
  EXPECT_TRUE(cluster.network().logged(kSecond, "degraded (--force): a@h1 runs the supervisor counters, which is not defined here"));
  const Term status = status_of(cluster, kSecond);
  ASSERT_TRUE(status.is_map()) << to_text(status);
  EXPECT_NE(status.find("cannot_run")->as_text()->find("the supervisor counters"), std::string::npos);
}

TEST(ForcedMember, IsTheOnlyOneThatMayJoinWithoutTheSupervisor) {
  sim::SimCluster cluster;
  cluster.start(kFirst);
  cluster.advance(std::chrono::seconds(1));
  cluster.start(kSecond, kFirst, {.supervises = false});
  cluster.advance(std::chrono::seconds(3));
  EXPECT_FALSE(cluster.runs(kSecond));
  EXPECT_EQ(cluster.up(kFirst).size(), 1u);
}

}  // namespace
}  // namespace supervisorring
