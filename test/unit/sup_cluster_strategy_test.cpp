// Strategies and auto_shutdown over members: each acts on its own share.
#include "sup_cluster.h"

namespace supervisorring {
namespace {

class StrategyCluster : public SupCluster {
 protected:
  void members_with(const SupervisorFlags& flags, const std::vector<ChildSpec>& children) {
    for (const char* name : {"a@h", "b@h"})
      add(name, [&](Member& m) { EXPECT_TRUE(m.supervision->define({atom("Elixir.S"), LocalDefinition{flags, children, nullptr}})); });
    ring({"a@h", "b@h"});
    EXPECT_TRUE(eventually([&] { return running({"a@h", "b@h"}) == children.size(); }));
  }
  std::map<std::string, Term> pids(const std::string& on) {
    std::map<std::string, Term> out;
    if (local(on)) local(on)->for_each([&](const Supervisor::View& view) { if (view.pid.is_pid()) out[to_text(view.spec.id)] = view.pid; });
    return out;
  }
  static SupervisorFlags flags(Strategy strategy, AutoShutdown auto_shutdown = AutoShutdown::never) { return {3, 5, auto_shutdown, strategy}; }
};

TEST_F(StrategyCluster, OneForAllRestartsTheShareOfTheMemberAndNoOthers) {
  members_with(flags(Strategy::one_for_all), counters(12));
  const auto here = pids("a@h"), there = pids("b@h");
  ASSERT_FALSE(here.empty());
  cast("a@h", atom(here.begin()->first), atom("crash"));
  ASSERT_TRUE(eventually([&] { return pids("a@h").size() == here.size() && pids("a@h") != here; }));
  for (const auto& [id, pid] : pids("a@h")) EXPECT_NE(pid, here.at(id)) << id;
  EXPECT_EQ(pids("b@h"), there);
}

TEST_F(StrategyCluster, RestForOneRestartsThoseAfterItInTheMembersTable) {
  members_with(flags(Strategy::rest_for_one), counters(12));
  const auto before = pids("a@h");
  std::vector<std::string> order;  // oldest first
  local("a@h")->for_each([&](const Supervisor::View& view) { order.insert(order.begin(), to_text(view.spec.id)); });
  ASSERT_GE(order.size(), 3u);
  cast("a@h", atom(order[1]), atom("crash"));
  ASSERT_TRUE(eventually([&] { return pids("a@h").size() == before.size() && pids("a@h").at(order.back()) != before.at(order.back()); }));
  const auto after = pids("a@h");
  for (std::size_t i = 0; i < order.size(); ++i) EXPECT_EQ(after.at(order[i]) == before.at(order[i]), i == 0) << order[i];
}

TEST_F(StrategyCluster, AMoveInTheMiddleOfAGroupRestartEndsWithEachChildOnceWhereItBelongs) {
  members_with(flags(Strategy::one_for_all), counters(12));
  cast("a@h", atom(pids("a@h").begin()->first), atom("crash"));
  add("c@h", [&](Member& m) { EXPECT_TRUE(m.supervision->define({atom("Elixir.S"), LocalDefinition{flags(Strategy::one_for_all), counters(12), nullptr}})); });
  ring({"a@h", "b@h", "c@h"});
  EXPECT_TRUE(eventually([&] { return each_once_where_it_belongs(counters(12), {"a@h", "b@h", "c@h"}); }, std::chrono::seconds(30)));
}

TEST_F(StrategyCluster, AutoShutdownEndsTheSupervisorOnThatMemberOnlyAndTellsNobody) {
  auto children = counters(12);
  for (ChildSpec& child : children) child.restart = RestartType::transient, child.significant = true;
  members_with(flags(Strategy::one_for_one, AutoShutdown::any_significant), children);
  const auto there = pids("b@h");
  const Term child = pids("a@h").begin()->second;
  net.run("a@h", [&](ProcessContext& context) { context.exit_signal(child, atom("shutdown")); });
  ASSERT_TRUE(eventually([&] { return local("a@h") == nullptr; }));
  wait(std::chrono::seconds(5));
  EXPECT_EQ(local("a@h"), nullptr) << "nobody starts it again";
  EXPECT_EQ(pids("b@h"), there);
  EXPECT_TRUE(net.logged("a@h", "supervisor 'Elixir.S' ends here: its significant children ended (auto_shutdown)"));
}

}  // namespace
}  // namespace supervisorring
