// NativeGate: the process `supervisorring_gate` of a node without a BEAM, to which the gate of a BEAM sends callers while a native child moves there from here.
//
// Answers what such callers ask of a gate (erl/supervisorring_gate.erl; README, "Protocol of our own members"): {enter, {Sup, Id}, Ticket} with {pid, Pid} of the child that runs here, for which what is sent
// waits (native_process.h, hand_native()), {cast, {Sup, Id}, Request, _} with ok; `again` where none runs. It is not announced, so nobody begins here: a member's native children are called by their pids.
// The BEAM's gate monitors it, and takes the child for its own when it is gone.
#pragma once

#include <memory>

#include "node/process.h"
#include "node/sup_shared.h"

namespace supervisorring {

inline const Term& gate_name() { static const Term name = atom("supervisorring_gate"); return name; }

class NativeGate : public Process {
 public:
  explicit NativeGate(std::shared_ptr<SupervisionState> all) : all_(std::move(all)) {}
  void handle_message(ProcessContext&, const Term& message) override;

 private:
  Term child(const Term& key) const;  // its pid; [] when none runs here

  const std::shared_ptr<SupervisionState> all_;
};

}  // namespace supervisorring
