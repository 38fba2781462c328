// Who is cordoned: which children each member keeps, as the others hear of it, and where new ones go.
#include "sup_cluster.h"

#include <algorithm>

#include "sup/cordons.h"

namespace supervisorring {
namespace {

using sup_test::kA, sup_test::kB, sup_test::kC;

const Term kSup = atom("Elixir.S");

std::vector<Term> numbers(std::int64_t count) {
  std::vector<Term> ids;
  for (std::int64_t i = 0; i < count; ++i) ids.push_back(integer(i));
  return ids;
}
KeptList list_of(std::int64_t count) { return {{kSup, numbers(count)}}; }

TEST(Cordons, AListIsTakenWhenItsLastPartHasCome) {
  Cordons cordons(kA);
  const auto parts = in_parts({{kSup, numbers(7)}, {atom("t"), numbers(3)}}, 4);
  ASSERT_EQ(parts.size(), 3u);
  cordons.heard(kB, {{kB, 1, true}});
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_FALSE(*cordons.heard(kB, parts[i]));
    EXPECT_EQ(cordons.list_of(kB), nullptr) << i;
  }
  EXPECT_TRUE(*cordons.heard(kB, parts[2]));
  EXPECT_EQ(count_ids(*cordons.list_of(kB)), 10u);
}

TEST(Cordons, AListComesBeforeTheHelloThatSaysItCounts) {
  Cordons cordons(kA);
  EXPECT_TRUE(*cordons.heard(kB, in_parts(list_of(3), 10)[0]));
  EXPECT_EQ(cordons.list_of(kB), nullptr);
  cordons.heard(kB, {{kB, 1, true}});
  EXPECT_EQ(count_ids(*cordons.list_of(kB)), 3u);
}

TEST(Cordons, PartsOfAListThatWasInterruptedAreNoList) {
  Cordons cordons(kA);
  cordons.heard(kB, {{kB, 1, true}});
  const auto old = in_parts(list_of(8), 4), fresh = in_parts(list_of(6), 4);
  EXPECT_FALSE(*cordons.heard(kB, old[0]));
  cordons.gone(kB);
  EXPECT_FALSE(*cordons.heard(kB, old[1]));
  EXPECT_FALSE(*cordons.heard(kB, fresh[0]));
  EXPECT_TRUE(*cordons.heard(kB, fresh[1]));
  EXPECT_FALSE(*cordons.heard(kB, fresh[1])) << "twice";
  EXPECT_EQ(count_ids(*cordons.list_of(kB)), 6u);
}

TEST(Cordons, TheListOfOneThatSaysItIsNotCordonedIsForgottenAndOneThatIsSilentKeepsIt) {
  Cordons cordons(kA);
  EXPECT_TRUE(*cordons.heard(kB, in_parts(list_of(3), 10)[0]));
  cordons.heard(kB, {{kB, 1, true}});
  cordons.gone(kB);
  EXPECT_NE(cordons.list_of(kB), nullptr);
  cordons.heard(kB, {{kB, 2, false}});
  cordons.heard(kB, {{kB, 3, true}});
  EXPECT_EQ(cordons.list_of(kB), nullptr) << "it has not said what it keeps now";
}

TEST(Cordons, NobodyKeepsMoreThanTheLimitAndWhatIsForgottenMakesRoom) {
  Cordons cordons(kA);
  cordons.heard(kB, {{kB, 1, true}});
  const auto parts = in_parts(list_of(kMaxKeptIds + 1), 5'000);
  bool refused = false;
  for (const PeerKept& part : parts) refused = refused || !cordons.heard(kB, part);
  EXPECT_TRUE(refused);
  EXPECT_EQ(cordons.list_of(kB), nullptr);
  for (int round = 0; round < 3; ++round)
    for (int member = 0; member < 10; ++member)
      for (const PeerKept& part : in_parts(list_of(kMaxKeptIds), 50'000)) ASSERT_TRUE(cordons.heard(atom("m" + std::to_string(member)), part)) << member;
  EXPECT_FALSE(cordons.heard(kC, in_parts(list_of(1), 5)[0])) << "all have as many as they may";
  cordons.forget_if([](const Term&) { return true; });
  EXPECT_TRUE(cordons.heard(kC, in_parts(list_of(1), 5)[0]));
}

class AnyHandler : public ChildHandler {
 public:
  std::vector<ChildSpec> children;
  std::vector<ChildSpec> get_all() override { return children; }
  bool match(const Term&) override { return true; }
  Term add(const ChildSpec& spec) override { children.push_back(spec); return atom("ok"); }
  Term del(const Term& id) override {
    std::erase_if(children, [&id](const ChildSpec& each) { return each.id == id; });
    return atom("ok");
  }
};

class SupCordon : public SupCluster {
 protected:
  SupervisionState& state(const std::string& name) { return *members.at(name)->supervision->state(); }
  Term cordon(const std::string& name) {
    Term answer;
    net.run(name, [&](ProcessContext& context) { answer = state(name).cordoning.cordon(context); });
    drive();
    return answer;
  }
  void uncordon(const std::string& name) {
    net.run(name, [&](ProcessContext& context) { state(name).draining.undrain(context); });
    drive();
  }
  std::string owner_by(const std::string& asked, const Term& id) {
    const auto owner = state(asked).who_owns.owner_of(*state(asked).find(kSup), id);
    return owner.node ? std::string(owner.node->atom_name()) : "none";
  }
  void start(int count, const std::vector<std::string>& names = kThree) {
    handler->children = counters(count);
    for (const auto& n : names) add_with(n, {}, handler);
    ring(names);
    ASSERT_TRUE(eventually([&] { return each_once_where_it_belongs(handler->children, names); }));
    for (int i = 0; i < count; ++i) count_of("a@h", "c" + std::to_string(i), "increment");
  }
  // By every member's word the child has one owner, and runs there only.
  bool each_once_at_its_owner(const std::vector<std::string>& up) {
    return std::ranges::all_of(handler->children, [&](const ChildSpec& child) {
      const std::string owner = owner_by(up[0], child.id);
      return std::ranges::all_of(up, [&](const std::string& n) {
        const auto view = local(n) ? local(n)->find(child.id) : std::nullopt;
        return owner_by(n, child.id) == owner && (view && view->state == Supervisor::ChildState::running) == (n == owner);
      });
    });
  }
  std::map<std::string, Term> pids_on(const std::string& name) {
    std::map<std::string, Term> pids;
    for (const ChildSpec& child : handler->children)
      if (const auto view = local(name)->find(child.id)) pids[to_text(child.id)] = view->pid;
    return pids;
  }
  // The children that the ring alone gives to a member, of those that are to come.
  void add_more(int from, int to) {
    for (int i = from; i < to; ++i) EXPECT_TRUE(erpc("a@h", "a@h", "supervisorring", "start_child", {kSup, to_tuple(spec("c" + std::to_string(i)))}).ok);
  }
  void expect_counts(int children) {
    for (int i = 0; i < children; ++i) {
      const std::string id = "c" + std::to_string(i);
      const CallResult answer = call("a@h", tuple(atom(id), atom(owner_by("a@h", T(id)))), atom("get"));
      EXPECT_TRUE(answer.ok && answer.value == integer(1)) << id << " on " << owner_by("a@h", T(id)) << ": " << to_text(answer.value);
    }
  }
  std::shared_ptr<AnyHandler> handler = std::make_shared<AnyHandler>();
};

TEST_F(SupCordon, ACordonedMemberKeepsItsChildrenAndGetsNoNewOnes) {
  start(60);
  const auto before = pids_on("c@h");
  ASSERT_GT(before.size(), 5u);
  EXPECT_EQ(cordon("c@h"), atom("ok"));
  wait(std::chrono::seconds(1));
  EXPECT_EQ(pids_on("c@h"), before);
  add_more(60, 100);
  wait(std::chrono::seconds(1));
  EXPECT_EQ(pids_on("c@h"), before);
  EXPECT_TRUE(each_once_at_its_owner(kThree));
  EXPECT_EQ(running(kThree), 100u);
  expect_counts(60);
  EXPECT_TRUE(net.logged("a@h", "c@h is cordoned: it keeps " + std::to_string(before.size()) + " children and gets no new ones"));
}

TEST_F(SupCordon, WhatIsStartedOnItByOneThatHasNotHeardGoesToItsOwnerWithItsState) {
  start(30);
  cordon("c@h");
  std::string late;
  for (int i = 30; late.empty(); ++i)
    if (owner("a@h", T("c" + std::to_string(i))) == "c@h") late = "c" + std::to_string(i);
  const ChildSpec child = spec(late);
  EXPECT_TRUE(call("a@h", tuple(kSup, kC), tuple(atom("start_child"), to_tuple(child))).value.is_tagged("ok", 2));
  EXPECT_TRUE(call("a@h", tuple(atom(late), kC), atom("increment")).ok);
  handler->add(child);
  for (const auto& n : kThree) cast("a@h", tuple(name_of_child_manager(kSup), atom(n)), atom("sync_children"));
  EXPECT_TRUE(eventually([&] { return each_once_at_its_owner(kThree) && running({"c@h"}) == pids_on("c@h").size() && owner_by("a@h", child.id) != "c@h"; }));
  EXPECT_EQ(call("a@h", tuple(atom(late), atom(owner_by("a@h", child.id))), atom("get")).value, integer(1));
}

TEST_F(SupCordon, UncordonBringsTheChildrenHomeThatTheRingGivesIt) {
  start(40);
  cordon("b@h");
  add_more(40, 60);
  for (int i = 40; i < 60; ++i) EXPECT_TRUE(call("a@h", tuple(atom("c" + std::to_string(i)), atom(owner_by("a@h", T("c" + std::to_string(i))))), atom("increment")).ok);
  uncordon("b@h");
  EXPECT_TRUE(eventually([&] { return each_once_where_it_belongs(handler->children, kThree); }));
  expect_counts(60);
}

TEST_F(SupCordon, ItDiesAndAllItsChildrenRunElsewhereAndItIsNotCordonedWhenItIsBack) {
  start(40);
  cordon("b@h");
  net.crash("b@h");
  for (const auto& n : {"a@h", "c@h"}) set_ring(n, {"a@h", "c@h"});
  drive();
  EXPECT_TRUE(eventually([&] { return running({"a@h", "c@h"}) == 40; }));
  add_with("b@h", {}, handler);
  ring(kThree);
  EXPECT_TRUE(eventually([&] { return each_once_where_it_belongs(handler->children, kThree); }));
  for (const auto& n : kThree) EXPECT_TRUE(state(n).cordoning.in_effect().empty()) << n;
}

TEST_F(SupCordon, ChildrenOfOthersThatGoDoNotComeToItAndItsOwnStayWhenOthersJoin) {
  start(60);
  cordon("b@h");
  const auto kept = pids_on("b@h");
  net.crash("c@h");
  for (const auto& n : kTwo) set_ring(n, kTwo);
  drive();
  EXPECT_TRUE(eventually([&] { return running(kTwo) == 60; }));
  EXPECT_EQ(pids_on("b@h"), kept);
  add_with("c@h", {}, handler);
  add_with("d@h", {}, handler);
  const std::vector<std::string> four{"a@h", "b@h", "c@h", "d@h"};
  ring(four);
  EXPECT_TRUE(eventually([&] { return each_once_at_its_owner(four) && running({"d@h"}) > 0; }));
  EXPECT_EQ(pids_on("b@h"), kept);
}

TEST_F(SupCordon, ItLeavesWithAllItsState) {
  start(40);
  cordon("b@h");
  bool left = false;
  set_ring("b@h", {"a@h", "c@h"}, true, true);
  net.run("b@h", [&](ProcessContext& context) { members.at("b@h")->supervision->prepare_leave(context, [&](ProcessContext&) { left = true; }); });
  EXPECT_TRUE(eventually([&] { return left; }));
  EXPECT_EQ(running({"b@h"}), 0u);
  for (const auto& n : {"a@h", "c@h"}) set_ring(n, {"a@h", "c@h"});
  drive();
  EXPECT_TRUE(eventually([&] { return each_once_at_its_owner({"a@h", "c@h"}); }));
  expect_counts(40);
}

TEST_F(SupCordon, IsDrainedOnTopOfIt) {
  start(40);
  cordon("b@h");
  net.run("b@h", [&](ProcessContext& context) { EXPECT_EQ(state("b@h").draining.drain(context, {}), atom("ok")); });
  drive();
  EXPECT_TRUE(eventually([&] { return running({"b@h"}) == 0 && running({"a@h", "c@h"}) == 40; }));
  expect_counts(40);
  EXPECT_EQ(cordon("b@h"), T("{error, drained}"));
  uncordon("b@h");
  EXPECT_TRUE(eventually([&] { return each_once_where_it_belongs(handler->children, kThree); }));
}

TEST_F(SupCordon, ADeletedChildIsKeptNoMore) {
  start(30);
  cordon("b@h");
  const auto kept = pids_on("b@h");
  const Term id = T(kept.begin()->first);
  EXPECT_EQ(erpc("a@h", "a@h", "supervisorring", "terminate_child", {kSup, id}).value, atom("ok"));
  EXPECT_EQ(owner_by("a@h", id), "b@h") << "it may be restarted";
  EXPECT_EQ(erpc("a@h", "a@h", "supervisorring", "delete_child", {kSup, id}).value, atom("ok"));
  wait(kTrimKept + std::chrono::seconds(2));
  EXPECT_NE(owner_by("a@h", id), "b@h");
  EXPECT_EQ(state("b@h").cordoning.own_children(), kept.size() - 1);
  EXPECT_EQ(pids_on("b@h").size(), kept.size() - 1);
}

TEST_F(SupCordon, AKeptChildThatCrashesIsRestartedWhereItIs) {
  start(30);
  cordon("b@h");
  const auto kept = pids_on("b@h");
  const std::string id = kept.begin()->first;
  cast("a@h", tuple(T(id), kB), atom("crash"));
  EXPECT_TRUE(eventually([&] { const auto view = local("b@h")->find(T(id)); return view && view->pid.is_pid() && view->pid != kept.at(id); }));
  EXPECT_TRUE(each_once_at_its_owner(kThree));
}

TEST_F(SupCordon, AMemberThatJoinsAndOneWhoseConnectionBreaksHearWhatIsKept) {
  start(60, kTwo);
  cordon("b@h");
  const auto kept = pids_on("b@h");
  net.close_connections("a@h", "b@h");
  wait(std::chrono::seconds(2));
  add_with("c@h", {}, handler);
  ring(kThree);
  EXPECT_TRUE(eventually([&] { return each_once_at_its_owner(kThree) && running({"c@h"}) > 0; }));
  EXPECT_EQ(pids_on("b@h"), kept);
  expect_counts(60);
}

TEST_F(SupCordon, AfterAPartitionItsCopiesStay) {
  start(40);
  cordon("b@h");
  const auto kept = pids_on("b@h");
  for (const char* other : {"a@h", "c@h"}) net.cut("b@h", other);
  set_ring("b@h", {"b@h"});
  for (const auto& n : {"a@h", "c@h"}) set_ring(n, {"a@h", "c@h"});
  drive();
  EXPECT_TRUE(eventually([&] { return running({"a@h", "c@h"}) == 40 && running({"b@h"}) == 40; }));
  for (const char* other : {"a@h", "c@h"}) net.heal("b@h", other);
  ring(kThree);
  EXPECT_TRUE(eventually([&] { return each_once_at_its_owner(kThree); }, std::chrono::seconds(40)));
  EXPECT_EQ(pids_on("b@h"), kept);
}

TEST_F(SupCordon, IsRefusedBesideALegacyMemberAndEndsWhenOneComesUp) {
  start(40);
  EXPECT_EQ(cordon("b@h"), atom("ok"));
  EXPECT_EQ(cordon("b@h"), atom("ok"));
  add_plain("l@h");
  for (const auto& n : kThree) set_ring(n, {"a@h", "b@h", "c@h", "l@h"});
  drive();
  wait(std::chrono::seconds(1));
  for (const auto& n : kThree) EXPECT_TRUE(state(n).cordoning.in_effect().empty()) << n;
  EXPECT_TRUE(net.logged("b@h", "not cordoned any more: l@h places children by all members"));
  EXPECT_EQ(cordon("a@h"), T("{error,{legacy_members,['l@h']}}"));
}

TEST_F(SupCordon, TheLastThatGetsNewChildrenIsRefused) {
  start(6, kTwo);
  EXPECT_EQ(cordon("a@h"), atom("ok"));
  EXPECT_EQ(cordon("b@h"), T("{error,no_other_member}"));
  net.run("b@h", [&](ProcessContext& context) { EXPECT_EQ(state("b@h").draining.drain(context, {}), T("{error,no_other_member}")); });
}

TEST_F(SupCordon, ExplainStatusAndPlanShowIt) {
  start(40);
  EXPECT_EQ(erpc("a@h", "b@h", "supervisorring", "cordon", {}).value, atom("ok"));
  wait(std::chrono::milliseconds(100));
  add_with("d@h", {}, handler);
  ring({"a@h", "b@h", "c@h", "d@h"});
  wait(std::chrono::seconds(2));
  int by_keeping = 0;
  for (const auto& [id, pid] : pids_on("b@h")) {
    const CallResult explained = erpc("a@h", "c@h", "supervisorring", "explain", {kSup, T(id)});
    ASSERT_TRUE(explained.ok && explained.value.is_map());
    EXPECT_EQ(*explained.value.find("owner"), kB);
    EXPECT_EQ(*explained.value.find("excluded"), T("[{'b@h', cordoned}]"));
    by_keeping += explained.value.find("kept")->is_atom("true") ? 1 : 0;
  }
  EXPECT_GT(by_keeping, 0);
  const std::size_t kept = pids_on("b@h").size();
  net.run("b@h", [&](ProcessContext& context) {
    const Term status = members.at("b@h")->supervision->status(context);
    EXPECT_EQ(*status.find("cordoned"), T("['b@h']"));
    EXPECT_EQ(*status.find("drained"), Term());
    EXPECT_EQ(*status.find("cordon"), T("#{self => true, note => <<>>, children => " + std::to_string(kept) + "}"));
  });
  const Term planned = erpc("a@h", "a@h", "supervisorring", "plan", {T("[{without, 'b@h'}]")}).value;
  ASSERT_TRUE(planned.is_map());
  EXPECT_EQ(*planned.find("supervisors")->elements()[0].find("moves"), Term::unsigned_integer(kept)) << to_text(planned);
  const Term none = erpc("a@h", "a@h", "supervisorring", "plan", {T("[{without, 'c@h'}]")}).value;
  for (const Term& moves : none.find("supervisors")->elements()[0].find("moves_between")->elements()) EXPECT_EQ(*moves.find("from"), kC) << to_text(moves);
}

}  // namespace
}  // namespace supervisorring
