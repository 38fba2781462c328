// What whole members do that no part of them does alone.
#include <gtest/gtest.h>

#include "sim_cluster.h"

namespace supervisorring {
namespace {

const std::string kA = "a@h1", kB = "b@h2";

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
  cluster.start(kA);
  cluster.advance(std::chrono::seconds(1));
  cluster.start(kB, kA, {.supervises = false, .force = true});
  EXPECT_TRUE(cluster.run_until([&] { return cluster.up(kA).size() == 2; }, std::chrono::seconds(1)));
  cluster.advance(std::chrono::seconds(3));
  EXPECT_TRUE(cluster.network().logged(kB, "degraded (--force): a@h1 runs the supervisor counters, which is not defined here"));
  const Term status = status_of(cluster, kB);
  ASSERT_TRUE(status.is_map()) << to_text(status);
  EXPECT_NE(status.find("cannot_run")->as_text()->find("the supervisor counters"), std::string::npos);
}

TEST(ForcedMember, IsTheOnlyOneThatMayJoinWithoutTheSupervisor) {
  sim::SimCluster cluster;
  cluster.start(kA);
  cluster.advance(std::chrono::seconds(1));
  cluster.start(kB, kA, {.supervises = false});
  cluster.advance(std::chrono::seconds(3));
  EXPECT_FALSE(cluster.runs(kB));
  EXPECT_EQ(cluster.up(kA).size(), 1u);
}

}  // namespace
}  // namespace supervisorring
