// A supervisor whose children belong to some members only (node/who_owns.h): nodes of ours, and what stands in for BEAMs with and without a program.
#include "sup_cluster.h"

namespace supervisorring {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class WhoOwnsChildren : public SupCluster {
 protected:
  static inline const Term kSup = atom("Elixir.S");

  // A node with 'Elixir.S' of these children and this set.
  Member& add_owning(const std::string& name, std::string_view set, int children = 12) {
    SupervisorFlags flags{3, 5};
    flags.members = read_owner_set(T(set)).value();
    return add(name, [&](Member& m) { EXPECT_TRUE(m.supervision->define({kSup, LocalDefinition{flags, counters(children), nullptr}})); });
  }

  // What a supervisorring_peer says of itself, when it is told to: a BEAM with a program, an older member.
  class SaysHello : public Process {
   public:
    SaysHello(Term capabilities, std::shared_ptr<bool> speaks) : capabilities_(std::move(capabilities)), speaks_(std::move(speaks)) {}
    void handle_message(ProcessContext& context, const Term& message) override {
      if (!message.is_tagged("supervisorring_peer", 3) || !message[2].is_tagged("hello", 3) || !*speaks_) return;
      context.send(tuple(peer_name(), message[1].node()), tuple(peer_name(), context.self(), tuple(atom("hello_back"), integer(1), capabilities_)));
    }
   private:
    const Term capabilities_;
    const std::shared_ptr<bool> speaks_;
  };
  void add_peer(const std::string& name, std::string_view capabilities, std::shared_ptr<bool> speaks = std::make_shared<bool>(true)) {
    add_plain(name, [&](Node& node) {
      node.at_start([capabilities = T(capabilities), speaks](ProcessContext& context) {
        context.spawn(std::make_unique<SaysHello>(capabilities, speaks), SpawnOptions{peer_name(), TrapExit::no, Term()});
      });
    });
  }
  static inline const char* kBeam = "#{kind => beam, format => 25, features => [ask, members], supervisors => ['Elixir.S'], members => #{'Elixir.S' => ";

  // A node with the Elixir library: it has no supervisorring_peer, and a child manager once it runs the supervisor.
  class Silent : public Process {
    void handle_message(ProcessContext&, const Term&) override {}
  };
  void run_child_manager(const std::string& legacy) {
    net.run(legacy, [](ProcessContext& context) { context.spawn(std::make_unique<Silent>(), SpawnOptions{name_of_child_manager(kSup), TrapExit::no, Term()}); });
    drive();
  }

