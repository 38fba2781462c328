// SuperSup: the process 'Elixir.Supervisorring.App.Sup.SuperSup'. Ends a supervisor on all members when it failed on one.
//
// Follows the original's super_sup, where it can be followed: a global supervisor that ends by intensity is told to the other up members
// ({terminate, Name}); one that was stopped, or ended by a received terminate, is not. {terminate, Name} for a name that does not run
// here is answered with nothing. Also answers prepare_leave: `ok` when all children have been handed over, or the time is up; then it says which were not, and why.
#pragma once

#include <memory>
#include <vector>

#include "node/process.h"
#include "node/sup_shared.h"

namespace supervisorring {

inline constexpr std::size_t kMaxLeftNamed = 20;  // children that were not handed over, a line each; of the rest the number

class SuperSup : public Process {
 public:
  explicit SuperSup(std::shared_ptr<SupervisionState> all) : all_(std::move(all)) {}

  void started(ProcessContext&) override;
  void handle_message(ProcessContext&, const Term& message) override;
  void ended(ProcessContext&, const Term&) override { all_->super_sup_box.close(); }

 private:
  void handle_cast(ProcessContext&, const Term& request);
  void handle_monitor(ProcessContext&, const Term& global_sup);
  void handle_terminate(ProcessContext&, const Term& global_sup);
  void handle_down(ProcessContext&, const Term& message);
  void handle_prepare_leave(ProcessContext&, const Term& from);
  void check_leave(ProcessContext&);
  void report_left(ProcessContext&) const;
  SupervisorState* by_global_name(const Term& global_sup) const;

  struct Leaver { Term from; Instant until; };
  std::shared_ptr<SupervisionState> all_;
  std::vector<std::pair<Term, Term>> monitors_;  // reference, name of the global supervisor
  std::vector<Leaver> leavers_;
};

}  // namespace supervisorring
