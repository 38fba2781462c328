#include "sup/child_manager.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>

namespace supervisorring {
namespace {

Term T(std::string_view text) {
  auto term = parse_term(text);
  EXPECT_TRUE(term) << text << ": " << (term ? "" : term.error());
  return term ? *term : Term();
}

// Some members, each with a local supervisor and a child manager; children are a pid and a number (their state).
class Cluster : public testing::Test {
 protected:
  struct Member {
    Term name;
    std::unique_ptr<Supervisor> sup;
    std::unique_ptr<ChildManager> manager;
    std::map<std::string, int> state;                 // by id as text: of children that run or are frozen here
    std::map<std::string, StartToken> holding;        // held copies
    std::map<std::string, MoveKey> holding_for;
    std::map<CallId, std::function<void(const Term&)>> calls;
    std::vector<std::string> reports;
    int fresh_starts = 0, frozen = 0;
    bool fail_starts = false, fail_migrate = false, no_freeze = false;
    bool alive = true;
  };
  struct Message { Term from, to; PeerBody body; };

  Member& add(std::string_view name) {
    Member& m = members[std::string(name)];
    m.name = atom(name);
    m.alive = true;
    m.sup = std::make_unique<Supervisor>(atom("Elixir.S"), SupervisorFlags{100, 5});
    m.manager = std::make_unique<ChildManager>(atom("Elixir.S"), m.name, 1000 * (1 + members.size()));
    m.manager->attach(m.sup.get(), now);
    m.manager->set_children(specs, now);
    return m;
  }
  Member& at(std::string_view name) { return members.at(std::string(name)); }
  void ring(std::vector<std::string> up, bool settled = true) {
    std::vector<Term> names;
    for (const auto& n : up) names.push_back(atom(n));
    for (const auto& n : up) {
      Member& m = at(n);
      for (const auto& other : up) if (other != n) m.manager->peer_is(atom(other), kinds.contains(other) ? kinds[other] : PeerKind::runs_it, now);
      m.manager->ring_changed(Ring::make(names), HashFormat::minor_version_1, settled, false, now);
    }
    drive();
  }
  void with_children(int count) {
    specs.clear();
    for (int i = 0; i < count; ++i)
      specs.push_back(std::get<ChildSpec>(check_child_spec(T("{c" + std::to_string(i) + ",{m,f,[]},permanent,5000,worker,[m]}"), AutoShutdown::never)));
  }

  void drive() {
    for (int rounds = 0; rounds < 100000; ++rounds) {
      bool idle = true;
      for (auto& [name, m] : members) {
        if (!m.alive) continue;
        for (auto& e : m.manager->take_effects()) { idle = false; std::visit([&](auto& x) { perform(m, x); }, e); }
        for (auto& e : m.sup->take_effects()) { idle = false; std::visit([&](auto& x) { perform(m, x); }, e); }
      }
      if (!messages.empty()) {
        idle = false;
        Message message = std::move(messages.front());
        messages.pop_front();
        Member& to = at(message.to.atom_name());
        // Every message crosses the wire as a term.
        const Term wire = encode_peer_message({Term::pid(message.from, 1, 0, 1), message.body});
        auto decoded = decode_peer_message(wire);
        ASSERT_TRUE(decoded) << decoded.error();
        if (to.alive && !lost(message)) to.manager->received(message.from, decoded->body, now);
      }
      if (idle) return;
    }
    FAIL() << "never idle";
  }
  void wait(Duration time) {
    const Instant end = now + time;
    while (now < end) {
      now += std::chrono::milliseconds(50);
      for (auto& [name, m] : members) {
        if (!m.alive) continue;
        if (auto at = m.manager->next_timeout(); at && *at <= now) m.manager->timeout(now);
        m.sup->timeout(now);
      }
      drive();
    }
  }
  std::function<bool(const Message&)> lost = [](const Message&) { return false; };

