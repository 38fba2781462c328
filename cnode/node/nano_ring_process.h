// The process behind nano_ring.h.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "node/nano_ring.h"
#include "node/sup_post.h"

namespace supervisorring {

class NanoRingProcess;

struct NanoRing::Shared {
  MembershipConfig config;
  RingView& view;
  NanoRingHooks hooks;
  PostBox box;                        // work for the process, from others on the node
  std::unique_ptr<Membership> core;   // from the process's start on
  NanoRingProcess* process = nullptr; // the same
};

class NanoRingProcess : public Process {
 public:
  explicit NanoRingProcess(std::shared_ptr<NanoRing::Shared> shared) : shared_(std::move(shared)) {}

  void started(ProcessContext&) override;
  void handle_message(ProcessContext&, const Term& message) override;
  void ended(ProcessContext&, const Term& reason) override;

  void leave(ProcessContext&, Membership::Forget);
  // An input of the core, then its effects and its timer.
  void input(ProcessContext&, const std::function<void(Membership&, Time)>&);

 private:
  void perform(ProcessContext&, membership::Send&);
  void perform(ProcessContext&, membership::Tell&);
  void perform(ProcessContext&, membership::Reply&);
  void perform(ProcessContext&, membership::Connect&);
  void perform(ProcessContext&, membership::AskSet&);
  void perform(ProcessContext&, membership::AskFormat&);
  void perform(ProcessContext&, membership::AskMayJoin&);
  void perform(ProcessContext&, membership::Persist&);
  void perform(ProcessContext&, membership::RemoveFile&);
  void perform(ProcessContext&, membership::Publish&);
  void perform(ProcessContext&, membership::Removed&);
  void perform(ProcessContext&, membership::Refused&);
  void perform(ProcessContext&, membership::Left&);
  void perform(ProcessContext&, membership::Log&);
  void set_timer(ProcessContext&);
  void tell_sets(ProcessContext&);
  void warn_of_shared_points(ProcessContext&);

  std::shared_ptr<NanoRing::Shared> shared_;
  ProcessContext* context_ = nullptr;  // while in input(): where the core's references come from
  Term timer_;
  std::optional<Instant> timer_at_;
  std::optional<std::pair<std::uint64_t, std::uint64_t>> told_;  // the versions of both sets that hooks.sets_changed was told last
  bool published_ = false;             // the view has changed since
  Membership::Phase told_phase_ = Membership::Phase::asking;
  std::deque<membership::Effect> pending_;
  bool performing_ = false;
  bool removed_ = false;
  bool tell_removed_ = false;          // when all effects are performed
  bool leaving_ = false;
  std::vector<std::pair<Term, Term>> shared_points_;  // what has been warned of
};

}  // namespace supervisorring
