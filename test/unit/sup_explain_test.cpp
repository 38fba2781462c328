// Why a child is where it is, and what would move (node/api_explain.h, sup/ring_plan.h).
#include "sup/ring_plan.h"
#include "sup_cluster.h"

namespace supervisorring {
namespace {

class Explained : public SupCluster {
 protected:
  void SetUp() override {
    for (const char* name : {"a@h", "b@h", "c@h"}) add_with(name, counters(30));
    ring({"a@h", "b@h", "c@h"});
    wait(std::chrono::seconds(1));
  }
  Term explain(const std::string& on, const Term& id) {
    const CallResult answer = erpc("a@h", on, "supervisorring", "explain", {atom("Elixir.S"), id});
    EXPECT_TRUE(answer.ok) << to_text(answer.value);
    return answer.value;
  }
  Term plan(std::string_view changes) { return erpc("a@h", "a@h", "supervisorring", "plan", {T(changes)}).value; }
  static Term at(const Term& map, std::string_view key) {
    const Term* value = map.is_map() ? map.find(key) : nullptr;
    EXPECT_NE(value, nullptr) << key << " in " << to_text(map, 300);
    return value ? *value : Term();
  }
};

TEST_F(Explained, EveryMemberNamesTheSamePointAndOwnerAndOnlyTheOwnerRunsIt) {
  for (int i = 0; i < 5; ++i) {
    const Term id = atom("c" + std::to_string(i));
    for (const char* on : {"a@h", "b@h", "c@h"}) {
      const Term said = explain(on, id);
      EXPECT_EQ(at(said, "owner"), atom(owner("a@h", id)));
      EXPECT_EQ(at(at(said, "point"), "member"), at(said, "owner"));
      EXPECT_EQ(at(said, "node"), atom(on));
      EXPECT_EQ(at(said, "named"), atom("true"));
      const bool here = at(said, "owner") == atom(on);
      EXPECT_EQ(at(said, "here"), atom(here ? "running" : "none"));
      EXPECT_EQ(at(said, "by"), atom(here ? "native" : "none"));
      EXPECT_EQ(at(said, "pid").is_pid(), here);
      EXPECT_EQ(at(said, "doing"), Term::binary(""));
    }
  }
}

TEST_F(Explained, ThePointIsTheFirstFromTheKeyOn) {
  const Term said = explain("a@h", T("c7"));
  const std::string key = *at(said, "digest").as_text(), point = *at(at(said, "point"), "digest").as_text();
  ASSERT_EQ(key.size(), 40u);
  const auto ring = members.at("a@h")->view.ring();
  const auto number = static_cast<std::uint32_t>(at(at(said, "point"), "number").to_int64());
  const Digest digest = point_digest(at(said, "owner"), number);
  std::string hex;
  for (const unsigned char byte : digest) hex += {"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
  EXPECT_EQ(point, hex);
  std::size_t between = 0;
  for (std::size_t i = 0; i < ring->point_count(); ++i) {
    std::string other;
    for (const unsigned char byte : ring->point(i).digest) other += {"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
    between += key <= other && other < point;
  }
  if (key <= point) {
    EXPECT_EQ(between, 0u);
  }
}

TEST_F(Explained, AChildThatNobodyNamesHasAnOwnerAllTheSame) {
  const Term said = explain("b@h", T("{none,\"such\"}"));
  EXPECT_EQ(at(said, "named"), atom("false"));
  EXPECT_EQ(at(said, "here"), atom("none"));
  EXPECT_TRUE(at(said, "owner").is_atom());
}

TEST_F(Explained, AnIdThatCannotBePlacedIsOneLineAndAnUnknownSupervisorNoproc) {
  std::vector<Term::Pair> pairs;
  for (int i = 0; i < 40; ++i) pairs.emplace_back(integer(i), integer(i));
  const Term said = explain("a@h", Term::map(pairs));
  ASSERT_TRUE(said.is_tagged("error", 2));
  EXPECT_NE(said[1].as_text()->find("32"), std::string::npos) << to_text(said);
  const CallResult unknown = erpc("a@h", "b@h", "supervisorring", "explain", {atom("nobody"), T("c1")});
  EXPECT_FALSE(unknown.ok);
  EXPECT_NE(to_text(unknown.value).find("noproc"), std::string::npos) << to_text(unknown.value);
}

TEST_F(Explained, AMemberWithoutTheSupervisorIsNamedAndSoIsOneThatIsNotUp) {
  add("d@h");
  for (const auto& name : {"a@h", "b@h", "c@h"}) set_ring(name, {"a@h", "b@h", "c@h", "d@h"});
  set_ring("d@h", {"a@h", "b@h", "c@h", "d@h"});
  wait(std::chrono::seconds(2));
  EXPECT_EQ(at(explain("a@h", T("c1")), "without_supervisor"), T("['d@h']"));
}

TEST_F(Explained, AChildThatWaitsSaysForWhatAndUntilWhen) {
  add("d@h");  // owns a share and does not run the supervisor
  for (const auto& name : {"a@h", "b@h", "c@h", "d@h"}) set_ring(name, {"a@h", "b@h", "c@h", "d@h"});
  wait(std::chrono::seconds(2));
  bool seen = false;
  for (int i = 0; i < 30; ++i) {
    const Term id = atom("c" + std::to_string(i));
    for (const auto& name : {"a@h", "b@h", "c@h"}) {
      const Term said = explain(name, id);
      if (at(said, "owner") != T("'d@h'") || at(said, "here") != atom("running")) continue;
      seen = true;
      EXPECT_NE(at(said, "doing").as_text()->find("does not run the supervisor"), std::string::npos) << to_text(said);
      EXPECT_TRUE(at(said, "next_try_ms").as_int64().has_value());
    }
  }
  EXPECT_TRUE(seen);
}

// ---- plan -------------------------------------------------------------------------------------------

TEST_F(Explained, WhatAPlanSaysIsWhatThenMoves) {
  std::map<std::string, std::string> before;
  for (int i = 0; i < 30; ++i) before["c" + std::to_string(i)] = owner("a@h", atom("c" + std::to_string(i)));
  const Term said = plan("[{without,'c@h'}]");
  ASSERT_EQ(at(said, "supervisors").size(), 1u);
  const Term one = at(said, "supervisors")[0];
  EXPECT_EQ(at(one, "children"), integer(30));
  EXPECT_EQ(at(said, "up_then"), T("['a@h','b@h']"));
  std::map<std::string, std::pair<std::string, std::string>> planned;
  const Term between = at(one, "moves_between");
  for (const Term& moves : between.elements()) {
    const Term ids = at(moves, "ids");
    for (const Term& id : ids.elements()) planned[std::string(id.atom_name())] = {to_text(at(moves, "from")), to_text(at(moves, "to"))};
  }
  ring({"a@h", "b@h"});
  std::size_t moved = 0;
  for (const auto& [id, from] : before) {
    const std::string to = owner("a@h", atom(id));
    if (to == from) {
      EXPECT_FALSE(planned.contains(id));
      continue;
    }
    ++moved;
    EXPECT_EQ(planned[id], std::pair(to_text(atom(from)), to_text(atom(to))));
  }
  EXPECT_EQ(at(one, "moves"), integer(static_cast<std::int64_t>(moved)));
  EXPECT_GT(moved, 0u);
}

TEST_F(Explained, APlanMovesNothing) {
  plan("[{without,'c@h'},{with,'x@h'}]");
  wait(std::chrono::seconds(1));
  EXPECT_TRUE(each_once_where_it_belongs(counters(30), {"a@h", "b@h", "c@h"}));
}

TEST_F(Explained, AChangeThatCannotBeIsOneLine) {
  EXPECT_EQ(plan("[{without,'x@h'}]"), tuple(atom("error"), Term::binary("x@h is not up")));
  EXPECT_EQ(plan("[{with,'b@h'}]"), tuple(atom("error"), Term::binary("b@h is up already")));
  EXPECT_EQ(plan("[{without,'a@h'},{without,'b@h'},{without,'c@h'}]"), tuple(atom("error"), Term::binary("no member would be left")));
  for (const char* odd : {"without", "[without]", "[{without,1}]", "[{with,'x@h'}|tail]"}) EXPECT_TRUE(plan(odd).is_tagged("error", 2)) << odd;
}

TEST(RingPlan, IdsAreListedUpToALimitAndCountedAll) {
  const std::vector<Term> members{atom("a@h"), atom("b@h")};
  const auto before = Ring::make(members);
  const std::vector<MemberChange> gone{{false, atom("b@h")}};
  std::vector<Term> ids;
  for (int i = 0; i < 1000; ++i) ids.push_back(integer(i));
  const auto plan = plan_moves(atom("s"), ids, HashFormat::minor_version_1, {*before, *before}, {**changed_ring(before, gone), **changed_ring(before, gone)}, 5);
  ASSERT_EQ(plan.moves_between.size(), 1u);
  EXPECT_EQ(plan.moves_between[0].ids.size(), 5u);
  EXPECT_EQ(plan.moves_between[0].count, plan.moves);
  EXPECT_GT(plan.moves, 300u);
  EXPECT_EQ(plan.children, 1000u);
}

}  // namespace
}  // namespace supervisorring