  Term find(const std::string& on, const Term& id) { return erpc("a@h", on, "supervisorring", "find", {kSup, id}).value; }
  // Members on which the child runs.
  std::vector<std::string> where(const Term& id) {
    std::vector<std::string> out;
    for (const auto& [name, m] : members) {
      const auto view = net.exists(name) && local(name) ? local(name)->find(id) : std::nullopt;
      if (view && view->state == Supervisor::ChildState::running) out.push_back(name);
    }
    return out;
  }
  // Each child runs once, on the member that all of these say, which is one of `owners`.
  bool placed_on(const std::vector<std::string>& owners, const std::vector<std::string>& asked, int children = 12) {
    for (int i = 0; i < children; ++i) {
      const Term id = atom("c" + std::to_string(i));
      const auto on = where(id);
      if (on.size() != 1 || std::ranges::count(owners, on[0]) == 0) return false;
      for (const auto& name : asked)
        if (find(name, id) != atom(on[0])) return false;
    }
    return true;
  }
  std::size_t times_logged(const std::string& on, const std::string& part) {
    return static_cast<std::size_t>(std::ranges::count_if(net.logs(), [&](const auto& line) { return line.node == on && line.text.find(part) != std::string::npos; }));
  }
  std::string note(const std::string& on) {
    const SupervisorState* const sup = members.at(on)->supervision->state()->find(kSup);
    return sup->owners.note(sup->flags.members);
  }
};

TEST_F(WhoOwnsChildren, ChildrenOfAListRunOnItsMembersAndEveryMemberSaysSo) {
  for (const auto& name : kThree) add_owning(name, "[b@h,c@h]");
  ring(kThree);
  EXPECT_TRUE(eventually([&] { return running({"b@h", "c@h"}) == 12; }));
  EXPECT_TRUE(placed_on({"b@h", "c@h"}, kThree));
  EXPECT_EQ(local("a@h")->active(), 0u);
  const CallResult counts = erpc("a@h", "a@h", "supervisorring", "count_children", {kSup});
  EXPECT_EQ(*counts.value.find("active"), integer(12));
}

TEST_F(WhoOwnsChildren, ChildrenOfAMemberThatGoesStartOnTheOthersOfTheSet) {
  for (const auto& name : kThree) add_owning(name, "[b@h,c@h]");
  ring(kThree);
  ASSERT_TRUE(eventually([&] { return running({"b@h", "c@h"}) == 12; }));
  net.crash("c@h");
  ring(kTwo);
  EXPECT_TRUE(eventually([&] { return placed_on({"b@h"}, kTwo); }));
}

TEST_F(WhoOwnsChildren, NobodyOfTheSetUpIsOneClearAnswerAndTheyStartWhenOneComes) {
  add_owning("a@h", "[b@h]");
  ring({"a@h"});
  wait(seconds(1));
  const Term nobody = T("{no_member_up,[b@h]}");
  EXPECT_EQ(running({"a@h"}), 0u);
  const CallResult found = erpc("a@h", "a@h", "supervisorring", "find", {kSup, atom("c0")});
  EXPECT_FALSE(found.ok);
  EXPECT_EQ(found.value, tuple(atom("exit"), tuple(nobody, T("{supervisorring,find,['Elixir.S',c0]}"))));
  for (const char* change : {"terminate_child", "restart_child", "delete_child"})
    EXPECT_EQ(erpc("a@h", "a@h", "supervisorring", change, {kSup, atom("c0")}).value, tuple(atom("error"), nobody));
  EXPECT_EQ(erpc("a@h", "a@h", "supervisorring", "start_child", {kSup, to_tuple(spec("c99"))}).value, tuple(atom("error"), nobody));
  EXPECT_EQ(erpc("a@h", "a@h", "supervisorring", "whereis", {kSup, atom("c0")}).value, atom("undefined"));
  EXPECT_EQ(call("a@h", atom("Elixir.S.ChildManager"), T("{get_node,c0}")).value, tuple(atom("error"), nobody));
  EXPECT_EQ(note("a@h"), "no member of [b@h] is up: its children run nowhere");
  EXPECT_TRUE(net.logged("a@h", "'Elixir.S': no member of [b@h] is up"));
  EXPECT_NE(to_text(erpc("a@h", "a@h", "supervisorring", "explain", {kSup, atom("c0")}).value).find("no member of [b@h] is up"), std::string::npos);
  add_owning("b@h", "[b@h]");
  ring(kTwo);
  EXPECT_TRUE(eventually([&] { return running({"b@h"}) == 12; }));
  EXPECT_EQ(note("a@h"), "");
  EXPECT_TRUE(net.logged("a@h", "its children are placed by members => [b@h] again"));
}

TEST_F(WhoOwnsChildren, NativeIsTheCNodesAndBeamTheOthers) {
  for (const auto& name : kTwo) add_owning(name, "native");
  add_peer("d@h", std::string(kBeam) + "native}}");
  for (const auto& name : kTwo) set_ring(name, {"a@h", "b@h", "d@h"});
  drive();
  EXPECT_TRUE(eventually([&] { return placed_on(kTwo, kTwo); }));
  const Term said = erpc("a@h", "a@h", "supervisorring", "explain", {kSup, atom("c0")}).value;
  EXPECT_EQ(*said.find("excluded"), T("[{d@h,members}]"));
  EXPECT_EQ(*said.find("members"), atom("native"));
}

TEST_F(WhoOwnsChildren, BeamLeavesTheCNodesWithoutChildren) {
  for (const auto& name : kTwo) add_owning(name, "beam");
  add_peer("d@h", std::string(kBeam) + "beam}}");
  for (const auto& name : kTwo) set_ring(name, {"a@h", "b@h", "d@h"});
  wait(seconds(2));
  EXPECT_EQ(running(kTwo), 0u);
  for (const auto& name : kTwo) EXPECT_EQ(find(name, atom("c0")), atom("d@h"));
}

// What it is comes late: until then nothing moves, and nobody starts what it may own.
TEST_F(WhoOwnsChildren, AMemberIsCountedWhenItHasSaidWhatItIs) {
  const auto speaks = std::make_shared<bool>(false);
  add_owning("a@h", "beam");
  set_ring("a@h", {"a@h"});
  wait(milliseconds(100));
  add_peer("d@h", std::string(kBeam) + "beam}}", speaks);
  set_ring("a@h", {"a@h", "d@h"});
  wait(milliseconds(600));
  EXPECT_EQ(call("a@h", atom("Elixir.S.ChildManager"), T("{get_node,c0}")).value, T("{error,{no_member_up,beam}}"));
  *speaks = true;
  net.run("a@h", [](ProcessContext& context) { context.send(peer_name(), atom("$announce")); });
  EXPECT_TRUE(eventually([&] { return find("a@h", atom("c0")) == atom("d@h"); }));
}

TEST_F(WhoOwnsChildren, TheFirstRingWaitsForTheKinds) {
  const auto speaks = std::make_shared<bool>(false);
  add_peer("d@h", "#{kind => cnode, format => 25, features => [move, ask, members], supervisors => []}", speaks);
  add_owning("a@h", "native");
  set_ring("a@h", {"a@h", "d@h"});
  wait(milliseconds(500));
  EXPECT_EQ(running({"a@h"}), 0u) << "some of them may belong to d@h";
  *speaks = true;
  net.run("a@h", [](ProcessContext& context) { context.send(peer_name(), atom("$announce")); });
  EXPECT_TRUE(eventually([&] { return running({"a@h"}) > 0; }));
  EXPECT_LT(running({"a@h"}), 12u);
}

TEST_F(WhoOwnsChildren, BesideALegacyMemberThatRunsItAllOwnItUntilThatHasGone) {
  for (const auto& name : kTwo) add_owning(name, "[a@h]");
  add_plain("old@h");
  for (const auto& name : kTwo) set_ring(name, {"a@h", "b@h", "old@h"});
  EXPECT_TRUE(eventually([&] { return placed_on({"a@h"}, kTwo); })) << "it does not run it";
  run_child_manager("old@h");
  EXPECT_TRUE(eventually([&] { return note("a@h") != "" && note("b@h") != ""; }));
  EXPECT_EQ(note("a@h"), "members => [a@h] is not kept while old@h runs it, which places by all members: all own its children");
  EXPECT_TRUE(eventually([&] { return running({"b@h"}) > 0; })) << "as old@h places them";
  for (int i = 0; i < 12; ++i) {
    const Term id = atom("c" + std::to_string(i));
    EXPECT_EQ(find("a@h", id), atom(owner("a@h", id)));
  }
  net.crash("old@h");
  ring(kTwo);
  EXPECT_TRUE(eventually([&] { return placed_on({"a@h"}, kTwo); }));
  EXPECT_EQ(note("a@h"), "");
  for (const auto& name : kTwo) {
    EXPECT_EQ(times_logged(name, "is not kept while old@h runs it"), 1u);
    EXPECT_TRUE(net.logged(name, "its children are placed by members => [a@h] again"));
  }
}

TEST_F(WhoOwnsChildren, AnOlderMemberOfOursThatRunsItCountsAsALegacyOne) {
  add_peer("old@h", "#{kind => cnode, format => 25, features => [move, ask], supervisors => ['Elixir.S']}");
  add_owning("a@h", "[a@h]");
  set_ring("a@h", {"a@h", "old@h"});
  EXPECT_TRUE(eventually([&] { return note("a@h").find("old@h runs it") != std::string::npos; }));
  std::size_t elsewhere = 0;
  for (int i = 0; i < 12; ++i) elsewhere += find("a@h", atom("c" + std::to_string(i))) == atom("old@h");
  EXPECT_GT(elsewhere, 0u);
}

TEST_F(WhoOwnsChildren, MembersThatDisagreeGoByOneOfTheirSetsAndSaySo) {
  add_owning("a@h", "[b@h]");
  add_owning("b@h", "[c@h]");
  add_owning("c@h", "all");
  ring(kThree);
  EXPECT_TRUE(eventually([&] { return placed_on({"b@h"}, kThree); })) << "a@h sorts first";
  for (const auto& name : kThree) {
    EXPECT_EQ(note(name), "the members disagree about who owns its children: a@h says [b@h], b@h says [c@h], c@h says all; [b@h] counts until they agree");
    EXPECT_TRUE(net.logged(name, "the members disagree about who owns its children"));
    wait(seconds(3));
    EXPECT_LE(times_logged(name, "a@h says [b@h], b@h says [c@h], c@h says all"), 1u) << "once, not each time it is looked at";
  }
  net.crash("a@h");
  ring({"b@h", "c@h"});
  for (const auto& name : {"b@h", "c@h"}) EXPECT_TRUE(eventually([&] { return note(name).find("[c@h] counts") != std::string::npos; }));
}

TEST_F(WhoOwnsChildren, APlanIsWhatThenHappensAndNamesWhoIsLeftOut) {
  for (const auto& name : kThree) add_owning(name, "[b@h,c@h]", 40);
  ring(kThree);
  ASSERT_TRUE(eventually([&] { return running({"b@h", "c@h"}) == 40; }));
  const Term plan = erpc("a@h", "a@h", "supervisorring", "plan", {T("[{without,c@h}]")}).value;
  const Term& of_it = plan.find("supervisors")->elements()[0];
  EXPECT_EQ(*of_it.find("moves"), integer(static_cast<std::int64_t>(local("c@h")->active())));
  EXPECT_EQ(*of_it.find("excluded"), T("[{a@h,members}]"));
  EXPECT_EQ(*of_it.find("moves_between")->elements()[0].find("to"), atom("b@h"));
  const Term both = erpc("a@h", "a@h", "supervisorring", "plan", {T("[{without,c@h},{without,b@h}]")}).value;
  EXPECT_EQ(*both.find("supervisors")->elements()[0].find("moves"), integer(40));
  EXPECT_EQ(*both.find("supervisors")->elements()[0].find("moves_between")->elements()[0].find("to"), atom("none"));
}

TEST_F(WhoOwnsChildren, AMemberThatLeavesHandsItsChildrenToTheSet) {
  for (const auto& name : kThree) add_owning(name, "[b@h,c@h]");
  ring(kThree);
  ASSERT_TRUE(eventually([&] { return placed_on({"b@h", "c@h"}, kThree); }));
  for (int i = 0; i < 12; ++i) EXPECT_EQ(call("a@h", tuple(atom("c" + std::to_string(i)), find("a@h", atom("c" + std::to_string(i)))), atom("increment")).value, integer(1));
  set_ring("c@h", kTwo, true, true);
  drive();
  EXPECT_TRUE(eventually([&] { return running({"b@h"}) == 12 && running({"c@h"}) == 0; }));
  for (int i = 0; i < 12; ++i) EXPECT_EQ(call("a@h", tuple(atom("c" + std::to_string(i)), atom("b@h")), atom("get")).value, integer(1));
}

// ---- joining -----------------------------------------------------------------------------------------

class WhoMayJoin : public WhoOwnsChildren {
 protected:
  Result<bool> may_join(const std::string& name, std::vector<Term> asked) {
    std::optional<Result<bool>> answer;
    net.run(name, [&](ProcessContext& context) { members.at(name)->supervision->may_join(context, asked, [&](ProcessContext&, Result<bool> r) { answer = r; }); });
    EXPECT_TRUE(eventually([&] { return answer.has_value(); }));
    return answer.value_or(Error{"no answer"});
  }
};

TEST_F(WhoMayJoin, ASupervisorThatLeavesThisNodeOutNeedsNoDefinitionHere) {
  add_peer("d@h", std::string(kBeam) + "beam}}");
  add("a@h");
  EXPECT_TRUE(may_join("a@h", {atom("d@h")}));
  add_peer("e@h", std::string(kBeam) + "[e@h]}}");
  EXPECT_TRUE(may_join("a@h", {atom("d@h"), atom("e@h")}));
  add_peer("f@h", std::string(kBeam) + "[a@h,f@h]}}");
  EXPECT_FALSE(may_join("a@h", {atom("f@h")}));
  add_peer("g@h", std::string(kBeam) + "native}}");
  EXPECT_FALSE(may_join("a@h", {atom("g@h")}));
  add_peer("old@h", "#{kind => beam, format => 25, features => [ask], supervisors => ['Elixir.S']}");
  EXPECT_FALSE(may_join("a@h", {atom("d@h"), atom("old@h")})) << "an older member places by all";
}

TEST_F(WhoMayJoin, ItIsRefusedWithASetBesideAMemberThatRunsItWithout) {
  add_peer("old@h", "#{kind => cnode, format => 25, features => [move, ask], supervisors => ['Elixir.S']}");
  add_owning("a@h", "native");
  const auto verdict = may_join("a@h", {atom("old@h")});
  ASSERT_FALSE(verdict);
  EXPECT_EQ(verdict.error(), "old@h runs the supervisor 'Elixir.S' and places its children by all members; here it is defined with members => native");
  set_ring("a@h", {"a@h", "old@h"});
  wait(seconds(1));
  EXPECT_TRUE(may_join("a@h", {atom("old@h")})) << "up already: it has fallen back to all";
}

}  // namespace
}  // namespace supervisorring
