#include <stdexcept>

#include "native_fixture.h"

namespace supervisorring {
namespace {

std::vector<std::string> journal;

// Does what its messages say.
class Obedient : public gen_server {
 public:
  InitResult init(const Term& argument) override {
    if (argument.is_atom("ignore")) return ignore();
    if (argument.is_tagged("stop", 2)) return stop(argument[1]);
    if (argument.is_atom("throw")) throw std::runtime_error("bad init");
    if (argument.is_atom("trap")) trap_exit(true);
    return ok();
  }
  CallReaction handle_call(const Term& request, const From& from) override {
    if (request.is_atom("count")) return reply(integer(++count_));
    if (request.is_atom("later")) return kept_ = from, noreply();
    if (request.is_atom("answer")) return reply(*kept_, atom("late")), reply(atom("ok"));
    if (request.is_tagged("stop", 2)) return stop(request[1], atom("bye"));
    if (request.is_atom("throw")) throw std::runtime_error("bad call");
    if (request.is_tagged("exit", 2)) throw Exit{request[1]};
    if (request.is_tagged("monitor", 2)) return reply(reference_ = monitor(request[1]));
    if (request.is_atom("demonitor")) return demonitor(reference_), reply(atom("ok"));
    if (request.is_tagged("timer", 2)) return timer_ = send_after(std::chrono::milliseconds(request[1].to_int64()), atom("tick")), reply(atom("ok"));
    if (request.is_atom("cancel")) return reply(Term::boolean(cancel_timer(timer_)));
    if (request.is_tagged("ask", 3)) {
      call(request[1], request[2], std::chrono::seconds(1), [this, from](const Answer& answer) { reply(from, tuple(Term::boolean(answer.ok), answer.value)); });
      return noreply();
    }
    return gen_server::handle_call(request, from);
  }
  Reaction handle_cast(const Term& request) override {
    journal.push_back("cast " + to_text(request));
    if (request.is_atom("count")) ++count_;
    return noreply();
  }
  Reaction handle_info(const Term& message) override {
    journal.push_back(message.is_tagged("DOWN", 5) ? "down " + to_text(message[4]) + (message[1] == reference_ ? " own" : "") : to_text(message));
    return noreply();
  }
  void terminate(const Term& reason) override { journal.push_back("terminate " + to_text(reason)); }
  std::optional<Term> migrate() override { return integer(count_); }
  void migrate(const Term& state) override { count_ = state.to_int64(); }
  ~Obedient() override { journal.push_back("gone"); }

