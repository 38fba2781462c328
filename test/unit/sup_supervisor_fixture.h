// SupervisorFixture: a local supervisor in virtual time, and a world in which children start at once, and end when told to, unless a test says
// otherwise. What happens is written down in the order in which it does.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>

#include "sup/supervisor.h"

namespace supervisorring {

class SupervisorFixture : public testing::Test {
 protected:
  static Term T(std::string_view text) {
    auto term = parse_term(text);
    EXPECT_TRUE(term) << text << ": " << (term ? "" : term.error());
    return term ? *term : Term();
  }
  void make(const char* flags = "{one_for_one, 3, 5}") {
    sup = std::make_unique<Supervisor>(atom("Elixir.S"), std::get<SupervisorFlags>(check_flags(T(flags))));
  }
  void SetUp() override { make(); }

  Term call(const Term& request) {
    const CallId id = next_call++;
    sup->call(id, request, now);
    drive();
    return replies.contains(id) ? replies[id] : atom("no_reply_yet");
  }
  Term call(std::string_view request) { return call(T(request)); }
  Term start(std::string_view id, std::string_view restart = "permanent", std::string_view shutdown = "5000") {
    return call("{start_child, {" + std::string(id) + ",{m,f,[]}," + std::string(restart) + "," + std::string(shutdown) + ",worker,[m]}}");
  }
  Term new_pid() { return Term::pid(atom("n@h"), ++last_pid, 0, 1); }

  void drive() {
    for (;;) {
      auto effects = sup->take_effects();
      if (effects.empty()) return;
      for (auto& effect : effects) std::visit([this](auto& e) { perform(e); }, effect);
    }
  }
  void perform(SupStart& e) {
    ++starts;
    events += " +" + to_text(e.spec->id);
    if (hold_starts) return held.push_back(e);
    if (fail_starts > 0 || failing.contains(to_text(e.spec->id))) {
      if (fail_starts > 0) --fail_starts;
      events += "!";
      return sup->start_failed(e.token, atom("broken"), now);
    }
    sup->started(e.token, new_pid(), now);
  }
  void perform(SupAbandon& e) { abandoned.push_back(e.token); }
  void perform(SupExitChild& e) {
    signals.push_back(tuple(e.pid, e.reason));
    if (const auto id = sup->id_of(e.pid)) events += (e.reason.is_atom("kill") ? " x" : " -") + to_text(*id);
    if (ignore_signals && !e.reason.is_atom("kill")) return;
    sup->exited(e.pid, e.reason.is_atom("kill") ? atom("killed") : exit_reason.value_or(e.reason), now);
  }
  void perform(SupReply& e) { replies[e.call] = e.value; }
  void perform(SupReport& e) { reports.push_back(e.text); }
  void perform(SupEnd& e) { end = e.reason, end_cause = e.cause; }

  Term pid_of(std::string_view id) { return sup->find(T(id))->pid; }
  void exits(std::string_view id, std::string_view reason) {
    sup->exited(pid_of(id), T(reason), now);
    drive();
  }
  // What was started (+), told to end (-), killed (x), and did not start (!), since the last time.
  std::string happened() {
    std::string out = std::exchange(events, "");
    return out.empty() ? out : out.substr(1);
  }
  // Ids as which_children gives them, the oldest first; in parentheses what it says in place of a pid.
  std::string table() {
    std::string out;
    const Term children = call("which_children");
    for (std::size_t i = children.size(); i-- > 0;) out += to_text(children.elements()[i][0]) + (children.elements()[i][1].is_pid() ? " " : "(" + to_text(children.elements()[i][1]) + ") ");
    return out;
  }
  std::string state_of(std::string_view id) {
    static const char* const names[] = {"down", "starting", "running", "restarting", "stopping"};
    const auto view = sup->find(T(id));
    return view ? names[static_cast<int>(view->state)] : "unknown";
  }

  std::unique_ptr<Supervisor> sup;
  Instant now{std::chrono::seconds(100)};
  CallId next_call = 1;
  std::uint32_t last_pid = 0;
  int starts = 0, fail_starts = 0;
  bool hold_starts = false, ignore_signals = false;
  std::optional<Term> exit_reason;
  std::vector<SupStart> held;
  std::vector<StartToken> abandoned;
  std::vector<Term> signals;
  std::map<CallId, Term> replies;
  std::vector<std::string> reports;
  std::optional<Term> end;
  std::optional<SupEndCause> end_cause;
  std::set<std::string> failing;  // ids that do not start
  std::string events;
};

}  // namespace supervisorring
