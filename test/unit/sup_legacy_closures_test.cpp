// Functions that a legacy member wants run beside a child: golden closures of the original, sent by a node that plays the BEAM they came from.
#include <fstream>
#include <nlohmann/json.hpp>

#include "node/legacy_closures.h"
#include "sup_cluster.h"
#include "supervisorring/external_format.h"

namespace supervisorring {
namespace {

const char* const kSup = "Elixir.MySup";

// Fun of the golden row onnode_cast_<name>.
Term golden_fun(const std::string& name) {
  std::ifstream file(SR_TEST_DIR "/golden/wire-otp25.json");
  const nlohmann::json all = nlohmann::json::parse(file);
  for (const auto& row : all["terms"]) {
    if (row["name"] != "onnode_cast_" + name) continue;
    const auto hex = row["hex"].get<std::string>();
    Bytes bytes;
    for (std::size_t i = 0; i < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    return decode_whole(bytes).value()[1][3];
  }
  ADD_FAILURE() << "no golden row onnode_cast_" << name;
  return Term();
}

// The golden closure with other bytes in one place.
Term changed(const Term& fun, std::size_t at, char byte) {
  Bytes bytes(fun.bytes());
  bytes[at] = byte;
  return Term::fun(bytes);
}

TEST(LegacyClosure, TheGoldenClosuresAreRead) {
  const std::pair<const char*, std::uint32_t> rows[] = {{"delete_child", 1}, {"restart_child", 2}, {"start_child", 3}, {"terminate_child", 4}};
  for (const auto& [name, index] : rows) {
    const auto closure = read_legacy_closure(golden_fun(name));
    ASSERT_TRUE(closure) << name;
    EXPECT_EQ(closure->module, atom("supervisorring"));
    EXPECT_EQ(closure->index, index);
    ASSERT_EQ(closure->free.size(), 2u);
    EXPECT_EQ(closure->free[0], atom(kSup));
    EXPECT_EQ(index == 3 ? closure->free[1][0] : closure->free[1], tuple(atom("k"), integer(10)));
  }
  EXPECT_FALSE(read_legacy_closure(golden_fun("export_fun")));
}

TEST(LegacyClosure, OneThatIsCutOffAnywhereIsNotRead) {
  const Term fun = golden_fun("start_child");
  for (std::size_t size = 0; size < fun.bytes().size(); ++size) EXPECT_FALSE(read_legacy_closure(Term::fun(fun.bytes().substr(0, size)))) << size;
}

TEST(LegacyClosure, OneWithArgumentsOrOtherFreeVariablesIsNotRead) {
  const Term fun = golden_fun("terminate_child");
  EXPECT_FALSE(read_legacy_closure(changed(fun, 5, 1)));
  EXPECT_FALSE(read_legacy_closure(changed(fun, 29, 1)));
  EXPECT_FALSE(read_legacy_closure(changed(fun, 29, 3)));
}

TEST(LegacyClosure, AnotherBuildOrAnotherPlaceHasAnotherKey) {
  const Term fun = golden_fun("terminate_child");
  const std::string key = read_legacy_closure(fun)->key();
  EXPECT_EQ(read_legacy_closure(changed(fun, fun.bytes().size() - 1, 11))->key(), key);  // another id
  EXPECT_NE(read_legacy_closure(changed(fun, 6, 0x33))->key(), key);                     // Uniq
  EXPECT_NE(read_legacy_closure(changed(fun, 25, 3))->key(), key);                       // Index
}

class Asker : public Process {
 public:
  explicit Asker(std::vector<Term>& mail) : mail_(mail) {}
  void handle_message(ProcessContext&, const Term& message) override { mail_.push_back(message); }

 private:
  std::vector<Term>& mail_;
};

// Remembers what it is told, and how often it was asked.
struct CountingHandler : ChildHandler {
  std::vector<ChildSpec> get_all() override { return ++asked, std::vector<ChildSpec>(); }
  Term add(const ChildSpec&) override { return atom("ok"); }
  Term del(const Term&) override { return atom("ok"); }
  int asked = 0;
};

class LegacyChanges : public SupCluster {
 protected:
  void add_member(const std::string& name) {
    add(name, [this](Member& m) {
      m.workers.add<Counter>("Elixir.GenericServer");
      EXPECT_TRUE(m.supervision->define({atom(kSup), LocalDefinition{SupervisorFlags{3, 5}, {}, handler}}));
    });
  }
  // A BEAM that has the original loaded: it knows the names of its functions.
  void add_beam() {
    add_plain("l@h", [this](Node& node) {
      node.define_function("erlang", "fun_info", 2, [this](ProcessContext&, std::vector<Term> arguments, RpcDone done) {
        EXPECT_EQ(arguments[1], atom("name"));
        ++asked;
        static const char* const kNames[] = {"-exec/5-fun-0-", "-delete_child/2-fun-0-", "-restart_child/2-fun-0-", "-start_child/2-fun-0-", "-terminate_child/2-fun-0-"};
        const Term answer = tuple(atom("name"), atom(kNames[read_legacy_closure(arguments[0])->index]));
        if (hold) held.push_back([done, answer] { done(answer); });
        else done(answer);
      });
    });
    net.run("l@h", [this](ProcessContext& context) { asker = *context.spawn(std::make_unique<Asker>(mail), SpawnOptions{}); });
  }
  Term onnode(const Term& fun) {
    Term reference;
    net.run("l@h", [&](ProcessContext& context) { reference = context.make_ref(); });
    return tuple(atom("onnode"), T("{k, 10}"), tuple(asker, reference), fun);
  }
  void send(const Term& request, const std::string& to = "a@h") {
    mail.clear();
    cast("l@h", tuple(atom("Elixir.MySup.ChildManager"), atom(to)), request);
  }
  // What the function was answered; [] when it was not.
  Term run(const Term& fun, const std::string& to = "a@h") {
    const Term request = onnode(fun);
    send(request, to);
    eventually([&] { return !mail.empty(); }, std::chrono::milliseconds(500));
    if (mail.size() != 1 || !mail[0].is_tuple(3)) return Term();
    EXPECT_EQ(mail[0][0], request[2][1]);
    EXPECT_EQ(mail[0][1], atom("executed"));
    return mail[0][2];
  }
  std::optional<Supervisor::View> child_on(const std::string& node) {
    return members.at(node)->supervision->state()->find(atom(kSup))->local->find(T("{k, 10}"));
  }

  std::shared_ptr<CountingHandler> handler = std::make_shared<CountingHandler>();
  Term asker;
  std::vector<Term> mail;
  int asked = 0;
  bool hold = false;
  std::vector<std::function<void()>> held;
};

TEST_F(LegacyChanges, TheFourAreCarriedOutOnTheOwnerAndAnsweredAsOtp) {
  add_member("a@h");
  ring({"a@h"});
  add_beam();
  const Term started = run(golden_fun("start_child"));
  ASSERT_TRUE(started.is_tagged("ok", 2)) << to_text(started);
  EXPECT_EQ(child_on("a@h")->pid, started[1]);
  EXPECT_EQ(run(golden_fun("start_child")), tuple(atom("error"), tuple(atom("already_started"), started[1])));
  EXPECT_EQ(run(golden_fun("delete_child")), T("{error, running}"));
  EXPECT_EQ(run(golden_fun("restart_child")), T("{error, running}"));
  EXPECT_EQ(run(golden_fun("terminate_child")), atom("ok"));
  EXPECT_EQ(child_on("a@h")->state, Supervisor::ChildState::down);
  const Term restarted = run(golden_fun("restart_child"));
  ASSERT_TRUE(restarted.is_tagged("ok", 2)) << to_text(restarted);
  EXPECT_NE(restarted[1], started[1]);
  EXPECT_EQ(run(golden_fun("terminate_child")), atom("ok"));
  EXPECT_EQ(run(golden_fun("delete_child")), atom("ok"));
  EXPECT_FALSE(child_on("a@h"));
  EXPECT_EQ(run(golden_fun("delete_child")), T("{error, not_found}"));
  EXPECT_EQ(asked, 4);  // once for each of the four
}

TEST_F(LegacyChanges, AnyOtherFunctionIsAnsweredThatThereIsNoBeam) {
  add_member("a@h");
  ring({"a@h"});
  add_beam();
  const Term no_beam = T("{error, {no_beam, 'a@h'}}");
  EXPECT_EQ(run(golden_fun("export_fun")), no_beam);
  EXPECT_EQ(run(atom("no_function")), no_beam);
  const Term fun = golden_fun("start_child");
  const std::size_t module_at = fun.bytes().find("supervisorring");
  EXPECT_EQ(run(changed(fun, module_at, 'S')), no_beam);
  EXPECT_EQ(run(changed(fun, fun.bytes().find("MySup"), 'N')), no_beam);  // of another supervisor
  EXPECT_EQ(asked, 0);
  EXPECT_EQ(run(changed(fun, 25, 0)), no_beam);  // of module supervisorring, and none of the four
  EXPECT_EQ(run(changed(fun, 25, 0)), no_beam);
  EXPECT_EQ(asked, 1);
  EXPECT_FALSE(child_on("a@h"));
}

TEST_F(LegacyChanges, AMemberThatIsNotTheOwnerPassesTheFunctionOn) {
  add_member("a@h");
  add_member("b@h");
  add_beam();
  set_ring("a@h", {"b@h"});
  set_ring("b@h", {"b@h"});
  drive();
  EXPECT_TRUE(run(golden_fun("start_child"), "a@h").is_tagged("ok", 2));
  EXPECT_EQ(asked, 1);
  EXPECT_FALSE(child_on("a@h"));
  EXPECT_TRUE(child_on("b@h"));
}

TEST_F(LegacyChanges, WhatWaitsForItsSenderGoesToTheOwnerThatARingChangeMade) {
  add_member("a@h");
  add_member("b@h");
  add_beam();
  set_ring("a@h", {"a@h"});
  set_ring("b@h", {"b@h"});
  drive();
  hold = true;
  send(onnode(golden_fun("start_child")));
  set_ring("a@h", {"b@h"});
  ASSERT_EQ(held.size(), 1u);
  hold = false;
  net.run("l@h", [&](ProcessContext&) { held[0](); });
  EXPECT_TRUE(eventually([&] { return child_on("b@h").has_value(); }));
  EXPECT_FALSE(child_on("a@h"));
  ASSERT_EQ(mail.size(), 1u);
  EXPECT_TRUE(mail[0][2].is_tagged("ok", 2));
}

TEST_F(LegacyChanges, ASenderThatDoesNotSayIsAskedAgainTheNextTime) {
  add_member("a@h");
  ring({"a@h"});
  add_beam();
  hold = true;
  send(onnode(golden_fun("start_child")));
  wait(kFunInfoTimeout + std::chrono::milliseconds(100));
  ASSERT_EQ(mail.size(), 1u);
  EXPECT_EQ(mail[0][2], T("{error, {no_beam, 'a@h'}}"));
  hold = false;
  EXPECT_TRUE(run(golden_fun("start_child")).is_tagged("ok", 2));
  EXPECT_EQ(asked, 2);
}

TEST_F(LegacyChanges, OnlySoManyWaitForASender) {
  add_member("a@h");
  ring({"a@h"});
  add_beam();
  hold = true;
  std::vector<Term> requests;
  const Term fun = golden_fun("terminate_child");
  for (std::size_t i = 0; i < kMaxWaitingClosures + 1; ++i) requests.push_back(onnode(fun));
  mail.clear();
  for (const Term& request : requests) cast("l@h", tuple(atom("Elixir.MySup.ChildManager"), atom("a@h")), request);
  ASSERT_EQ(mail.size(), 1u);
  EXPECT_EQ(mail[0][2], T("{error, {too_many_waiting_calls, 'a@h'}}"));
  EXPECT_EQ(asked, 1);
  net.run("l@h", [&](ProcessContext&) { held[0](); });
  EXPECT_TRUE(eventually([&] { return mail.size() == kMaxWaitingClosures + 1; }));
}

TEST_F(LegacyChanges, TheHandlersAreReadAgainSoonAfterTheirCallersHaveToldThem) {
  add_member("a@h");
  ring({"a@h"});
  add_beam();
  run(golden_fun("start_child"));
  const int before = handler->asked;
  run(golden_fun("start_child"));
  wait(kHandlerToldWithin + std::chrono::milliseconds(100));
  EXPECT_EQ(handler->asked, before + 1);
}

}  // namespace
}  // namespace supervisorring
