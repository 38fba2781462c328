// Random lives of a supervisor: starts and ends that come late, fail, or were not asked for, and requests in between. Whatever happens, every request is
// answered once, every start and end that was ordered is awaited, and when the world has answered everything nobody is half-way.
#include <random>

#include "sup_supervisor_fixture.h"

namespace supervisorring {
namespace {

class RandomLife : public SupervisorFixture {
 protected:
  struct World {
    std::vector<SupStart> starts;               // to be answered
    std::map<std::string, Term> alive;          // by pid as text
    std::map<std::string, Term> told;           // of these: to end
    std::set<CallId> open;
  };

  std::uint32_t pick(std::size_t n) { return static_cast<std::uint32_t>(random() % n); }

  void live(std::uint32_t seed, const char* flags) {
    random.seed(seed);
    world = World();
    end.reset();
    make(flags);
    for (int step = 0; step < 300 && !end; ++step) {
      act();
      take();
      now += std::chrono::milliseconds(pick(400));
    }
    settle();
    if (end) return;
    EXPECT_TRUE(world.open.empty()) << world.open.size() << " requests were not answered";
    sup->for_each([&](const Supervisor::View& view) {
      EXPECT_TRUE(view.state == Supervisor::ChildState::running || view.state == Supervisor::ChildState::down) << to_text(view.spec.id) << " is " << state_of(to_text(view.spec.id));
      EXPECT_FALSE(sup->is_to_restart(view.spec.id));
      EXPECT_EQ(view.state == Supervisor::ChildState::running, world.alive.contains(to_text(view.pid))) << to_text(view.spec.id);
    });
    EXPECT_EQ(sup->active(), world.alive.size());
  }

  void act() {
    static const char* const ids[] = {"a", "b", "c", "d", "e"};
    static const char* const types[] = {"permanent", "permanent", "transient", "temporary"};
    static const char* const shutdowns[] = {"1000", "brutal_kill", "infinity"};
    const std::string id = ids[pick(5)];
    switch (pick(14)) {
      case 0: case 1: return request("{start_child, {" + id + ",{m,f,[]}," + types[pick(4)] + "," + shutdowns[pick(3)] + ",worker,[m]}}");
      case 2: return request("{terminate_child, " + id + "}");
      case 3: return request("{restart_child, " + id + "}");
      case 4: return request("{delete_child, " + id + "}");
      case 5: return request("{get_childspec, " + id + "}");
      case 6: case 7: case 8: return answer_start(pick(5) != 0);
      case 9: case 10: return end_told();
      case 11: return crash();
      case 12: return sup->timeout(now);
      case 13: return pick(8) == 0 ? move_away(id) : answer_start(true);
    }
  }
  void request(const std::string& text) {
    const CallId id = next_call++;
    world.open.insert(id);
    sup->call(id, T(text), now);
  }
  void answer_start(bool ok) {
    if (world.starts.empty()) return;
    const std::size_t at = pick(world.starts.size());
    const SupStart start = world.starts[at];
    world.starts.erase(world.starts.begin() + static_cast<std::ptrdiff_t>(at));
    if (!ok) return sup->start_failed(start.token, atom("broken"), now);
    if (pick(20) == 0) return sup->started(start.token, atom("undefined"), now);
    const Term pid = new_pid();
    world.alive[to_text(pid)] = pid;
    sup->started(start.token, pid, now);
  }
  void ends(const Term& pid, const Term& reason) {
    world.alive.erase(to_text(pid));
    world.told.erase(to_text(pid));
    sup->exited(pid, reason, now);
  }
  void end_told() {
    if (!world.told.empty()) ends(Term(std::next(world.told.begin(), pick(world.told.size()))->second), atom("shutdown"));
  }
  void crash() {
    static const char* const reasons[] = {"normal", "shutdown", "boom", "killed"};
    if (!world.alive.empty()) ends(Term(std::next(world.alive.begin(), pick(world.alive.size()))->second), atom(reasons[pick(4)]));
  }
  void move_away(const std::string& id) {
    const auto view = sup->find(T(id));
    if (!view || view->state != Supervisor::ChildState::running) return;
    world.alive.erase(to_text(view->pid));
    world.told.erase(to_text(view->pid));
    sup->moved_away(T(id), now);
  }
  void take() {
    for (auto& effect : sup->take_effects()) {
      if (auto* e = std::get_if<SupStart>(&effect)) world.starts.push_back(*e);
      if (auto* e = std::get_if<SupExitChild>(&effect); e && world.alive.contains(to_text(e->pid))) world.told[to_text(e->pid)] = e->pid;
      if (auto* e = std::get_if<SupReply>(&effect)) {
        EXPECT_EQ(world.open.erase(e->call), 1u) << "answered twice: " << to_text(e->value);
      }
      if (auto* e = std::get_if<SupEnd>(&effect)) end = e->reason;
    }
    EXPECT_TRUE(!end || world.alive.empty()) << "it has ended before its children";
  }
  void settle() {
    for (int left = 10'000; left > 0 && !end && !(world.starts.empty() && world.told.empty()); --left) {
      if (!world.starts.empty()) answer_start(true);
      else end_told();
      take();
    }
  }

  std::mt19937 random;
  World world;
};

TEST_F(RandomLife, EndsWithNobodyHalfWay) {
  for (const char* strategy : {"one_for_one", "one_for_all", "rest_for_one"}) {
    for (const char* intensity : {"1000", "5"}) {
      const std::string flags = "{" + std::string(strategy) + "," + intensity + ",5}";
      for (std::uint32_t seed = 1; seed <= 300 && !HasFailure(); ++seed) {
        SCOPED_TRACE(flags + " seed " + std::to_string(seed));
        live(seed, flags.c_str());
      }
    }
  }
}

}  // namespace
}  // namespace supervisorring
