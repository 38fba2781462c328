// What the tests of the child manager share: members without a network, whose children are a pid and a number.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <map>

#include "sup/child_manager.h"
#include "term_test_kit.h"

namespace supervisorring::sup_test {

using test::T;

// Some members, each with a local supervisor and a child manager; children are a pid and a number (their state).
class ChildManagerCluster : public testing::Test {
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
    bool fail_starts = false, fail_migrate = false, no_freeze = false, slow_holds = false;
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
    const Term id = e.spec->id;
    call(m, e.is_there ? tuple(atom("restart_child"), id) : tuple(atom("start_child"), to_wire(*e.spec)),
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
    m.holding_for.insert_or_assign(to_text(e.spec->id), e.move);
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
  void perform(Member& m, MgrConflict& e) {
    const auto view = m.sup->find(e.id);
    if (!view || !view->pid.is_pid()) return m.manager->conflict_told(e.move, Error{"gone"}, now);
    m.state[to_text(e.id)] = static_cast<int>(e.state.to_int64());
    m.manager->conflict_told(e.move, view->pid, now);
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
    if (!no_hand) m.manager->handed(e.spec.id, e.move, hand_result, now);
  }
  void perform(Member&, MgrHanded& e) { handed_over.push_back("moved " + to_text(e.id)); }
  void perform(Member&, MgrHandOver& e) { handed_over.push_back("over " + to_text(e.id)); }
  void perform(Member& m, MgrSend& e) { messages.push_back({m.name, e.node, std::move(e.body)}); }
  void perform(Member& m, MgrReport& e) { m.reports.push_back(e.text); }

  // ---- effects of the supervisor
  void perform(Member& m, SupStart& e) {
    const std::string id = to_text(e.spec->id);
    if (m.fail_starts) return m.sup->start_failed(e.token, atom("broken"), now);
    if (e.hold.is_atom("held")) {
      m.holding[id] = e.token;
      if (m.slow_holds) return;
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
  std::vector<std::string> handed, handed_over;
  bool no_hand = false;  // the other member does not answer
  Result<Term> hand_result = Term();
  Instant now{std::chrono::seconds(100)};
  CallId last_call = 0;
  std::uint32_t last_pid = 0;
};

}  // namespace supervisorring::sup_test
