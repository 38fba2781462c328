// PeerProcess: the process `supervisorring_peer`. Who among the connected nodes is a member of ours, and what it runs.
//
// Says hello to a node when a connection opens and whenever the supervisors that run here change; hands ask, answer and move messages to the
// child manager of their supervisor. An ask of a member that is not up here yet waits until it is: before that, `not here` could be
// undone by what this ring places here. A node that has been connected for kHelloTimeout and said nothing is legacy; a hello later corrects
// that. Some seconds after a change of the ring the first of ours asks legacy members for their children, and has one that runs another's look once more: it
// was given that child by somebody who did not know of the change yet, and would keep it for good, beside the owner's copy. Grammar: sup/peer_messages.h. Answers {may_join, Members} (join_guard.h).
#pragma once

#include <deque>
#include <memory>
#include <utility>

#include "node/process.h"
#include "node/sup_shared.h"

namespace supervisorring {

inline constexpr Duration kNudgeAfter = std::chrono::seconds(3);   // of the last change of the ring
inline constexpr Duration kNudgeAgain = std::chrono::seconds(30);  // after that: a legacy child manager may have hung in a call until then
inline constexpr Duration kHelloTimeout = std::chrono::seconds(1);
inline constexpr std::size_t kMaxPeers = 100'000;
inline constexpr std::size_t kMaxEarlyAsks = 256;  // of members that are not up here yet; an ask is repeated

class PeerProcess : public Process {
 public:
  explicit PeerProcess(std::shared_ptr<SupervisionState> all) : all_(std::move(all)) {}

  void started(ProcessContext&) override;
  void handle_message(ProcessContext&, const Term& message) override;
  void ended(ProcessContext&, const Term&) override { all_->peer_box.close(); }

 private:
  void handle_nodeup(ProcessContext&, const Term& node);
  void handle_down(ProcessContext&, const Term& monitor, const Term& reason);
  void handle_nodedown(ProcessContext&, const Term& node);
  void handle_peer_message(ProcessContext&, const Term& message);
  void handle_hello(ProcessContext&, const Term& node, const PeerHello&);
  void handle_leaving(ProcessContext&, const Term& node);
  void handle_news(ProcessContext&, const Term& node, const ring_message::News&);
  void handle_digest(ProcessContext&, const Term& node, const ring_message::SetsDigest&);
  void handle_ring(ProcessContext&);
  void handle_announce(ProcessContext&);
  void handle_may_join(ProcessContext&, const Term& from, const Term& members);
  void sweep(ProcessContext&);
  void look_at_all(ProcessContext&);
  void became_legacy(ProcessContext&, const Term& node);
  void nudge_legacy(ProcessContext&);
  void nudge_if_needed(ProcessContext&, const Term& node, const std::shared_ptr<SupervisorState>&);
  void tell_of_partitions(ProcessContext&);
  void send_hello(ProcessContext&, const Term& node, bool answer);
  void send_kept(ProcessContext&, const Term& node);
  void handle_kept(ProcessContext&, const Term& node, const PeerKept&);
  void handle_ask(ProcessContext&, const Term& node, const PeerAsk&);
  void answer_early_asks(ProcessContext&);
  void pass_on(ProcessContext&, const Term& node, const Term& supervisor, const PeerBody&);
  void tell_managers(ProcessContext&, const Term& node);
  void tell_gate(const Term& node);

  std::shared_ptr<SupervisionState> all_;
  std::shared_ptr<const Ring> last_ring_;
  HashFormat last_format_ = HashFormat::minor_version_1;
  bool told_leaving_ = false;
  std::optional<Instant> nudge_at_;
  bool nudged_ = false, nudge_again_ = false;
  bool all_known_ = false;  // the last sweep found everybody up connected and everybody connected known, and nothing that could change it has come since
  std::string told_of_partitions_;                    // who disagrees, or guarantees nothing
  std::deque<std::pair<Term, PeerAsk>> early_asks_;
};

}  // namespace supervisorring
