// GlobalSup: the process `<Sup>.GlobalSup`. Restarts the local supervisor and the child manager, both when one ends (one_for_all).
//
// Intensity 2 within 2 x MaxT of the local supervisor, as OTP counts: the third end within that time ends it with `shutdown`, and
// SuperSup tells the other members. Before its first start it reads the supervisor's definition, with back-off until the node answers; where nobody
// has said yet how children are placed (FormatSource::none), that node's OTP does.
// When the local supervisor ends by auto_shutdown this one ends too, with `shutdown`, and no other member is told: that was the end of this
// member's share. Its parent (top_sup.h) starts it again after an end by intensity or `terminate`; `status` says why it is down.
#pragma once

#include <memory>
#include <optional>

#include "node/process.h"
#include "node/sup_shared.h"
#include "sup/intensity.h"

namespace supervisorring {

class GlobalSup : public Process {
 public:
  GlobalSup(std::shared_ptr<SupervisionState> all, std::shared_ptr<SupervisorState> sup) : all_(std::move(all)), sup_(std::move(sup)) {}

  void started(ProcessContext&) override;
  void handle_message(ProcessContext&, const Term& message) override;
  void ended(ProcessContext&, const Term& reason) override;

 private:
  void read_definition(ProcessContext&);
  void definition_answered(ProcessContext&, const CallResult&);
  void learn_format(ProcessContext&, SupervisorInit);
  void take_definition(ProcessContext&, SupervisorInit);
  void start_both(ProcessContext&);
  void handle_exit(ProcessContext&, const Term& pid, const Term& reason);
  void announce(ProcessContext&);

  std::shared_ptr<SupervisionState> all_;
  std::shared_ptr<SupervisorState> sup_;
  std::optional<RestartIntensity> intensity_;
  std::optional<SupervisorInit> read_;  // while that node is asked for its format
  Duration back_off_{};
  Term local_, manager_;   // pids; [] while not running
  bool restarting_ = false;
};

// Linked to the caller. REQUIRES: no process of its names runs. None where there is no room: then the supervisor is down, with a line in the log.
std::optional<Term> spawn_global_sup(ProcessContext&, const std::shared_ptr<SupervisionState>&, const std::shared_ptr<SupervisorState>&);

}  // namespace supervisorring
