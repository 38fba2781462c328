// JoinGuard: asks the members of a ring what they run, then says whether this node may own its share (sup/join_check.h).
//
// Members of ours have announced it (peer.h). The others are BEAMs: erlang:registered() for names that end in .ChildManager, sys:get_state of
// each for its specs and handlers, get_all() of the handlers, all over erpc. A member that does not answer, or a process that is no
// child manager after all, is passed over with a line in the log: it cannot be asked, and others may.
//
// A supervisor that a member of ours runs and that is still being read here is waited for, kReadTimeout at most.
//
// What it finds also tells that a supervisor which ended on every member (super_sup.h) was started again by its parent elsewhere: then it is
// started again here, or this node would own children of it that run nowhere.
//
// Beside a BEAM (drop-in) every child can run, so the only question is whether there are legacy members where that BEAM has no
// 'Elixir.Supervisor': they call it, and it would hang them. And before it joins, whether the supervisors that legacy members run have started here, which they do
// when the BEAM's own tree comes to them: a legacy member ends a child that belongs to a member on which its supervisor does not run, and its state with it.
// They are waited for, until kSupervisorsStart after the first question.
//
// A supervisor whose `members` leave this node out needs no definition and no factory here. One that is defined here with such a set is not to be run beside a
// member that runs it and knows no sets.
//
// One process a question; it ends with its answer: {ok, true} or {error, Text} to `from`.
#pragma once

#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "node/process.h"
#include "node/sup_shared.h"
#include "sup/join_check.h"

namespace supervisorring {

inline constexpr Duration kSupervisorsStart = std::chrono::seconds(10);

class JoinGuard : public Process {
 public:
  JoinGuard(std::shared_ptr<SupervisionState> all, Term from, std::vector<Term> members)
      : all_(std::move(all)), from_(std::move(from)), members_(std::move(members)) {}

  void started(ProcessContext&) override;
  void handle_message(ProcessContext&, const Term& message) override;

 private:
  bool all_known() const;
  bool reading() const;  // what these members run is defined here and has not been read yet
  void look_at_children();
  std::vector<ChildSpec> known_children(const Term& supervisor) const;
  bool owned_here(const PeerHello&, const Term& supervisor) const;
  std::string refused(const Term& node, const Term& supervisor, bool knows_sets) const;
  void ask_all(ProcessContext&);
  void ask_beam(ProcessContext&, const Term& node);
  void ask_manager(ProcessContext&, const Term& node, const Term& manager);
  void ask_handler(ProcessContext&, const Term& node, std::size_t supervisor, const Term& module);
  void skip(ProcessContext&, const Term& node, const std::string& what, const Term& why);
  void start_again(ProcessContext&);  // supervisors that are down here and run elsewhere
  void ask_for_supervisors(ProcessContext&);
  void await_supervisors(ProcessContext&);
  void answer_for_beam(ProcessContext&);
  void answered(ProcessContext&);  // one question less; the last one gives the answer

  std::shared_ptr<SupervisionState> all_;
  const Term from_;
  const std::vector<Term> members_;
  std::vector<RemoteSupervisor> found_;
  std::size_t open_ = 0;
  std::vector<std::pair<Term, Term>> awaited_;  // supervisors that are to start on this BEAM, and a legacy member that runs it
  bool awaiting_ = false;
  Instant begun_{};
  Instant until_{}, reading_until_{};
};

}  // namespace supervisorring
