// Supervisors whose definition and handlers are read from a BEAM.
#include "sup_cluster.h"

#include <algorithm>

namespace supervisorring {
namespace {

class BeamDefinitions : public SupCluster {
 protected:
  void add_beam() {
    add_plain("dev@h", [this](Node& node) {
      node.define_function("my_sup", "init", 1, [this](ProcessContext&, std::vector<Term>, RpcDone done) { done(init); });
      node.define_function("my_handler", "get_all", 0, [this](ProcessContext&, std::vector<Term>, RpcDone done) { done(answer.value_or(Term::list(list))); });
      node.define_function("my_handler", "match", 1, [](ProcessContext&, std::vector<Term>, RpcDone done) { done(atom("true")); });
      node.define_function("my_handler", "add", 1, [this](ProcessContext&, std::vector<Term> a, RpcDone done) { list.push_back(a[0]); done(atom("ok")); });
      node.define_function("my_handler", "del", 1, [](ProcessContext&, std::vector<Term>, RpcDone done) { done(atom("ok")); });
    });
  }
  Member& add_reading(const std::string& name) {
    return add(name, [](Member& m) {
      auto definition = parse_supervisor_option("'Elixir.S'=my_sup@dev@h");
      ASSERT_TRUE(definition) << definition.error();
      EXPECT_TRUE(m.supervision->define(*definition));
    });
  }
  Term init = tuple(atom("ok"), tuple(T("{one_for_one, 3, 5}"), Term::list({to_tuple(spec("c0")), T("{dyn_child_handler, my_handler}")})));
  std::optional<Term> answer;  // of get_all, instead of the list
  std::vector<Term> list = {to_tuple(spec("c1")), to_tuple(spec("c2"))};
};

TEST_F(BeamDefinitions, AreReadOverErpcWithTheChildrenOfTheirHandlers) {
  add_beam();
  for (const auto& n : kTwo) add_reading(n);
  ring(kTwo);
  EXPECT_TRUE(eventually([&] { return running(kTwo) == 3; }));
  const CallResult started = erpc("dev@h", "a@h", "supervisorring", "start_child", {atom("Elixir.S"), to_tuple(spec("c3"))});
  EXPECT_TRUE(started.value.is_tagged("ok", 2)) << to_text(started.value);
  EXPECT_EQ(list.size(), 3u);
}

TEST_F(BeamDefinitions, AreReadAgainAndAgainUntilTheNodeAnswers) {
  add_reading("a@h");
  ring({"a@h"});
  wait(std::chrono::seconds(3));
  EXPECT_EQ(local("a@h"), nullptr);
  add_beam();
  EXPECT_TRUE(eventually([&] { return running({"a@h"}) == 3; }, std::chrono::seconds(20)));
}

TEST_F(BeamDefinitions, KeepTheLastListWhileTheirNodeIsAway) {
  add_beam();
  for (const auto& n : kTwo) add_reading(n);
  ring(kTwo);
  ASSERT_TRUE(eventually([&] { return running(kTwo) == 3; }));
  net.crash("dev@h");
  net.crash("b@h");
  ring({"a@h"});
  EXPECT_TRUE(eventually([&] { return running({"a@h"}) == 3; }));
}

// Each refresh logged the same line again.
TEST_F(BeamDefinitions, HandlersThatDoNotAnswerAListAreReportedOnceAndTheirLastListHolds) {
  add_beam();
  add_reading("a@h");
  ring({"a@h"});
  ASSERT_TRUE(eventually([&] { return running({"a@h"}) == 3; }));
  const auto lines = [this](const std::string& text) {
    return std::ranges::count_if(net.logs(), [&](const auto& line) { return line.text.find(text) != std::string::npos; });
  };
  answer = T("not_a_list");
  wait(std::chrono::seconds(35));
  EXPECT_EQ(lines("children of 'Elixir.S': my_handler:get_all(): expected a list of child specs, got not_a_list; its last list holds"), 1);
  answer = T("[x, {c9,{gen_server,start_link,[{local,c9},'Elixir.Counter',[],[]]},permanent,5000,worker,[]} | y]");
  wait(std::chrono::seconds(25));
  EXPECT_EQ(lines("got [x,"), 1);
  EXPECT_EQ(running({"a@h"}), 3u);
  answer = T("[x, {c9,{gen_server,start_link,[{local,c9},'Elixir.Counter',[],[]]},permanent,5000,worker,[]}]");
  wait(std::chrono::seconds(25));
  EXPECT_EQ(lines("x is no child spec: "), 1);
  EXPECT_EQ(running({"a@h"}), 4u);
  answer.reset();
  wait(std::chrono::seconds(25));
  EXPECT_EQ(lines("my_handler:get_all() answers again"), 1);
  EXPECT_EQ(running({"a@h"}), 4u);  // what runs and is named no more ends at the next change of the ring
}

TEST_F(BeamDefinitions, ThatAreMalformedAreReportedWithOtpsTermAndNothingRuns) {
  init = T("{ok, {{simple_one_for_one, 3, 5}, []}}");
  add_beam();
  add_reading("a@h");
  wait(std::chrono::milliseconds(500));
  EXPECT_TRUE(net.logged("a@h", "{supervisor_data,{invalid_strategy,simple_one_for_one}}"));
  EXPECT_EQ(local("a@h"), nullptr);
}

}  // namespace
}  // namespace supervisorring