  void call(Member& m, const Term& request, std::function<void(const Term&)> then) {
    m.calls[++last_call] = std::move(then);
    m.sup->call(last_call, request, now);
  }
  Term new_pid(Member& m) { return Term::pid(m.name, ++last_pid, 0, 1); }

  // ---- effects of the manager
  void perform(Member& m, MgrStart& e) {
    const Term id = e.spec.id;
    call(m, e.is_there ? tuple(atom("restart_child"), id) : tuple(atom("start_child"), to_wire(e.spec)),
         [this, &m, id](const Term& result) { m.manager->start_done(id, result, now); });
  }
  void perform(Member& m, MgrDelete& e) { call(m, tuple(atom("delete_child"), e.id), [](const Term&) {}); }
  void perform(Member& m, MgrStop& e) {
    const Term id = e.id;
    call(m, tuple(atom("terminate_child"), id), [](const Term&) {});
    call(m, tuple(atom("delete_child"), id), [this, &m, id](const Term&) { m.manager->stopped(id, now); });
  }
  void perform(Member& m, MgrFreeze& e) {
    if (m.no_freeze) return m.manager->frozen(e.id, e.pid, Error{"busy"}, now);
    ++m.frozen;
    m.manager->frozen(e.id, e.pid, std::optional<Term>(integer(m.state[to_text(e.id)])), now);
  }
  void perform(Member& m, MgrUnfreeze&) { --m.frozen; }
  void perform(Member& m, MgrForward& e) {
    --m.frozen;
    m.state.erase(to_text(e.id));
    m.sup->moved_away(e.id, now);
    m.manager->forwarded(e.id, now);
  }
  void perform(Member& m, MgrHold& e) {
    m.holding_for.insert_or_assign(to_text(e.spec.id), e.move);
    const MoveKey move = e.move;
    m.calls[++last_call] = [this, &m, move](const Term& result) {
      if (result.is_tagged("error", 2)) m.manager->held(move, Error{to_text(result)}, now);
    };
    m.sup->start_held(last_call, e.spec, atom("held"), now);
  }
  void perform(Member& m, MgrRelease& e) {
    const std::string id = to_text(e.id);
    const StartToken token = m.holding.at(id);
    m.holding.erase(id);
    if (m.fail_migrate) {
      m.sup->start_failed(token, atom("migrate_raised"), now);
      return m.manager->released(e.move, Error{"migrate raised"}, now);
    }
    m.state[id] = e.state ? static_cast<int>(e.state->to_int64()) : 0;
    const Term pid = new_pid(m);
    m.sup->started(token, pid, now);
    m.manager->released(e.move, pid, now);
  }
  void perform(Member& m, MgrDrop& e) {
    const std::string id = to_text(e.id);
    if (!m.holding.contains(id)) return;
    const StartToken token = m.holding.at(id);
    m.holding.erase(id);
    m.sup->start_failed(token, atom("dropped"), now);
  }
  void perform(Member& m, MgrHand& e) {
    handed.push_back(to_text(e.spec.id));
    m.manager->handed(e.spec.id, hand_result, now);
  }
  void perform(Member& m, MgrSend& e) { messages.push_back({m.name, e.node, std::move(e.body)}); }
  void perform(Member& m, MgrReport& e) { m.reports.push_back(e.text); }

  // ---- effects of the supervisor
  void perform(Member& m, SupStart& e) {
    const std::string id = to_text(e.spec.id);
    if (m.fail_starts) return m.sup->start_failed(e.token, atom("broken"), now);
    if (e.hold.is_atom("held")) {
      m.holding[id] = e.token;
      return m.manager->held(m.holding_for.at(id), new_pid(m), now);
    }
    ++m.fresh_starts;
    m.state[id] = 0;
    m.sup->started(e.token, new_pid(m), now);
  }
  void perform(Member& m, SupAbandon& e) {
    for (auto& [id, token] : m.holding)
      if (token == e.token) { m.holding.erase(id); return m.sup->start_failed(e.token, atom("dropped"), now); }
  }
  void perform(Member& m, SupExitChild& e) {
    if (auto id = m.sup->id_of(e.pid)) m.state.erase(to_text(*id));
    m.sup->exited(e.pid, e.reason, now);
  }
  void perform(Member& m, SupReply& e) {
    auto then = std::move(m.calls.at(e.call));
    m.calls.erase(e.call);
    then(e.value);
  }
  void perform(Member& m, SupReport& e) { m.reports.push_back(e.text); }
  void perform(Member&, SupEnd&) {}

