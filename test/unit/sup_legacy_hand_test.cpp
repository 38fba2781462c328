// A child of a C++ node that goes to a legacy member: its state goes by migrate/3 of the supervisor's callback module.
#include <algorithm>

#include "node/legacy_hand.h"
#include "sup_cluster.h"

namespace supervisorring {
namespace {

class Idle : public Process {
 public:
  void handle_message(ProcessContext&, const Term&) override {}
};

// Does something when it starts.
class Begins : public Process {
 public:
  explicit Begins(std::function<void(ProcessContext&)> what) : what_(std::move(what)) {}
  void started(ProcessContext& context) override { what_(context); }
  void handle_message(ProcessContext&, const Term&) override {}

 private:
  const std::function<void(ProcessContext&)> what_;
};

// The new copy: answers calls with what they ask, and says what came.
class Recorder : public Process {
 public:
  explicit Recorder(std::vector<std::string>& seen) : seen_(seen) {}
  void handle_message(ProcessContext& context, const Term& message) override {
    if (message.is_tagged("$gen_call", 3)) context.reply(message[1], message[2]);
    seen_.push_back(to_text(message.is_tuple() ? message[message.size() - 1] : message));
  }

 private:
  std::vector<std::string>& seen_;
};

// "l@h" plays a legacy member; supervisor 'Elixir.S' with the child c0 is read from it.
class LegacyHand : public SupCluster {
 protected:
  void SetUp() override {
    add_plain("l@h", [this](Node& node) {
      node.define_function("Elixir.S", "init", 1, [](ProcessContext&, std::vector<Term>, RpcDone done) {
        done(tuple(atom("ok"), tuple(T("{one_for_one, 3, 5}"), list({to_tuple(spec("c0"))}))));
      });
      node.define_function("Elixir.Supervisor", "start_child", 2, [this](ProcessContext& context, std::vector<Term> arguments, RpcDone done) {
        asked_to_start = arguments;
        if (start_result.is_nil()) start_result = tuple(atom("ok"), new_pid = *context.spawn(std::make_unique<Recorder>(seen), SpawnOptions{}));
        done(start_result);
      });
      node.define_function("erlang", "is_process_alive", 1, [this](ProcessContext&, std::vector<Term>, RpcDone done) { done(Term::boolean(!new_copy_dies)); });
      node.define_function("Elixir.S", "migrate", 3, [this](ProcessContext& context, std::vector<Term> arguments, RpcDone done) {
        migrated.push_back(Term::list(arguments));
        context.call(arguments[1], atom("get"), CallOptions{}, [this, done](ProcessContext& context, CallResult answer) {
          state = answer.value;
          if (meanwhile) meanwhile(context);
          if (no_migrate) return done(RpcError{atom("error"), atom("undef")});
          if (migrate_fails) return done(RpcError{atom("error"), atom("boom")});
          done(atom("ok"));
        });
      });
    });
    add("a@h", [](Member& m) { EXPECT_TRUE(m.supervision->define({atom("Elixir.S"), RemoteDefinition{atom("Elixir.S"), atom("l@h"), Term()}})); });
    set_ring("a@h", {"a@h"});
    ASSERT_TRUE(eventually([&] { return local("a@h") && running({"a@h"}) == 1; }));
    old_pid = local("a@h")->find(atom("c0"))->pid;
    for (int i = 0; i < 7; ++i) call("l@h", old_pid, atom("increment"));
  }
  bool gives_it_away() {
    set_ring("a@h", {"l@h"});
    return eventually([&] { return running({"a@h"}) == 0; }, std::chrono::seconds(5));
  }

