// PortSupervision: in drop-in, what comes over the port for the supervision, and the orders that belong to it.
//
// Supervisors come and go with the user's tree on the BEAM; each is checked as OTP checks what init/1 returned and then runs as a BeamGlobalSup. Reports of
// children and proxies go to their local supervisor. Requests of the application's own API: port_requests.h.
// Also tells the BEAM the ring, by which find/2 works there without asking, and keeps the membership's sets for a successor.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "node/node.h"
#include "node/port_beam.h"
#include "node/port_requests.h"
#include "node/supervision.h"
#include "ring/membership.h"

namespace supervisorring {

class PortSupervision {
 public:
  using Leave = PortRequests::Leave;
  // All outlive it and the node's processes. Before the node starts.
  PortSupervision(Node&, Supervision&, std::shared_ptr<const PortAttach> attach, Leave leave);

  // In the context of the membership's process, after each change of its sets or of the view.
  void sets_changed(ProcessContext&, const Membership&);
  void ring_changed(const RingChange&);

 private:
  void take_over(ProcessContext&);
  void handle_input(ProcessContext&, const Term& input);
  void handle_supervisor(ProcessContext&, const Term& supervisor);
  void define_beside_others(ProcessContext&, PortSupervisor);
  void define(ProcessContext&, PortSupervisor, bool taken_over);
  void handle_restarted(ProcessContext&, const Term& input);
  void handle_gone(ProcessContext&, const Term& input);
  void handle_child_started(ProcessContext&, const Term& input);
  void handle_child_exited(ProcessContext&, const Term& input);
  void handle_proxy_started(ProcessContext&, const Term& input);
  void handle_end_native(ProcessContext&, const Term& input);
  SupervisorState* running(const Term& name) const;  // with a local supervisor; else null
  void send_ring(const Membership&);

  Node& node_;
  Supervision& supervision_;
  const std::shared_ptr<const PortAttach> attach_;
  const Leave leave_;
  Beam beam_;
  PortRequests requests_;
  std::optional<MembershipConfig::Sets> before_;  // what a predecessor saw, until the first view
  Term sets_;                  // {NodeSet, UpSet} as they are
  std::unordered_map<Term, Term> asked_about_;  // supervisors that start when the others have been asked what they run: name, pid of their <Sup>.GlobalSup
  std::vector<Term> events_;   // for the BEAM's event managers, after the ring that they tell of
  bool acks_ = true;           // the BEAM answers gossip while no program does
};

// The sets of a predecessor that was in the ring when it died.
std::optional<MembershipConfig::Sets> kept_sets(const PortAttach&);

}  // namespace supervisorring