 private:
  std::int64_t count_ = 0;
  std::optional<From> kept_;
  Term reference_;
  Timer timer_;
};

class NativeChild : public NativeNodes {
 protected:
  void SetUp() override {
    NativeNodes::SetUp();
    journal.clear();
  }
};

TEST_F(NativeChild, AnswersCallsByPidAndByNameFromItsNodeAndFromOthers) {
  const Term pid = start<Obedient>(kA, "obedient");
  EXPECT_EQ(start_result, "ok");
  EXPECT_EQ(ask(kA, pid, "count"), "ok: 1");
  EXPECT_EQ(ask(kB, pid, "count"), "ok: 2");
  EXPECT_EQ(ask(kB, at("obedient", kA), "count"), "ok: 3");
}

TEST_F(NativeChild, CastsAndOtherMessagesComeInTheOrderTheyWereSent) {
  const Term pid = start<Obedient>(kA);
  net.run(kB, [&](ProcessContext& context) {
    context.cast(pid, integer(1));
    context.send(pid, integer(2));
    context.cast(pid, integer(3));
  });
  settle();
  EXPECT_EQ(journal, (Mail{"cast 1", "2", "cast 3"}));
}

TEST_F(NativeChild, MayReplyLater) {
  const Term pid = start<Obedient>(kA);
  std::string result;
  net.run(kB, [&](ProcessContext& context) { context.call(pid, atom("later"), {}, into(result)); });
  settle();
  EXPECT_EQ(result, "");
  EXPECT_EQ(ask(kB, pid, "answer"), "ok: ok");
  EXPECT_EQ(result, "ok: late");
}

TEST_F(NativeChild, StartErrorsAreThoseOfGenServer) {
  start<Obedient>(kA, nullptr, atom("ignore"));
  EXPECT_EQ(start_result, "ignore");
  start<Obedient>(kA, nullptr, parse_term("{stop, no_disk}").value());
  EXPECT_EQ(start_result, "error no_disk");
  start<Obedient>(kA, nullptr, atom("throw"));
  EXPECT_EQ(start_result, "error {cpp_exception,<<\"bad init\">>}");
  const Term pid = start<Obedient>(kA, "taken");
  start<Obedient>(kA, "taken");
  EXPECT_EQ(start_result, "error " + to_text(tuple(atom("already_started"), pid)));
  EXPECT_EQ(notes["sup_a"].mail, Mail{}) << "a failed start sends its parent no 'EXIT'";
}

TEST_F(NativeChild, StopWithAReplyTerminatesFirstThenRepliesAndExits) {
  const Term pid = start<Obedient>(kA);
  EXPECT_EQ(ask(kB, pid, "{stop, enough}"), "ok: bye");
  EXPECT_EQ(journal, (Mail{"terminate enough", "gone"}));
  EXPECT_EQ(notes["sup_a"].mail, Mail{to_text(tuple(atom("EXIT"), pid, atom("enough")))});
  EXPECT_TRUE(net.logged(kA, "ended: enough"));
}

TEST_F(NativeChild, AnExceptionIsTheExitReasonOfTheChildAndOfTheCall) {
  const Term pid = start<Obedient>(kA);
  EXPECT_EQ(ask(kB, pid, "throw"), "no: {cpp_exception,<<\"bad call\">>}");
  EXPECT_EQ(journal, (Mail{"terminate {cpp_exception,<<\"bad call\">>}", "gone"}));
  EXPECT_EQ(ask(kB, start<Obedient>(kA), "{exit, {my, reason}}"), "no: {my,reason}");
  EXPECT_EQ(ask(kB, start<Obedient>(kA), "unknown"), "no: {bad_call,unknown}");
}

TEST_F(NativeChild, TimersComeToHandleInfoUnlessCancelled) {
  const Term pid = start<Obedient>(kA);
  ask(kA, pid, "{timer, 50}");
  net.advance(std::chrono::milliseconds(60));
  settle();
  EXPECT_EQ(journal, Mail{"tick"});
  EXPECT_EQ(ask(kA, pid, "cancel"), "ok: false");
  ask(kA, pid, "{timer, 50}");
  EXPECT_EQ(ask(kA, pid, "cancel"), "ok: true");
  net.advance(std::chrono::milliseconds(60));
  settle();
  EXPECT_EQ(journal, Mail{"tick"});
}

TEST_F(NativeChild, MonitorsBringADownWithTheirReferenceAndNoneAfterDemonitor) {
  const Term pid = start<Obedient>(kA);
  spawn(kB, "watched");
  ask(kA, pid, "{monitor, {watched, 'b@h2'}}");
  send(kB, atom("watched"), atom("stop"));
  settle();
  EXPECT_EQ(journal, Mail{"down normal own"});
  spawn(kB, "watched2");
  ask(kA, pid, "{monitor, {watched2, 'b@h2'}}");
  ask(kA, pid, "demonitor");
  send(kB, atom("watched2"), atom("stop"));
  settle();
  EXPECT_EQ(journal, Mail{"down normal own"});
}

TEST_F(NativeChild, CallsRunTheirContinuationOnTheStrand) {
  const Term pid = start<Obedient>(kA);
  spawn(kB, "echo");
  EXPECT_EQ(ask(kA, pid, "{ask, {echo, 'b@h2'}, {echo, 7}}"), "ok: {true,7}");
  EXPECT_EQ(ask(kA, pid, "{ask, nobody, hello}"), "ok: {false,noproc}");
}

TEST_F(NativeChild, AShutdownTerminatesAlsoAChildThatDoesNotTrapExits) {
  EXPECT_EQ(stop(kA, start<Obedient>(kA), std::chrono::seconds(5)), "shutdown");
  EXPECT_EQ(journal, (Mail{"terminate shutdown", "gone"}));
  EXPECT_EQ(notes["sup_a"].mail, Mail{}) << "unlinked before";
}

TEST_F(NativeChild, TrappingExitsItHandlesWhatCameBeforeTheShutdown) {
  const Term pid = start<Obedient>(kA, nullptr, atom("trap"));
  net.run(kA, [&](ProcessContext& context) { context.cast(pid, integer(1)); });
  EXPECT_EQ(stop(kA, pid, kForever), "shutdown");
  EXPECT_EQ(journal, (Mail{"cast 1", "terminate shutdown", "gone"}));
}

TEST_F(NativeChild, AnExitSignalOfTheParentEndsATrappingChildWithItsReason) {
  const Term pid = start<Obedient>(kA, nullptr, atom("trap"));
  spawn(kB, "watcher");
  as(kB, "watcher", [&](ProcessContext& context) { context.monitor(pid); });
  send(kA, atom("sup_a"), parse_term("{stop, meltdown}").value());
  settle();
  EXPECT_EQ(journal, (Mail{"terminate meltdown", "gone"}));
  ASSERT_EQ(notes["watcher"].messages.size(), 1u);
  EXPECT_EQ(to_text(notes["watcher"].messages[0][4]), "meltdown");
}

TEST_F(NativeChild, AKilledChildIsDeadAtOnceAndStuckUntilItsCodeReturns) {
  const Term pid = start<Obedient>(kA, "stuck");
  net.run(kA, [&](ProcessContext& context) { context.cast(pid, integer(1)); });
  net.drive();  // the strand has not run: as if its callback did not return
  stop_result.clear();
  as(kA, "sup_a", [&](ProcessContext& context) {
    stop_native(context, runtimes.at(kA), pid, std::chrono::milliseconds(100), [&](ProcessContext&, Term reason) { stop_result = to_text(reason); });
  });
  net.advance(std::chrono::milliseconds(200));
  EXPECT_EQ(stop_result, "killed");
  ASSERT_TRUE(runtimes.at(kA).stuck(pid));
  EXPECT_EQ(to_text(runtimes.at(kA).stuck_children()[0].name), "stuck");

  Worker worker{std::make_shared<const GenServerFactory>([] { return std::make_unique<Obedient>(); }), {}, atom("test"), {}, atom("stuck")};
  std::string replaced;
  as(kA, "sup_a", [&](ProcessContext& context) {
    start_native(context, runtimes.at(kA), {worker, context.self(), NativeHeld::no, pid}, [&](ProcessContext&, NativeStartResult result) {
      replaced = std::holds_alternative<NativeStarted>(result) ? "started" : "failed";
    });
  });
  EXPECT_EQ(replaced, "") << "waits for the code of the one it replaces";
  settle();
  EXPECT_FALSE(runtimes.at(kA).stuck(pid));
  EXPECT_EQ(journal, Mail{"gone"}) << "no message and no terminate after the kill";
  EXPECT_EQ(replaced, "started");
  EXPECT_EQ(runtimes.at(kA).running(), 1u);
}

TEST_F(NativeChild, SystemMessagesAreAnsweredAsSysExpects) {
  const Term pid = start<Obedient>(kA);
  spawn(kA, "sys");
  for (const char* request : {"get_state", "strange"}) {
    as(kA, "sys", [&](ProcessContext& context) {
      context.send(pid, tuple(atom("system"), tuple(context.self(), atom("tag")), atom(request)));
    });
    settle();
  }
  EXPECT_EQ(notes["sys"].mail, (Mail{"{tag,{cpp,<<\"supervisorring::(anonymous namespace)::Obedient\">>}}",
                                     "{tag,{error,{unknown_system_msg,strange}}}"}));
}

// gen_server:stop/1 of a native child failed with unknown_system_msg.
TEST_F(NativeChild, SysTerminateEndsTheChildWithItsReason) {
  const Term pid = start<Obedient>(kA);
  spawn(kB, "sys");
  as(kB, "sys", [&](ProcessContext& context) {
    context.monitor(pid);
    context.send(pid, parse_term("{system, {self, tag}, {terminate, enough}}").value());
    context.send(pid, tuple(atom("system"), tuple(context.self(), atom("tag")), tuple(atom("terminate"), atom("late"))));
  });
  settle();
  EXPECT_EQ(journal, (Mail{"terminate enough", "gone"}));
}

TEST_F(NativeChild, AFullMailboxRefusesCallsAndDropsTheRestWithOneWarning) {
  const Term pid = start<Obedient>(kA);
  std::string big(100 * 1024 * 1024, 'x');
  const Term message = binary(big);
  std::string result;
  net.run(kA, [&](ProcessContext& context) {
    for (int i = 0; i < 4; ++i) context.send(pid, message);
    context.call(pid, message, {}, into(result));
  });
  net.drive();
  EXPECT_EQ(result, "no: " + to_text(tuple(atom("mailbox_full"), pid)));
  EXPECT_TRUE(net.logged(kA, "mailbox full, 1 messages dropped"));
}

// ---- moving ------------------------------------------------------------------------------------------------

TEST_F(NativeChild, AHeldChildHandlesMessagesOnlyAfterItsState) {
  const Term pid = start<Obedient>(kA, "held", {}, NativeHeld::yes);
  EXPECT_EQ(start_result, "ok");
  std::string result;
  net.run(kA, [&](ProcessContext& context) { context.call(pid, atom("count"), {}, into(result)); });
  settle();
  EXPECT_EQ(result, "");
  std::string released;
  as(kA, "sup_a", [&](ProcessContext& context) {
    release_native(context, runtimes.at(kA), pid, integer(41), [&](ProcessContext&, Result<Term> done) { released = done ? "ok" : done.error(); });
  });
  settle();
  EXPECT_EQ(released, "ok");
  EXPECT_EQ(result, "ok: 42");
}

TEST_F(NativeChild, AMoveCarriesTheStateAndTheMessagesThatCameMeanwhile) {
  const Term old_pid = start<Obedient>(kA, "counter");
  ask(kA, old_pid, "count");
  std::string state;
  as(kA, "sup_a", [&](ProcessContext& context) {
    freeze_native(context, runtimes.at(kA), old_pid, std::chrono::seconds(5), [&](ProcessContext&, Result<std::optional<Term>> taken) {
      state = taken ? to_text(**taken) : taken.error();
    });
  });
  settle();
  EXPECT_EQ(state, "1");

  std::string answer;
  net.run(kB, [&](ProcessContext& context) {
    context.cast(old_pid, atom("count"));
    context.call(old_pid, atom("count"), {}, into(answer));
  });
  settle();
  EXPECT_EQ(answer, "");
  const Term new_pid = start<Obedient>(kB, "counter", {}, NativeHeld::yes);
  as(kB, "sup_b", [&](ProcessContext& context) { release_native(context, runtimes.at(kB), new_pid, integer(1), [](ProcessContext&, Result<Term>) {}); });
  std::string ended;
  as(kA, "sup_a", [&](ProcessContext& context) {
    forward_native(context, runtimes.at(kA), old_pid, new_pid, [&](ProcessContext&, Term reason) { ended = to_text(reason); });
  });
  settle();
  EXPECT_EQ(answer, "ok: 3");
  EXPECT_EQ(ended, "{shutdown,{moved," + to_text(new_pid) + "}}");
  EXPECT_EQ(ask(kA, new_pid, "count"), "ok: 4");
}

// One that was thawed meanwhile went on beside its new copy, in no supervisor's table.
TEST_F(NativeChild, AnOldCopyThatIsNotFrozenGoesAllTheSame) {
  const Term old_pid = start<Obedient>(kA, "counter");
  const Term new_pid = start<Obedient>(kB, "counter");
  std::string ended;
  as(kA, "sup_a", [&](ProcessContext& context) {
    forward_native(context, runtimes.at(kA), old_pid, new_pid, [&](ProcessContext&, Term reason) { ended = to_text(reason); });
    unfreeze_native(context, runtimes.at(kA), old_pid);  // late, of an earlier move
  });
  settle();
  EXPECT_EQ(ended, "{shutdown,{moved," + to_text(new_pid) + "}}");
  EXPECT_EQ(ask(kA, new_pid, "count"), "ok: 1");
}

TEST_F(NativeChild, AMoveThatFailedLeavesTheChildAsItWas) {
  const Term pid = start<Obedient>(kA);
  as(kA, "sup_a", [&](ProcessContext& context) {
    freeze_native(context, runtimes.at(kA), pid, std::chrono::seconds(5), [](ProcessContext&, Result<std::optional<Term>>) {});
  });
  settle();
  std::string first, second;
  net.run(kA, [&](ProcessContext& context) {
    context.call(pid, atom("count"), {}, into(first));
    context.call(pid, atom("count"), {}, into(second));
  });
  settle();
  EXPECT_EQ(first, "");
  as(kA, "sup_a", [&](ProcessContext& context) { unfreeze_native(context, runtimes.at(kA), pid); });
  settle();
  EXPECT_EQ(first + second, "ok: 1ok: 2");
}

class NativeHand : public NativeChild {
 protected:
  void hand(const Term& pid, Duration limit = std::chrono::seconds(30)) {
    as(kA, "sup_a", [&](ProcessContext& context) {
      hand_native(context, runtimes.at(kA), pid, limit, std::nullopt, [&](ProcessContext&, Result<Term> given) { way_in = given ? *given : Term(), error = given ? "" : given.error(); });
    });
    settle();
  }
  Term way_in;
  std::string error;
};

TEST_F(NativeHand, ItAnswersByTheWayInOnlyAndWhatWaitsGoesToTheNewCopyInOrder) {
  const Term old_pid = start<Obedient>(kA);
  ask(kA, old_pid, "count");
  hand(old_pid);
  ASSERT_TRUE(way_in.is_pid());
  std::string waits;
  net.run(kB, [&](ProcessContext& context) {
    context.cast(old_pid, atom("count"));
    context.call(old_pid, atom("count"), {}, into(waits));
  });
  settle();
  EXPECT_EQ(waits, "");
  EXPECT_EQ(ask(kB, way_in, "count"), "ok: 2");
  const Term new_pid = start<Obedient>(kB, "counter");
  as(kA, "sup_a", [&](ProcessContext& context) { forward_native(context, runtimes.at(kA), old_pid, new_pid, [](ProcessContext&, Term) {}); });
  settle();
  EXPECT_EQ(waits, "ok: 2");
  EXPECT_EQ(ask(kB, old_pid, "count"), "no: noproc");
  EXPECT_EQ(ask(kB, way_in, "count"), "no: noproc");
  EXPECT_EQ(ask(kB, new_pid, "count"), "ok: 3");
}

TEST_F(NativeHand, OneThatStaysHandlesInOrderWhatHasWaited) {
  const Term pid = start<Obedient>(kA);
  hand(pid);
  std::string first, second;
  net.run(kB, [&](ProcessContext& context) {
    context.call(pid, atom("count"), {}, into(first));
    context.call(pid, atom("count"), {}, into(second));
  });
  settle();
  EXPECT_EQ(first + second, "");
  as(kA, "sup_a", [&](ProcessContext& context) { unfreeze_native(context, runtimes.at(kA), pid); });
  settle();
  EXPECT_EQ(first + second, "ok: 1ok: 2");
  EXPECT_EQ(ask(kB, way_in, "count"), "no: noproc");
}

TEST_F(NativeHand, WhoGivesAndIsNotHeardOfAgainIsNotWaitedForForever) {
  const Term pid = start<Obedient>(kA);
  hand(pid, std::chrono::seconds(2));
  std::string answer;
  net.run(kB, [&](ProcessContext& context) { context.call(pid, atom("count"), {std::chrono::seconds(20)}, into(answer)); });
  settle();
  EXPECT_EQ(answer, "");
  net.advance(std::chrono::seconds(3));
  settle();
  EXPECT_EQ(answer, "ok: 1");
}

TEST_F(NativeHand, OneThatIsGivenAlreadyIsNotGivenTwiceAndItsEndEndsTheWayIn) {
  const Term pid = start<Obedient>(kA);
  hand(pid);
  const Term first = way_in;
  hand(pid);
  EXPECT_NE(error.find("busy"), std::string::npos) << error;
  EXPECT_EQ(stop(kA, pid, std::chrono::seconds(1)), "shutdown");
  EXPECT_EQ(ask(kB, first, "count"), "no: noproc");
}

TEST_F(NativeChild, AFreezeThatTakesTooLongIsTakenBack) {
  const Term pid = start<Obedient>(kA);
  std::string state;
  as(kA, "sup_a", [&](ProcessContext& context) {
    freeze_native(context, runtimes.at(kA), pid, std::chrono::milliseconds(10), [&](ProcessContext&, Result<std::optional<Term>> taken) {
      state = taken ? "state" : taken.error();
    });
  });
  net.advance(std::chrono::milliseconds(50));
  EXPECT_NE(state.find("timeout"), std::string::npos);
  settle();
  EXPECT_EQ(ask(kA, pid, "count"), "ok: 1");
}

}  // namespace
}  // namespace supervisorring
