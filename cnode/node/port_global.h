// BeamGlobalSup: in drop-in, what stands for the process `<Sup>.GlobalSup` in the program.
//
// The real one is a supervisor of the BEAM: it restarts the relays <Sup> and <Sup>.ChildManager, both when one ends, and counts how often. This
// one runs the local supervisor and the child manager that are bound to these relays, starts them again when the BEAM says that the relays are new, and
// ends with its relay. An end after the local supervisor gave up is by intensity, and SuperSup tells the other members.
#pragma once

#include <memory>
#include <optional>

#include "node/process.h"
#include "node/sup_shared.h"

namespace supervisorring {

class BeamGlobalSup : public Process {
 public:
  BeamGlobalSup(std::shared_ptr<SupervisionState> all, std::shared_ptr<SupervisorState> sup) : all_(std::move(all)), sup_(std::move(sup)) {}

  void started(ProcessContext&) override;
  void handle_message(ProcessContext&, const Term& message) override;
  void ended(ProcessContext&, const Term& reason) override;

  // What PortSupervision sends it.
  static Term restarted_message(const Term& local, const Term& manager) { return tuple(atom("$restarted"), local, manager); }
  static Term gone_message(const Term& reason) { return tuple(atom("$gone"), reason); }

 private:
  void start_both(ProcessContext&);
  void end_both(ProcessContext&);
  void handle_exit(ProcessContext&, const Term& pid, const Term& reason);
  void handle_restarted(ProcessContext&, const Term& local, const Term& manager);
  void handle_gone(ProcessContext&, const Term& reason);
  void go_on(ProcessContext&);  // when neither runs any more

  std::shared_ptr<SupervisionState> all_;
  std::shared_ptr<SupervisorState> sup_;
  Term local_, manager_;           // pids; [] while not running
  bool gave_up_ = false;           // the local supervisor did, and the BEAM has not restarted it
  bool ending_ = false;            // both are being ended from here
  std::optional<Term> restart_;    // {Local, Manager} to be started when both have ended
  std::optional<Term> gone_;       // the reason to end with when both have ended
};

}  // namespace supervisorring
