// TopSup: the parent of all global supervisors of a standalone node, as the application's supervisor is on a BEAM. A process without a name.
//
// Starts each of them, and again when one has ended: by its own intensity, or because another member ended it everywhere, not by auto_shutdown. More than `restarts`
// ends within `period_s` seconds, counted as OTP counts, and it gives up: the node leaves the ring, so that the children of the other supervisors
// are handed over, and ends. Without an intensity (`never`) what has ended stays down until other members run it again (join_guard.h).
//
// Not in drop-in: there the parents are those of the BEAM.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "node/process.h"
#include "node/sup_shared.h"
#include "sup/intensity.h"

namespace supervisorring {

struct TopIntensity { std::int64_t restarts, period_s; };

class TopSup : public Process {
 public:
  using GiveUp = std::function<void(ProcessContext&, const std::string& why)>;  // once
  // `intensity`: none: never starts one again.
  TopSup(std::shared_ptr<SupervisionState> all, std::optional<TopIntensity> intensity, GiveUp give_up);

  void started(ProcessContext&) override;
  void handle_message(ProcessContext&, const Term& message) override;
  void ended(ProcessContext&, const Term&) override { all_->top_sup_box.close(); }
  // In this process's context.
  void start(ProcessContext&, const std::shared_ptr<SupervisorState>&);

 private:
  void handle_exit(ProcessContext&, const Term& pid);

  const std::shared_ptr<SupervisionState> all_;
  const std::optional<TopIntensity> limit_;
  std::optional<RestartIntensity> intensity_;
  const GiveUp give_up_;
  bool gave_up_ = false;
  std::unordered_map<Term, std::shared_ptr<SupervisorState>> running_;  // by the pid of the global supervisor
  std::unordered_map<Term, std::shared_ptr<SupervisorState>> waiting_;  // by monitor: for the end of what still bears a name of it
};

// From any process of a standalone node: a supervisor that does not run, or not any more.
void start_supervisor(ProcessContext&, const std::shared_ptr<SupervisionState>&, const std::shared_ptr<SupervisorState>&);

}  // namespace supervisorring
