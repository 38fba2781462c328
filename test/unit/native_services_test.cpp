// What a native child asks of its node and of the cluster: find and start_child, links and trapped exits, erpc, timers for others.
#include "native_fixture.h"
#include "sup_cluster.h"

namespace supervisorring {
namespace {

// Asks the cluster's supervisors; answers what it was told.
class Organiser : public gen_server {
 public:
  CallReaction handle_call(const Term& request, const From& from) override {
    const auto pass_on = [this, from](const Answer& answer) { reply(from, tuple(Term::boolean(answer.ok), answer.value)); };
    if (request.is_tagged("find", 2)) find(atom("Elixir.S"), request[1], pass_on);
    else start_child(atom("Elixir.S"), request[1], pass_on);
    return noreply();
  }
};

class AnyHandler : public ChildHandler {
 public:
  bool match(const Term&) override { return true; }
  std::vector<ChildSpec> get_all() override { return children; }
  Term add(const ChildSpec& spec) override { children.push_back(spec); return atom("ok"); }
  Term del(const Term&) override { return atom("ok"); }
  std::vector<ChildSpec> children;
};

TEST_F(SupCluster, AChildFindsAndStartsChildrenOfTheClustersSupervisors) {
  const auto handler = std::make_shared<AnyHandler>();
  const auto checked = check_child_spec(T("{boss,{gen_server,start_link,[{local,boss},'Elixir.Organiser',[],[]]},permanent,5000,worker,['Elixir.Organiser']}"), AutoShutdown::never);
  for (const std::string name : {"a@h", "b@h"}) {
    add(name, [&](Member& m) {
      m.workers.add<Organiser>("Elixir.Organiser");
      EXPECT_TRUE(m.supervision->define({atom("Elixir.S"), LocalDefinition{SupervisorFlags{3, 5}, {std::get<ChildSpec>(checked)}, handler}}));
    });
  }
  ring({"a@h", "b@h"});
  wait(std::chrono::seconds(2));
  const Term boss = tuple(atom("boss"), atom(owner("a@h", atom("boss"))));
  for (const char* id : {"c0", "c1", "c2", "c3"}) {
    const CallResult found = call("a@h", boss, tuple(atom("find"), atom(id)));
    ASSERT_TRUE(found.ok);
    EXPECT_EQ(found.value, tuple(atom("true"), atom(owner("b@h", atom(id)))));
    const CallResult started = call("b@h", boss, tuple(atom("start"), to_tuple(spec(id))));
    ASSERT_TRUE(started.ok && started.value[0].is_atom("true") && started.value[1].is_tagged("ok", 2)) << to_text(started.value);
    EXPECT_EQ(started.value[1][1].node(), found.value[1]);
    EXPECT_EQ(count_of("a@h", id), 0);
  }
  const CallResult bad = call("a@h", boss, tuple(atom("start"), T("{x,{m,f,[]},forever,5000,worker,[m]}")));
  EXPECT_EQ(bad.value, T("{true,{error,{invalid_restart_type,forever}}}"));
}

std::vector<std::string> heard;

class Linker : public gen_server {
 public:
  CallReaction handle_call(const Term& request, const From& from) override {
    if (request.is_tagged("trap", 2)) trap_exit(request[1].is_atom("true"));
    if (request.is_tagged("link", 2)) link(request[1]);
    if (request.is_tagged("unlink", 2)) unlink(request[1]);
    if (request.is_tagged("exit", 3)) exit(request[1], request[2]);
    if (request.is_tagged("tell", 3)) send_after(std::chrono::milliseconds(50), request[1], request[2]);
    if (request.is_tagged("node_of", 2)) {
      erpc(request[1], "erlang", "node", {}, std::chrono::seconds(1), [this, from](const Answer& answer) { reply(from, tuple(Term::boolean(answer.ok), answer.value)); });
      return noreply();
    }
    return reply(atom("ok"));
  }
  Reaction handle_info(const Term& message) override { return heard.push_back(to_text(message)), noreply(); }
  void terminate(const Term& reason) override { heard.push_back("terminate " + to_text(reason)); }
};

class NativeServices : public NativeNodes {
 protected:
  void SetUp() override {
    NativeNodes::SetUp();
    heard.clear();
  }
  Term pid_of(const std::string& node, const char* name) {
    Term pid;
    net.run(node, [&](ProcessContext& context) { pid = *context.whereis(atom(name)); });
    return pid;
  }
  std::string tell(const std::string& node, const Term& to, std::initializer_list<Term> parts) {
    std::string result;
    const Term request = Term::tuple(std::vector<Term>(parts));
    net.run(node, [&](ProcessContext& context) { context.call(to, request, {}, into(result)); });
    settle();
    return result;
  }
};

TEST_F(NativeServices, ATrappedExitOfALinkedProcessComesToHandleInfo) {
  const Term pid = start<Linker>(kA);
  spawn(kB, "friend");
  const Term other = pid_of(kB, "friend");
  tell(kA, pid, {atom("trap"), atom("true")});
  tell(kA, pid, {atom("link"), other});
  send(kB, atom("friend"), parse_term("{stop, enough}").value());
  settle();
  EXPECT_EQ(heard, Mail{to_text(tuple(atom("EXIT"), other, atom("enough")))});
  EXPECT_EQ(tell(kA, pid, {atom("trap"), atom("true")}), "ok: ok");
}

TEST_F(NativeServices, AnUntrappedOneEndsTheChildWithoutTerminate) {
  const Term pid = start<Linker>(kA);
  spawn(kB, "friend");
  tell(kA, pid, {atom("link"), pid_of(kB, "friend")});
  send(kB, atom("friend"), parse_term("{stop, enough}").value());
  settle();
  EXPECT_EQ(heard, Mail{});
  EXPECT_EQ(tell(kB, pid, {atom("trap"), atom("true")}), "no: noproc");
  EXPECT_EQ(notes["sup_a"].mail, Mail{to_text(tuple(atom("EXIT"), pid, atom("enough")))});
}

TEST_F(NativeServices, AnUnlinkedProcessMeansNothingAnyMore) {
  const Term pid = start<Linker>(kA);
  spawn(kB, "friend");
  const Term other = pid_of(kB, "friend");
  tell(kA, pid, {atom("link"), other});
  tell(kA, pid, {atom("unlink"), other});
  send(kB, atom("friend"), parse_term("{stop, enough}").value());
  settle();
  EXPECT_EQ(tell(kA, pid, {atom("trap"), atom("true")}), "ok: ok");
}

TEST_F(NativeServices, ALostNodeIsNoconnectionToAChildThatHasALinkThere) {
  const Term pid = start<Linker>(kA);
  spawn(kB, "friend");
  const Term other = pid_of(kB, "friend");
  tell(kA, pid, {atom("trap"), atom("true")});
  tell(kA, pid, {atom("link"), other});
  net.crash(kB);
  settle();
  EXPECT_EQ(heard, Mail{to_text(tuple(atom("EXIT"), other, atom("noconnection")))});
}

TEST_F(NativeServices, AnExitSignalTimersForOthersAndErpc) {
  const Term pid = start<Linker>(kA);
  spawn(kB, "victim", {.trap_exit = TrapExit::yes});
  const Term victim = pid_of(kB, "victim");
  tell(kA, pid, {atom("exit"), victim, atom("boo")});
  EXPECT_EQ(notes["victim"].mail, Mail{to_text(tuple(atom("EXIT"), pid, atom("boo")))});
  notes["victim"] = Notes();
  tell(kA, pid, {atom("tell"), at("victim", kB), atom("later")});
  net.advance(std::chrono::milliseconds(60));
  settle();
  EXPECT_EQ(notes["victim"].mail, Mail{"later"});
  EXPECT_EQ(tell(kA, pid, {atom("node_of"), atom(kB)}), "ok: {true,b@h2}");
  EXPECT_EQ(tell(kA, pid, {atom("node_of"), atom("nobody@h3")}), "ok: {false,{erpc,noconnection}}");
}

// sys:get_state/1 of the node's own processes waited for its time-out.
TEST_F(NativeServices, EveryProcessAnswersSystemMessages) {
  spawn(kA, "sys");
  for (const char* request : {"get_state", "get_status", "suspend"}) {
    as(kA, "sys", [&](ProcessContext& context) {
      context.send(at("rex", kB), tuple(atom("system"), tuple(context.self(), atom("tag")), atom(request)));
    });
    settle();
  }
  const Mail& mail = notes["sys"].mail;
  ASSERT_EQ(mail.size(), 3u);
  EXPECT_EQ(mail[0], "{tag,cpp}");
  EXPECT_TRUE(mail[1].starts_with("{tag,{status,")) << mail[1];
  EXPECT_EQ(mail[2], "{tag,{error,{unknown_system_msg,suspend}}}");
}

}  // namespace
}  // namespace supervisorring
