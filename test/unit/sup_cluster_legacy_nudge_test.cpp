// Whom of the legacy members ours have look at their children once more after a change of the ring.
#include "node/peer.h"
#include "sup_cluster.h"

namespace supervisorring {
namespace {

class LegacyNudge : public SupCluster {
 protected:
  struct LocalSup : Process {
    explicit LocalSup(const LegacyNudge& test) : test_(test) {}
    void handle_message(ProcessContext& context, const Term& message) override {
      if (message.is_tagged("$gen_call", 3) && message[2].is_atom("which_children")) context.reply(message[1], Term::list(test_.listed));
    }
    const LegacyNudge& test_;
  };
  struct Manager : Process {
    explicit Manager(LegacyNudge& test) : test_(test) {}
    void handle_message(ProcessContext&, const Term& message) override {
      if (message.is_tagged("$gen_cast", 2) && message[1].is_atom("sync_children")) ++test_.syncs;
    }
    LegacyNudge& test_;
  };
  void SetUp() override {
    add_with("a@h", {});
    add_plain("legacy@h", [this](Node& node) {
      node.at_start([this](ProcessContext& context) {
        context.spawn(std::make_unique<LocalSup>(*this), SpawnOptions{atom("Elixir.S"), TrapExit::no, Term()});
        context.spawn(std::make_unique<Manager>(*this), SpawnOptions{atom("Elixir.S.ChildManager"), TrapExit::no, Term()});
      });
    });
  }
  // What the legacy member runs: the first ids that belong to `owner`, or ids that were terminated.
  Term child_of(const std::string& owner, const char* pid = nullptr) {
    for (int i = 0;; ++i) {
      const Term id = atom("x" + std::to_string(i));
      if (members.at("a@h")->view.owner_of(atom("Elixir.S"), id).value() == atom(owner))
        return tuple(id, pid ? atom(pid) : Term::pid(atom("legacy@h"), 77, 0, 1), atom("worker"), list({atom("m")}));
    }
  }
  std::vector<Term> listed;
  int syncs = 0;
};

// A look ends what no handler names: with it a child that start_child had started, and whose handler had not been told yet, was gone the moment after.
TEST_F(LegacyNudge, OneThatRunsItsOwnChildrenOnlyIsLeftAlone) {
  set_ring("a@h", {"a@h", "legacy@h"});
  listed = {child_of("legacy@h"), child_of("a@h", "undefined")};
  wait(kNudgeAfter + kNudgeAgain + std::chrono::seconds(5));
  EXPECT_EQ(syncs, 0);
}

TEST_F(LegacyNudge, OneThatRunsAChildOfAnotherMemberLooksAgainNowAndHalfAMinuteLater) {
  set_ring("a@h", {"a@h", "legacy@h"});
  listed = {child_of("legacy@h"), child_of("a@h")};
  wait(kNudgeAfter + std::chrono::seconds(1));
  EXPECT_EQ(syncs, 1);
  wait(kNudgeAgain + std::chrono::seconds(1));
  EXPECT_EQ(syncs, 2);
}

}  // namespace
}  // namespace supervisorring