  Term start_result, new_pid, old_pid, state;
  std::vector<Term> asked_to_start, migrated;
  std::vector<std::string> seen;
  std::function<void(ProcessContext&)> meanwhile;
  bool migrate_fails = false, new_copy_dies = false, no_migrate = false;
};

// What came after migrate/3 had asked for the state was lost, and calls that were open then ended.
TEST_F(LegacyHand, WhatComesForTheOldCopyWhileMigrateRunsGoesToTheNewOne) {
  CallResult answer{false, atom("none")};
  meanwhile = [&](ProcessContext& context) {
    context.spawn(std::make_unique<Begins>([&](ProcessContext& own) {
      own.cast(old_pid, atom("first"));
      own.call(old_pid, atom("second"), CallOptions{}, [&](ProcessContext&, CallResult result) { answer = result; });
      own.send(old_pid, atom("third"));
    }), SpawnOptions{});
  };
  ASSERT_TRUE(gives_it_away());
  EXPECT_TRUE(eventually([&] { return answer.ok; })) << to_text(answer.value);
  EXPECT_EQ(answer.value, atom("second"));
  EXPECT_EQ(seen, (std::vector<std::string>{"first", "second", "third"}));
  EXPECT_EQ(state, integer(7));
}

TEST_F(LegacyHand, TheNewOwnerRunsMigrateWhileTheOldCopyStillAnswers) {
  ASSERT_TRUE(gives_it_away());
  EXPECT_EQ(asked_to_start, (std::vector<Term>{atom("Elixir.S"), to_tuple(spec("c0"))}));
  ASSERT_EQ(migrated.size(), 1u);
  EXPECT_EQ(migrated[0][0], T("{c0, worker, ['Elixir.Counter']}"));
  EXPECT_EQ(migrated[0][1].node(), old_pid.node());
  EXPECT_EQ(migrated[0][2], new_pid);
  EXPECT_EQ(state, integer(7));
  EXPECT_FALSE(local("a@h")->find(atom("c0")));
}

TEST_F(LegacyHand, OneThatRunsThereAlreadyIsMigratedToAsWell) {
  net.run("l@h", [&](ProcessContext& context) { new_pid = *context.spawn(std::make_unique<Idle>(), SpawnOptions{}); });
  start_result = tuple(atom("error"), tuple(atom("already_started"), new_pid));
  ASSERT_TRUE(gives_it_away());
  ASSERT_EQ(migrated.size(), 1u);
  EXPECT_EQ(migrated[0][2], new_pid);
}

TEST_F(LegacyHand, AMigrateThatFailsIsSaidAndTheChildMovesAllTheSame) {
  migrate_fails = true;
  ASSERT_TRUE(gives_it_away());
  EXPECT_TRUE(std::ranges::any_of(net.logs(), [](const auto& line) { return line.text.find("without its state") != std::string::npos; }));
}

// The old copy was ended although the new one had gone with its node: the state was lost.
TEST_F(LegacyHand, AMigrateThatFailsSinceTheNewCopyIsGoneLeavesTheOldOne) {
  migrate_fails = new_copy_dies = true;
  EXPECT_FALSE(gives_it_away());
  EXPECT_EQ(call("l@h", old_pid, atom("get")).value, integer(7));
}

TEST_F(LegacyHand, AModuleWithoutMigrateHasNoStateToCarry) {
  no_migrate = true;
  ASSERT_TRUE(gives_it_away());
  EXPECT_FALSE(std::ranges::any_of(net.logs(), [](const auto& line) { return line.text.find("migrate/3") != std::string::npos; }));
}

TEST_F(LegacyHand, AChildThatDoesNotStartThereStays) {
  start_result = T("{error, {bad_child, reason}}");
  EXPECT_FALSE(gives_it_away());
  EXPECT_TRUE(migrated.empty());
  EXPECT_EQ(call("l@h", old_pid, atom("get")).value, integer(7));
}

// A child that a legacy member had handed over was started again after its deletion: it was still being asked of members that had
// not said what they are, and when they turned out to be legacy it was taken for one that nobody runs.
TEST_F(SupCluster, AChildThatCameBeforeItsAskWasAnsweredStaysDeleted) {
  add_plain("l@h");
  // Has the name that legacy members do not have, and says nothing: what it is shows only when the hello's time is up.
  net.run("l@h", [](ProcessContext& context) {
    SpawnOptions options;
    options.name = peer_name();
    context.spawn(std::make_unique<Idle>(), options);
  });
  std::vector<ChildSpec> specs = counters(20);
  add_with("a@h", specs);
  set_ring("a@h", {"a@h", "l@h"});
  drive();
  const auto mine = std::ranges::find_if(specs, [&](const ChildSpec& each) { return owner("a@h", each.id) == "a@h"; });
  ASSERT_NE(mine, specs.end());
  ASSERT_EQ(running({"a@h"}), 0u);
  const auto started = erpc("l@h", "a@h", "Elixir.Supervisor", "start_child", {atom("Elixir.S"), to_tuple(*mine)});
  ASSERT_TRUE(started.ok && started.value.is_tagged("ok", 2)) << to_text(started.value);
  EXPECT_EQ(call("l@h", tuple(atom("Elixir.S"), atom("a@h")), tuple(atom("terminate_child"), mine->id)).value, atom("ok"));
  EXPECT_EQ(call("l@h", tuple(atom("Elixir.S"), atom("a@h")), tuple(atom("delete_child"), mine->id)).value, atom("ok"));
  EXPECT_TRUE(eventually([&] { return running({"a@h"}) > 0; }));  // the others were started when that was known
  EXPECT_FALSE(local("a@h")->find(mine->id));
}

TEST(PidOfStarted, AStartedOneIsReadFromWhatStartChildReturns) {
  const Term pid = Term::pid(atom("l@h"), 1, 0, 1);
  EXPECT_EQ(pid_of_started(tuple(atom("ok"), pid)), pid);
  EXPECT_EQ(pid_of_started(tuple(atom("ok"), pid, atom("info"))), pid);
  EXPECT_EQ(pid_of_started(tuple(atom("error"), tuple(atom("already_started"), pid))), pid);
  EXPECT_TRUE(pid_of_started(tuple(atom("ok"), atom("undefined"))).is_nil());
  EXPECT_TRUE(pid_of_started(tuple(atom("error"), atom("already_present"))).is_nil());
}

}  // namespace
}  // namespace supervisorring
