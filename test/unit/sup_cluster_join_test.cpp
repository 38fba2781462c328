// What a node asks the other members before it joins their ring.
#include "sup_cluster.h"

namespace supervisorring {
namespace {

class JoinGuardOverErpc : public SupCluster {
 protected:
  class Silent : public Process {
    void handle_message(ProcessContext&, const Term&) override {}
  };
  void add_legacy(const std::string& state) {
    add_plain("legacy@h", [this, state](Node& node) {
      node.at_start([](ProcessContext& context) { context.spawn(std::make_unique<Silent>(), SpawnOptions{atom("Elixir.S.ChildManager"), TrapExit::no, Term()}); });
      node.define_function("sys", "get_state", 1, [this, state](ProcessContext&, std::vector<Term>, RpcDone done) { done(T(state)); });
      node.define_function("my_handler", "get_all", 0, [this](ProcessContext&, std::vector<Term>, RpcDone done) { done(list({T("{d,{gen_server,start_link,[nobody_here,[],[]]},permanent,5000,worker,[m]}")})); });
    });
  }
  Result<bool> may_join(const std::string& name, std::vector<Term> members_asked) {
    std::optional<Result<bool>> answer;
    net.run(name, [&](ProcessContext& context) { members.at(name)->supervision->may_join(context, members_asked, [&](ProcessContext&, Result<bool> r) { answer = r; }); });
    EXPECT_TRUE(eventually([&] { return answer.has_value(); }));
    return answer.value_or(Error{"no answer"});
  }
  static std::string state(const std::string& specs) {
    return "#{'__struct__' => 'Elixir.Supervisorring.GlobalSup.ChildManager.State', sup_ref => 'Elixir.S', child_specs => [" + specs + "], callback => x, ring => y}";
  }
};

TEST_F(JoinGuardOverErpc, AcceptsASupervisorThatIsDefinedHereWithFactoriesForAllItsChildren) {
  add_legacy(state(to_text(to_tuple(spec("c0")))));
  add_with("a@h", {});
  const auto verdict = may_join("a@h", {atom("legacy@h")});
  EXPECT_TRUE(verdict) << verdict.error();
}

// The parents on the BEAMs started it again; here it stayed down, and this node's share of the children ran nowhere.
TEST_F(JoinGuardOverErpc, StartsASupervisorAgainThatEndedEverywhereAndRunsElsewhereAgain) {
  add_legacy(state(to_text(to_tuple(spec("c0")))));
  add_with("a@h", counters(3));
  ring({"a@h"});
  ASSERT_TRUE(eventually([&] { return count_of("a@h", "c0") == 0; }));
  net.run("a@h", [](ProcessContext& context) {
    context.cast(atom("Elixir.Supervisorring.App.Sup.SuperSup"), parse_term("{terminate, 'Elixir.S.GlobalSup'}").value());
  });
  drive();
  EXPECT_TRUE(may_join("a@h", {atom("legacy@h")}));
  EXPECT_EQ(local("a@h"), nullptr) << "what the legacy member ran may be about to end there too";
  wait(std::chrono::seconds(3));
  EXPECT_TRUE(may_join("a@h", {atom("legacy@h")}));
  EXPECT_TRUE(eventually([&] { return count_of("a@h", "c0") == 0; }));
  EXPECT_TRUE(net.logged("a@h", "'Elixir.S' ended here (another member ended it everywhere) and runs on legacy@h: starting it again"));
}

TEST_F(JoinGuardOverErpc, RefusesASupervisorThatIsNotDefinedHere) {
  add_legacy(state(""));
  add("a@h");
  const auto verdict = may_join("a@h", {atom("legacy@h")});
  ASSERT_FALSE(verdict);
  EXPECT_NE(verdict.error().find("'Elixir.S'"), std::string::npos);
}

TEST_F(JoinGuardOverErpc, RefusesChildrenOfAHandlerThatNoFactoryHereCanStart) {
  add_legacy(state("{dyn_child_handler, my_handler}"));
  add_with("a@h", {});
  const auto verdict = may_join("a@h", {atom("legacy@h")});
  ASSERT_FALSE(verdict);
  EXPECT_NE(verdict.error().find("d (nobody_here)"), std::string::npos) << verdict.error();
}

TEST_F(JoinGuardOverErpc, TakesMembersOfOursByWhatTheyAnnounced) {
  add_with("b@h", counters(1));
  add_with("a@h", counters(1));
  EXPECT_TRUE(may_join("a@h", {atom("b@h")}));
  add("c@h");
  EXPECT_FALSE(may_join("c@h", {atom("b@h")}));
}

}  // namespace
}  // namespace supervisorring
