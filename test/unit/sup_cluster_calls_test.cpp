// What the supervision of whole nodes answers: calls, casts and erpc of other nodes, well-formed and not.
#include "sup_cluster.h"

namespace supervisorring {
namespace {

class Listener : public Process {
 public:
  explicit Listener(std::vector<Term>& mail) : mail_(mail) {}
  void handle_message(ProcessContext&, const Term& message) override { mail_.push_back(message); }

 private:
  std::vector<Term>& mail_;
};

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

TEST_F(SupCluster, ExecOverErpcAsksTheOwnerAndGivesUpWhenItIsSilent) {
  for (const auto& n : kTwo) add_with(n, {});
  add_plain("client@h");
  ring(kTwo);
  const auto exec = [&](std::vector<Term> more) {
    std::vector<Term> arguments = {atom("Elixir.S"), atom("c0"), atom("a_function")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return erpc("client@h", "a@h", "supervisorring", "exec", std::move(arguments));
  };
  const Term refused = tuple(atom("error"), tuple(atom("no_beam"), atom(owner("a@h", atom("c0")))));
  for (const auto& more : {std::vector<Term>{}, {integer(1000)}, {atom("infinity"), integer(2)}}) {
    const CallResult answer = exec(more);
    EXPECT_TRUE(answer.ok && answer.value == refused) << to_text(answer.value);
  }
  for (const auto& more : {std::vector<Term>{integer(-1)}, {atom("soon")}, {integer(1000), integer(-1)}, {integer(1000), atom("often")}})
    EXPECT_TRUE(exec(more).value.is_tagged("exception", 3)) << to_text(exec(more).value);
  set_ring("a@h", {"gone@h"});  // an owner that nobody answers for
  EXPECT_EQ(exec({integer(100), integer(2)}).value, T("{exit, ring_unable_to_exec_fun}"));
  EXPECT_EQ(exec({integer(100), integer(0)}).value, T("{exit, ring_unable_to_exec_fun}"));
  EXPECT_EQ(erpc("client@h", "a@h", "supervisorring", "exec", {atom("unknown"), atom("c0"), atom("f")}).value,
            T("{exit, {noproc, {supervisorring, exec, [unknown, c0, f]}}}"));
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

}  // namespace
}  // namespace supervisorring