  // ---- checks
  void kill(std::string_view name) { at(name).alive = false; }
  void down(std::string_view name, std::vector<std::string> survivors) {
    for (const auto& n : survivors) at(n).manager->peer_gone(atom(name), now);
    ring(survivors);
  }
  void expect_each_once_where_it_belongs(const std::vector<std::string>& up) {
    for (const auto& spec : specs) {
      std::vector<std::string> where;
      for (const auto& n : up)
        if (auto view = at(n).sup->find(spec.id); view && view->state == Supervisor::ChildState::running) where.push_back(n);
      ASSERT_EQ(where.size(), 1u) << to_text(spec.id);
      EXPECT_EQ(where[0], std::string(at(up[0]).manager->owner_of(spec.id)->atom_name())) << to_text(spec.id);
    }
  }
  void set_states() {
    for (auto& [name, m] : members) for (auto& [id, state] : m.state) state = 7;
  }
  int states_of_7() {
    int n = 0;
    for (auto& [name, m] : members) if (m.alive) for (auto& [id, state] : m.state) n += state == 7;
    return n;
  }
  int fresh_starts() {
    int n = 0;
    for (auto& [name, m] : members) n += m.fresh_starts;
    return n;
  }

  std::map<std::string, Member> members;
  std::map<std::string, PeerKind> kinds;
  std::vector<ChildSpec> specs;
  std::deque<Message> messages;
  std::vector<std::string> handed;
  Result<Term> hand_result = Term();
  Instant now{std::chrono::seconds(100)};
  CallId last_call = 0;
  std::uint32_t last_pid = 0;
};

TEST_F(Cluster, AMemberAloneStartsAllChildren) {
  with_children(12);
  add("a");
  ring({"a"});
  expect_each_once_where_it_belongs({"a"});
}

TEST_F(Cluster, NoChildIsStartedBeforeTheRingIsSettled) {
  with_children(12);
  add("a");
  ring({"a"}, false);
  EXPECT_EQ(at("a").sup->size(), 0u);
  ring({"a"});
  EXPECT_EQ(at("a").sup->active(), 12u);
}

TEST_F(Cluster, ThreeMembersStartEachChildOnceOnItsOwner) {
  with_children(200);
  for (const char* n : {"a", "b", "c"}) add(n);
  ring({"a", "b", "c"});
  expect_each_once_where_it_belongs({"a", "b", "c"});
  EXPECT_EQ(fresh_starts(), 200);
}

TEST_F(Cluster, ChildrenOfADeadMemberAreStartedByTheirNewOwnersAtOnceAndOthersAreNotTouched) {
  with_children(1000);
  for (const char* n : {"a", "b", "c"}) add(n);
  ring({"a", "b", "c"});
  set_states();
  const int lost_children = static_cast<int>(at("c").state.size());
  kill("c");
  down("c", {"a", "b"});
  expect_each_once_where_it_belongs({"a", "b"});
  EXPECT_EQ(states_of_7(), 1000 - lost_children);
  EXPECT_EQ(fresh_starts(), 1000 + lost_children);
}

TEST_F(Cluster, WhatMovesToAJoiningMemberKeepsItsState) {
  with_children(300);
  for (const char* n : {"a", "b"}) add(n);
  ring({"a", "b"});
  set_states();
  add("c");
  ring({"a", "b", "c"});
  expect_each_once_where_it_belongs({"a", "b", "c"});
  EXPECT_EQ(states_of_7(), 300);
  EXPECT_EQ(fresh_starts(), 300);
  for (auto& [name, m] : members) EXPECT_EQ(m.frozen, 0);
}

TEST_F(Cluster, AJoiningMemberThatHearsOfTheRingFirstWaitsForTheChildrenThatOthersRun) {
  with_children(100);
  add("a");
  ring({"a"});
  set_states();
  Member& b = add("b");
  b.manager->peer_is(atom("a"), PeerKind::runs_it, now);
  b.manager->ring_changed(Ring::make(std::vector<Term>{atom("a"), atom("b")}), HashFormat::minor_version_1, true, false, now);
  drive();
  EXPECT_EQ(b.sup->size(), 0u);
  wait(std::chrono::seconds(1));
  ring({"a", "b"});
  expect_each_once_where_it_belongs({"a", "b"});
  EXPECT_EQ(states_of_7(), 100);
}

TEST_F(Cluster, AMemberThatLeavesHandsEverythingOverWithItsState) {
  with_children(100);
  for (const char* n : {"a", "b", "c"}) add(n);
  ring({"a", "b", "c"});
  set_states();
  for (const char* n : {"a", "b"}) at(n).manager->peer_is_leaving(atom("c"), now);
  at("c").manager->ring_changed(Ring::make(std::vector<Term>{atom("a"), atom("b")}), HashFormat::minor_version_1, true, true, now);
  EXPECT_FALSE(at("c").manager->drained());
  drive();
  EXPECT_TRUE(at("c").manager->drained());
  kill("c");
  down("c", {"a", "b"});
  expect_each_once_where_it_belongs({"a", "b"});
  EXPECT_EQ(states_of_7(), 100);
  EXPECT_EQ(fresh_starts(), 100);
}

TEST_F(Cluster, ATargetThatDoesNotRunTheSupervisorYetIsTriedAgainWhileTheOldCopyRuns) {
  with_children(50);
  add("a");
  ring({"a"});
  set_states();
  Member& b = add("b");
  b.manager->attach(nullptr, now);
  kinds["b"] = PeerKind::lacks_it;
  ring({"a", "b"});
  EXPECT_EQ(at("a").sup->active(), 50u);
  b.manager->attach(b.sup.get(), now);
  at("a").manager->peer_is(atom("b"), PeerKind::runs_it, now);
  drive();
  wait(std::chrono::seconds(5));
  expect_each_once_where_it_belongs({"a", "b"});
  EXPECT_EQ(states_of_7(), 50);
}

TEST_F(Cluster, ATargetWhoseStartsFailLeavesTheOldCopiesRunningUntilItCan) {
  with_children(50);
  add("a");
  ring({"a"});
  set_states();
  add("b").fail_starts = true;
  ring({"a", "b"});
  EXPECT_EQ(at("a").sup->active(), 50u);
  EXPECT_GT(at("a").manager->pending(100).size(), 0u);
  wait(std::chrono::seconds(3));
  EXPECT_EQ(states_of_7(), 50);
  at("b").fail_starts = false;
  wait(std::chrono::seconds(60));
  expect_each_once_where_it_belongs({"a", "b"});
  EXPECT_EQ(states_of_7(), 50);
  EXPECT_EQ(at("a").manager->pending(100).size(), 0u);
}

TEST_F(Cluster, AMigrateThatRaisesOnTheTargetLosesNothing) {
  with_children(20);
  add("a");
  ring({"a"});
  set_states();
  add("b").fail_migrate = true;
  ring({"a", "b"});
  EXPECT_EQ(states_of_7(), 20);
  EXPECT_EQ(at("a").frozen, 0);
  at("b").fail_migrate = false;
  wait(std::chrono::seconds(60));
  expect_each_once_where_it_belongs({"a", "b"});
  EXPECT_EQ(states_of_7(), 20);
}

TEST_F(Cluster, AnOldCopyThatCannotBeFrozenGoesOn) {
  with_children(20);
  add("a").no_freeze = true;
  ring({"a"});
  set_states();
  add("b");
  ring({"a", "b"});
  EXPECT_EQ(at("a").sup->active(), 20u);
  EXPECT_TRUE(at("b").holding.empty());
  at("a").no_freeze = false;
  wait(std::chrono::seconds(60));
  expect_each_once_where_it_belongs({"a", "b"});
  EXPECT_EQ(states_of_7(), 20);
}

TEST_F(Cluster, ASourceThatDiesAtAnyStepLeavesTheChildRunningOnItsTarget) {
  for (const MoveStep step : {MoveStep::offer, MoveStep::state}) {
    members.clear(), messages.clear();
    with_children(20);
    add("a");
    ring({"a"});
    add("b");
    lost = [step](const Message& m) { auto* move = std::get_if<PeerMove>(&m.body); return move && move->step == step; };
    ring({"a", "b"});
    kill("a");
    lost = [](const Message&) { return false; };
    down("a", {"b"});
    expect_each_once_where_it_belongs({"b"});
    EXPECT_TRUE(at("b").holding.empty());
  }
}

TEST_F(Cluster, ATargetThatDiesAtAnyStepLeavesTheChildRunningOnItsSourceWithItsState) {
  for (const MoveStep step : {MoveStep::started, MoveStep::taken}) {
    members.clear(), messages.clear();
    with_children(20);
    add("a");
    ring({"a"});
    set_states();
    add("b");
    lost = [step](const Message& m) { auto* move = std::get_if<PeerMove>(&m.body); return move && move->step == step; };
    ring({"a", "b"});
    kill("b");
    lost = [](const Message&) { return false; };
    down("b", {"a"});
    expect_each_once_where_it_belongs({"a"});
    EXPECT_EQ(states_of_7(), 20) << to_string(step);
    EXPECT_EQ(at("a").frozen, 0);
  }
}

TEST_F(Cluster, AMoveWhoseAnswerIsLostIsGivenUpAndTriedAgain) {
  with_children(20);
  add("a");
  ring({"a"});
  set_states();
  add("b");
  int dropped = 0;
  lost = [&](const Message& m) { auto* move = std::get_if<PeerMove>(&m.body); return move && move->step == MoveStep::started && dropped++ < 5; };
  ring({"a", "b"});
  wait(std::chrono::seconds(100));
  expect_each_once_where_it_belongs({"a", "b"});
  EXPECT_EQ(states_of_7(), 20);
}

TEST_F(Cluster, TwoCopiesAfterAPartitionBecomeTheOwnersOne) {
  with_children(40);
  for (const char* n : {"a", "b"}) add(n);
  ring({"a", "b"});
  at("a").manager->peer_gone(atom("b"), now);
  at("b").manager->peer_gone(atom("a"), now);
  ring({"a"});
  ring({"b"});
  EXPECT_EQ(at("a").sup->active() + at("b").sup->active(), 80u);
  ring({"a", "b"});
  expect_each_once_where_it_belongs({"a", "b"});
}

TEST_F(Cluster, ARingThatChangesHalfWayTakesTheChildToItsLastOwner) {
  with_children(60);
  add("a");
  ring({"a"});
  set_states();
  add("b"), add("c");
  lost = [](const Message& m) { auto* move = std::get_if<PeerMove>(&m.body); return move && move->step == MoveStep::started; };
  ring({"a", "b"});
  lost = [](const Message&) { return false; };
  ring({"a", "b", "c"});
  wait(std::chrono::seconds(100));
  expect_each_once_where_it_belongs({"a", "b", "c"});
  EXPECT_EQ(states_of_7(), 60);
}

TEST_F(Cluster, ALegacyOwnerIsHandedTheSpecAndThenOursIsStopped) {
  with_children(30);
  add("a"), add("legacy").alive = false;
  kinds["legacy"] = PeerKind::legacy;
  ring({"a"});
  hand_result = T("{error, undef}");
  at("a").manager->peer_is(atom("legacy"), PeerKind::legacy, now);
  at("a").manager->ring_changed(Ring::make(std::vector<Term>{atom("a"), atom("legacy")}), HashFormat::minor_version_1, true, false, now);
  drive();
  EXPECT_EQ(at("a").sup->active(), 30u);
  EXPECT_GT(handed.size(), 0u);
  hand_result = tuple(atom("ok"), Term::pid(atom("legacy"), 9, 0, 1));
  wait(std::chrono::seconds(2));
  for (const auto& spec : specs) EXPECT_EQ(at("a").sup->find(spec.id).has_value(), *at("a").manager->owner_of(spec.id) == atom("a"));
}

TEST_F(Cluster, ATerminatedChildStaysDownUntilTheRingChanges) {
  with_children(5);
  add("a");
  ring({"a"});
  call(at("a"), T("{terminate_child, c0}"), [](const Term&) {});
  drive();
  at("a").manager->set_children(specs, now);
  drive();
  EXPECT_EQ(at("a").sup->active(), 4u);
  at("a").manager->ring_changed(Ring::make(std::vector<Term>{atom("a"), atom("x")}), HashFormat::minor_version_1, true, false, now);
  drive();
  at("a").manager->ring_changed(Ring::make(std::vector<Term>{atom("a")}), HashFormat::minor_version_1, true, false, now);
  drive();
  EXPECT_EQ(at("a").sup->active(), 5u);
}

TEST_F(Cluster, AFailedStartIsTriedAgainWithBackOff) {
  with_children(3);
  add("a").fail_starts = true;
  ring({"a"});
  wait(std::chrono::seconds(2));
  EXPECT_EQ(at("a").manager->pending(10).size(), 3u);
  at("a").fail_starts = false;
  wait(std::chrono::seconds(10));
  EXPECT_EQ(at("a").sup->active(), 3u);
}

TEST_F(Cluster, ChildrenThatTheHandlerNoLongerNamesGoOnRunning) {
  with_children(10);
  add("a");
  ring({"a"});
  at("a").manager->set_children({}, now);
  drive();
  EXPECT_EQ(at("a").sup->active(), 10u);
}

TEST_F(Cluster, AnIdWithoutAnOwnerIsReportedAndNotStarted) {
  with_children(1);
  std::string big = "#{";
  for (int i = 0; i < 33; ++i) big += (i ? "," : "") + std::to_string(i) + " => x";
  specs.push_back(std::get<ChildSpec>(check_child_spec(tuple(T(big + "}"), T("{m,f,[]}"), atom("permanent"), integer(1), atom("worker"), T("[m]")), AutoShutdown::never)));
  add("a");
  ring({"a"});
  EXPECT_EQ(at("a").sup->active(), 1u);
  EXPECT_EQ(at("a").reports.size(), 1u);
}

TEST_F(Cluster, AfterTheLocalSupervisorRestartedItsChildrenAreStartedAgainWithoutAsking) {
  with_children(30);
  for (const char* n : {"a", "b"}) add(n);
  ring({"a", "b"});
  Member& a = at("a");
  const auto mine = a.sup->active();
  a.manager->attach(nullptr, now);
  a.sup = std::make_unique<Supervisor>(atom("Elixir.S"), SupervisorFlags{100, 5});
  lost = [](const Message&) { return true; };
  a.manager->attach(a.sup.get(), now);
  drive();
  EXPECT_EQ(a.sup->active(), mine);
}

TEST_F(Cluster, AnUnansweredQuestionDoesNotKeepAChildDownForEver) {
  with_children(10);
  add("a"), add("b");
  lost = [](const Message&) { return true; };
  ring({"a", "b"});
  EXPECT_EQ(at("a").sup->active(), 0u);
  wait(std::chrono::seconds(10));
  EXPECT_EQ(at("a").sup->active() + at("b").sup->active(), 10u);
}

}  // namespace
}  // namespace supervisorring
