#include "sup_cluster.h"

#include <algorithm>

namespace supervisorring {
namespace {

const std::vector<std::string> kThree = {"a@h", "b@h", "c@h"};
const std::vector<std::string> kTwo = {"a@h", "b@h"};

class Listener : public Process {
 public:
  explicit Listener(std::vector<Term>& mail) : mail_(mail) {}
  void handle_message(ProcessContext&, const Term& message) override { mail_.push_back(message); }

 private:
  std::vector<Term>& mail_;
};

TEST_F(SupCluster, TwelveCountersSpreadOverThreeMembersAndAnswerCallsByName) {
  const auto specs = counters(12);
  for (const auto& n : kThree) add_with(n, specs);
  ring(kThree);
  EXPECT_TRUE(eventually([&] { return each_once_where_it_belongs(specs, kThree); }));
  for (int i = 0; i < 12; ++i) EXPECT_EQ(count_of("a@h", "c" + std::to_string(i), "increment"), 1);
}

TEST_F(SupCluster, ChildrenOfAKilledMemberRunElsewhereAtOnceAndStartAtZero) {
  const auto specs = counters(100);
  for (const auto& n : kThree) add_with(n, specs);
  ring(kThree);
  ASSERT_TRUE(eventually([&] { return each_once_where_it_belongs(specs, kThree); }));
  std::vector<std::string> lost;
  for (int i = 0; i < 100; ++i) {
    const std::string id = "c" + std::to_string(i);
    count_of("a@h", id, "increment");
    if (owner("a@h", T(id)) == "c@h") lost.push_back(id);
  }
  net.crash("c@h");
  ring(kTwo);
  EXPECT_TRUE(eventually([&] { return each_once_where_it_belongs(specs, kTwo); }, std::chrono::milliseconds(100)));
  for (int i = 0; i < 100; ++i) {
    const std::string id = "c" + std::to_string(i);
    EXPECT_EQ(count_of("a@h", id), std::ranges::count(lost, id) ? 0 : 1) << id;
  }
}

TEST_F(SupCluster, WhatMovesHomeToAMemberThatComesBackKeepsItsCount) {
  const auto specs = counters(100);
  for (const auto& n : kTwo) add_with(n, specs);
  ring(kTwo);
  ASSERT_TRUE(eventually([&] { return each_once_where_it_belongs(specs, kTwo); }));
  for (int i = 0; i < 100; ++i) count_of("a@h", "c" + std::to_string(i), "increment");
  add_with("c@h", specs);
  ring(kThree);
  EXPECT_TRUE(eventually([&] { return each_once_where_it_belongs(specs, kThree); }));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(count_of("a@h", "c" + std::to_string(i)), 1);
}

TEST_F(SupCluster, AMemberThatLeavesHandsEverythingOver) {
  const auto specs = counters(60);
  for (const auto& n : kThree) add_with(n, specs);
  ring(kThree);
  ASSERT_TRUE(eventually([&] { return each_once_where_it_belongs(specs, kThree); }));
  for (int i = 0; i < 60; ++i) count_of("a@h", "c" + std::to_string(i), "increment");
  bool left = false;
  set_ring("c@h", kTwo, true, true);
  net.run("c@h", [&](ProcessContext& context) { members.at("c@h")->supervision->prepare_leave(context, [&](ProcessContext&) { left = true; }); });
  EXPECT_TRUE(eventually([&] { return left; }));
  EXPECT_EQ(local("c@h")->active(), 0u);
  net.crash("c@h");
  ring(kTwo);
  EXPECT_TRUE(eventually([&] { return each_once_where_it_belongs(specs, kTwo); }));
  for (int i = 0; i < 60; ++i) EXPECT_EQ(count_of("a@h", "c" + std::to_string(i)), 1);
}

// It waited the whole 30 s for members that do not run its supervisor.
TEST_F(SupCluster, AMemberWhoseChildrenNobodyElseRunsLeavesAfterAFewTries) {
  add_with("a@h", counters(5));
  add("b@h");
  ring({"a@h"});
  ring(kTwo);
  bool left = false;
  set_ring("a@h", {"b@h"}, true, true);
  net.run("a@h", [&](ProcessContext& context) { members.at("a@h")->supervision->prepare_leave(context, [&](ProcessContext&) { left = true; }); });
  EXPECT_FALSE(eventually([&] { return left; }, std::chrono::seconds(1)));
  EXPECT_TRUE(eventually([&] { return left; }, std::chrono::seconds(5)));
  EXPECT_TRUE(net.logged("a@h", "leaving without having handed over 5 children"));
}

// Every first offer to a member that joined was refused, told in a line a child, and tried again 200 ms later.
TEST_F(SupCluster, AMemberThatIsSettledIsOfferedItsChildrenAtOnceWithoutALine) {
  const auto specs = counters(40);
  add_with("a@h", specs);
  ring({"a@h"});
  ASSERT_TRUE(eventually([&] { return running({"a@h"}) == 40; }));
  add_with("b@h", specs);
  set_ring("a@h", kTwo);
  set_ring("b@h", kTwo, false);
  wait(std::chrono::milliseconds(20));
  set_ring("b@h", kTwo);
  EXPECT_TRUE(eventually([&] { return each_once_where_it_belongs(specs, kTwo); }, std::chrono::milliseconds(15)));
  EXPECT_FALSE(net.logged("a@h", "not_ready"));
}

// Every join to a ring of OTP 26 and above logged an error: the first hello of the new one came before it had learnt the format.
TEST_F(SupCluster, AMemberThatIsNotUpYetIsNotReportedForItsHashFormat) {
  add_with("a@h", counters(1));
  RingState state{{atom("a@h")}, {atom("a@h")}, true, false, HashFormat::minor_version_2};
  const auto set = [&] { net.run("a@h", [&](ProcessContext& context) { members.at("a@h")->view.update(state), members.at("a@h")->supervision->ring_changed(context); }); };
  set();
  add_with("b@h", counters(1));
  EXPECT_TRUE(erpc("b@h", "a@h", "erlang", "node", {}).ok);
  wait(std::chrono::milliseconds(100));
  EXPECT_FALSE(net.logged("a@h", "places by the format"));
  state.up = state.nodes = {atom("a@h"), atom("b@h")};
  set();
  net.crash("b@h");
  add_with("b@h", counters(1));
  EXPECT_TRUE(erpc("b@h", "a@h", "erlang", "node", {}).ok);
  wait(std::chrono::milliseconds(100));
  EXPECT_TRUE(net.logged("a@h", "b@h places by the format of OTP 25, this node by that of 26"));
}

TEST_F(SupCluster, TheLastMemberLeavesAtOnce) {
  add_with("a@h", counters(5));
  ring({"a@h"});
  set_ring("a@h", {}, true, true);
  bool left = false;
  net.run("a@h", [&](ProcessContext& context) { members.at("a@h")->supervision->prepare_leave(context, [&](ProcessContext&) { left = true; }); });
  EXPECT_TRUE(eventually([&] { return left; }, std::chrono::seconds(1)));
}

TEST_F(SupCluster, ACrashedCounterIsRestartedOnItsOwner) {
  add_with("a@h", counters(1));
  ring({"a@h"});
  count_of("a@h", "c0", "increment");
  cast("a@h", atom("c0"), atom("crash"));
  EXPECT_TRUE(eventually([&] { return running({"a@h"}) == 1; }));
  EXPECT_EQ(count_of("a@h", "c0"), 0);
}

TEST_F(SupCluster, ChildrenThatDieRepeatedlyEndTheSupervisorOnAllMembers) {
  const auto specs = counters(10);
  for (const auto& n : kTwo) add_with(n, specs);
  ring(kTwo);
  ASSERT_TRUE(eventually([&] { return each_once_where_it_belongs(specs, kTwo); }));
  std::string mine;
  for (int i = 0; i < 10 && mine.empty(); ++i)
    if (owner("a@h", T("c" + std::to_string(i))) == "a@h") mine = "c" + std::to_string(i);
  ASSERT_FALSE(mine.empty());
  const auto& state = members.at("a@h")->supervision->state();
  for (int i = 0; i < 50 && state->find(atom("Elixir.S"))->phase != SupervisorPhase::down; ++i) {
    cast("a@h", atom(mine), atom("crash"));
    wait(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(state->find(atom("Elixir.S"))->phase, SupervisorPhase::down);
  wait(std::chrono::milliseconds(100));
  EXPECT_EQ(members.at("b@h")->supervision->state()->find(atom("Elixir.S"))->phase, SupervisorPhase::down);
  EXPECT_EQ(running(kTwo), 0u);
}

TEST_F(SupCluster, ATerminateForAnUnknownSupervisorChangesNothing) {
  add_with("a@h", counters(3));
  ring({"a@h"});
  for (const char* name : {"'Elixir.X.GlobalSup'", "x", "\"text\""}) cast("a@h", super_sup_name(), tuple(atom("terminate"), T(name)));
  EXPECT_EQ(running({"a@h"}), 3u);
  cast("a@h", super_sup_name(), T("{terminate, 'Elixir.S.GlobalSup'}"));
  EXPECT_EQ(running({"a@h"}), 0u);
}

class RememberingHandler : public ChildHandler {
 public:
  bool match(const Term& id) override { return !id.is_atom("stranger"); }
  std::vector<ChildSpec> get_all() override { return children; }
  Term add(const ChildSpec& spec) override { children.push_back(spec); return atom("ok"); }
  Term del(const Term& id) override { std::erase_if(children, [&](const ChildSpec& c) { return c.id == id; }); return atom("ok"); }
  std::vector<ChildSpec> children;
};

TEST_F(SupCluster, ChildrenAreStartedListedFoundTerminatedRestartedAndDeletedOverErpc) {
  const auto handler = std::make_shared<RememberingHandler>();
  for (const auto& n : kTwo) add_with(n, {}, handler);
  add_plain("client@h");
  ring(kTwo);
  const auto api = [&](const char* function, std::vector<Term> arguments) { return erpc("client@h", "a@h", "supervisorring", function, std::move(arguments)); };
  const Term sup = atom("Elixir.S");
  for (int i = 0; i < 8; ++i) {
    const std::string id = "c" + std::to_string(i);
    const CallResult started = api("start_child", {sup, to_tuple(spec(id))});
    ASSERT_TRUE(started.ok) << to_text(started.value);
    ASSERT_TRUE(started.value.is_tagged("ok", 2)) << to_text(started.value);
    EXPECT_EQ(started.value[1].node(), api("find", {sup, atom(id)}).value);
    EXPECT_EQ(api("whereis", {sup, atom(id)}).value, started.value[1]);
    EXPECT_EQ(api("start_child", {sup, to_tuple(spec(id))}).value, tuple(atom("error"), tuple(atom("already_started"), started.value[1])));
  }
  EXPECT_EQ(handler->children.size(), 8u);
  EXPECT_EQ(api("which_children", {sup}).value.size(), 8u);
  EXPECT_EQ(api("count_children", {sup}).value, T("#{specs => 8, active => 8, supervisors => 0, workers => 8}"));
  EXPECT_EQ(api("terminate_child", {sup, atom("c1")}).value, atom("ok"));
  EXPECT_EQ(api("whereis", {sup, atom("c1")}).value, atom("undefined"));
  EXPECT_TRUE(api("restart_child", {sup, atom("c1")}).value.is_tagged("ok", 2));
  EXPECT_EQ(api("restart_child", {sup, atom("c1")}).value, T("{error, running}"));
  EXPECT_EQ(api("delete_child", {sup, atom("c1")}).value, T("{error, running}"));
  api("terminate_child", {sup, atom("c1")});
  EXPECT_EQ(api("delete_child", {sup, atom("c1")}).value, atom("ok"));
  EXPECT_EQ(handler->children.size(), 7u);
  EXPECT_EQ(api("terminate_child", {sup, atom("nobody")}).value, T("{error, not_found}"));
  EXPECT_EQ(api("start_child", {sup, T("{x,{m,f,[]},forever,5000,worker,[m]}")}).value, T("{error, {invalid_restart_type, forever}}"));
  EXPECT_EQ(api("start_child", {sup, to_tuple(spec("stranger"))}).value, T("{error, {cannot_match_handler, stranger}}"));
}

TEST_F(SupCluster, WhatAHandlerNamesRunsAfterTheOwnersDeath) {
  const auto handler = std::make_shared<RememberingHandler>();
  for (const auto& n : kTwo) add_with(n, {}, handler);
  ring(kTwo);
  for (int i = 0; i < 8; ++i) erpc("a@h", "a@h", "supervisorring", "start_child", {atom("Elixir.S"), to_tuple(spec("c" + std::to_string(i)))});
  net.crash("b@h");
  ring({"a@h"});
  EXPECT_TRUE(eventually([&] { return running({"a@h"}) == 8; }));
}

TEST_F(SupCluster, ElixirsSupervisorFunctionsAnswerForTheLocalSupervisorAndForOneThatDoesNotRun) {
  add_with("a@h", counters(2));
  ring({"a@h"});
  add_plain("beam@h");
  const auto ask = [&](const char* function, std::vector<Term> arguments) { return erpc("beam@h", "a@h", "Elixir.Supervisor", function, std::move(arguments)); };
  EXPECT_EQ(ask("which_children", {atom("Elixir.S")}).value.size(), 2u);
  EXPECT_EQ(ask("count_children", {atom("Elixir.S")}).value, T("#{specs => 2, active => 2, supervisors => 0, workers => 2}"));
  EXPECT_EQ(ask("which_children", {atom("Elixir.Other")}).value, Term());
  EXPECT_EQ(ask("count_children", {atom("Elixir.Other")}).value, T("#{specs => 0, active => 0, supervisors => 0, workers => 0}"));
  EXPECT_TRUE(ask("start_child", {atom("Elixir.S"), to_tuple(spec("x"))}).value.is_tagged("ok", 2));
  EXPECT_FALSE(ask("start_child", {atom("Elixir.Other"), to_tuple(spec("x"))}).ok);
}

TEST_F(SupCluster, TheChildManagerAnswersGetNodeAndRefusesFunctions) {
  for (const auto& n : kTwo) add_with(n, {});
  ring(kTwo);
  const Term manager = tuple(atom("Elixir.S.ChildManager"), atom("a@h"));
  EXPECT_EQ(call("b@h", manager, T("{get_node, c1}")).value, atom(owner("a@h", atom("c1"))));
  Term asker, reference;
  std::vector<Term> mail;
  net.run("b@h", [&](ProcessContext& context) {
    asker = *context.spawn(std::make_unique<Listener>(mail), SpawnOptions{});
    reference = context.make_ref();
  });
  for (const char* id : {"c0", "c1", "c2", "c3"}) {
    mail.clear();
    const Term onnode = tuple(atom("onnode"), atom(id), tuple(asker, reference), atom("a_function"));
    cast("b@h", manager, onnode);
    wait(std::chrono::milliseconds(10));
    EXPECT_EQ(mail, std::vector<Term>{tuple(reference, atom("executed"), tuple(atom("error"), tuple(atom("no_beam"), atom(owner("a@h", atom(id))))))}) << id;
    set_ring("a@h", kThree);  // another ring: the Ref is forgotten
    set_ring("a@h", kTwo);
  }
}

TEST_F(SupCluster, AFunctionThatComesRoundAgainEndsInADisagreement) {
  for (const auto& n : kTwo) add_with(n, {});
  set_ring("a@h", {"b@h"});  // each thinks that the other owns everything
  set_ring("b@h", {"a@h"});
  drive();
  Term asker, reference;
  std::vector<Term> mail;
  net.run("b@h", [&](ProcessContext& context) {
    asker = *context.spawn(std::make_unique<Listener>(mail), SpawnOptions{});
    reference = context.make_ref();
  });
  cast("b@h", atom("Elixir.S.ChildManager"), tuple(atom("onnode"), atom("c0"), tuple(asker, reference), atom("a_function")));
  wait(std::chrono::milliseconds(50));
  ASSERT_EQ(mail.size(), 1u);
  EXPECT_EQ(mail[0], tuple(reference, atom("executed"), T("{error, {placement_disagreement, ['a@h']}}")));
}

TEST_F(SupCluster, AMemberThatStandsAsideGivesItsChildrenToTheOthersWithTheirState) {
  const auto specs = counters(20);
  for (const auto& n : kTwo) add_with(n, specs);
  ring(kTwo);
  ASSERT_TRUE(eventually([&] { return each_once_where_it_belongs(specs, kTwo); }));
  for (int i = 0; i < 20; ++i) count_of("a@h", "c" + std::to_string(i), "increment");
  set_ring("b@h", {"a@h"}, false);
  ring({"a@h"});
  EXPECT_TRUE(eventually([&] { return running({"a@h"}) == 20 && running({"b@h"}) == 0; }));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(count_of("a@h", "c" + std::to_string(i)), 1);
}

TEST_F(SupCluster, AThousandChildrenOfAKilledNeighbourRunWithinTensOfMilliseconds) {
  const auto specs = counters(2000);
  for (const auto& n : kTwo) add_with(n, specs);
  ring(kTwo);
  ASSERT_TRUE(eventually([&] { return running(kTwo) == 2000; }));
  net.crash("b@h");
  ring({"a@h"});
  EXPECT_TRUE(eventually([&] { return running({"a@h"}) == 2000; }, std::chrono::milliseconds(50)));
}

TEST_F(SupCluster, MalformedRequestsAreAnsweredOrDroppedAndChangeNothing) {
  add_with("a@h", counters(3));
  ring({"a@h"});
  const char* junk[] = {"x", "[]", "{}", "{terminate_child}", "{start_child, {a}}", "{get_node}", "{whereis, [x|y]}", "{onnode, c0, x, y}", "{onnode, c0, {1, 2}, y}",
                        "{get_handler, c0, x}", "{monitor, 7}", "{terminate, []}", "prepare_leave", "{may_join, x}", "{may_join, [1]}", "get_state"};
  for (const Term& name : {atom("Elixir.S"), atom("Elixir.S.ChildManager"), atom("Elixir.S.GlobalSup"), super_sup_name(), peer_name()}) {
    for (const char* text : junk) {
      net.run("a@h", [&](ProcessContext& context) {
        context.send(name, T(text));
        context.cast(name, T(text));
        context.send(name, tuple(atom("$gen_call"), T(text), T(text)));
        context.send(name, tuple(atom("supervisorring_peer"), context.self(), T(text)));
        context.send(name, tuple(atom("system"), T(text), T(text)));
        context.send(name, tuple(atom("EXIT"), T(text), T(text)));
      });
      drive();
    }
  }
  for (const char* function : {"find", "start_child", "terminate_child", "delete_child", "restart_child", "whereis"})
    for (const char* argument : junk) erpc("a@h", "a@h", "supervisorring", function, {T(argument), T(argument)});
  for (const char* function : {"which_children", "count_children"})
    for (const char* argument : junk) erpc("a@h", "a@h", "supervisorring", function, {T(argument)});
  EXPECT_EQ(running({"a@h"}), 3u);
}

TEST_F(SupCluster, AStartThatFailsIsShownInStatusAndTriedAgain) {
  add_with("a@h", {spec("bad", "permanent,5000,worker,[m]", "fail")});
  ring({"a@h"});
  wait(std::chrono::seconds(1));
  Term status;
  net.run("a@h", [&](ProcessContext& context) { status = members.at("a@h")->supervision->status(context); });
  ASSERT_TRUE(status.is_map());
  EXPECT_EQ(*status.find("node"), atom("a@h"));
  const Term pending = *(*status.find("supervisors"))[0].find("pending");
  ASSERT_EQ(pending.size(), 1u);
  EXPECT_NE(to_text(pending).find("told_to_fail"), std::string::npos) << to_text(pending);
}

TEST_F(SupCluster, AChildWithoutAFactoryFailsAsAnUndefinedFunctionDoes) {
  add_with("a@h", {});
  ring({"a@h"});
  const CallResult started = erpc("a@h", "a@h", "Elixir.Supervisor", "start_child", {atom("Elixir.S"), T("{x,{nobody,start_link,[1]},permanent,5000,worker,[m]}")});
  ASSERT_TRUE(started.value.is_tagged("error", 2)) << to_text(started.value);
  EXPECT_EQ(started.value[1][0], T("{'EXIT', {undef, [{nobody, start_link, [1], []}]}}"));
}

// ---- definitions read from a BEAM -------------------------------------------------------------------------

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

// ---- join guard ---------------------------------------------------------------------------------------------

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
