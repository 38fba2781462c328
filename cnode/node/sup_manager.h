// ManagerProcess: the process `<Sup>.ChildManager`. Drives a ChildManager (sup/child_manager.h).
//
// Answers what the original's child manager answers: {get_node, Id}; the casts onnode, get_handler and sync_children. onnode for an owned id is
// carried out or refused by legacy_closures.h, for another it is passed on to the owner, once per Ref; the same Ref again under the same ring means that members disagree and is answered
// {Ref, executed, {error, {placement_disagreement, Members}}}. Ours: {whereis, Id}.
//
// In drop-in start_link on the BEAM returns when the first sync is done, as the original's does: what comes after the supervisor in a tree may call its children.
//
// Keeps the list of dynamic children: asked for at each ring change and every kHandlerInterval. While a handler is away, raises or answers
// no list, its last list holds; a list with a malformed spec is added to the last one. One line says so, one that it is over.
#pragma once

#include <deque>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "node/legacy_closures.h"
#include "node/process.h"
#include "node/sup_shared.h"

namespace supervisorring {

inline constexpr Duration kHandlerInterval = std::chrono::seconds(10);
inline constexpr Duration kHandlerTimeout = std::chrono::seconds(10);
inline constexpr Duration kFirstSyncTimeout = std::chrono::seconds(5);  // start_link on a BEAM returns by then
inline constexpr std::size_t kMaxRecentRefs = 10'000;  // onnode casts that were passed on and may come round again

class ManagerProcess : public Process {
 public:
  ManagerProcess(std::shared_ptr<SupervisionState> all, std::shared_ptr<SupervisorState> sup) : all_(std::move(all)), sup_(std::move(sup)) {}

  void started(ProcessContext&) override;
  void handle_message(ProcessContext&, const Term& message) override;
  void ended(ProcessContext&, const Term& reason) override;
  Term state_for_sys() const override;  // as that of a legacy child manager

 private:
  void handle_call(ProcessContext&, const Term& from, const Term& request);
  void handle_cast(ProcessContext&, const Term& request);
  void handle_onnode(ProcessContext&, const Term& request);
  void handle_get_handler(ProcessContext&, const Term& id, const Term& from);
  bool ring_is_new() const;
  void handle_ring(ProcessContext&);
  void look_at_peers(ProcessContext&);
  void refresh_handlers(ProcessContext&);
  void handler_answered(ProcessContext&, const Term& module, const CallResult& answer);
  SharedSpecs kept_list(const Term& module) const;
  void handlers_answered(ProcessContext&);
  void take_up_lists(Instant now);
  bool all_handlers_answered() const;
  void perform(ProcessContext&);
  void perform_one(ProcessContext&, const MgrEffect&);
  void start(ProcessContext&, std::vector<MgrStart>);
  void stop(ProcessContext&, const Term& id);
  void hand(ProcessContext&, const MgrHand&);
  void in_local(ProcessContext&, std::function<void(LocalSup&, ProcessContext&)>);
  void set_timer(ProcessContext&);
  void tell_up(ProcessContext&);

  std::shared_ptr<SupervisionState> all_;
  std::shared_ptr<SupervisorState> sup_;
  std::shared_ptr<const Ring> last_ring_, last_owners_;  // of all up members; of those that own the children (who_owns.h)
  std::shared_ptr<const KeptIds> last_kept_;
  HashFormat last_format_ = HashFormat::minor_version_1;
  bool last_settled_ = false, last_leaving_ = false, last_minority_ = false;
  std::deque<Term> recent_refs_;
  std::unordered_set<Term> recent_ref_set_;
  LegacyClosures closures_{sup_->name, [this](ProcessContext& context, const Term& request) { handle_onnode(context, request); }, all_->beam != nullptr};
  std::map<std::string, std::string> handler_faults_;            // by module: why its last list holds
  std::size_t handlers_asked_ = 0;                               // answers still to come
  bool refresh_again_ = false;
  bool lists_changed_ = true;                                    // since the manager got them
  std::optional<Instant> timer_at_;
};

// The first of the supervisor's handlers that matches the id: `module` of a remote one, [] for one in C++, nullopt for none.
// Error: the handlers could not be asked.
using HandlerFound = std::function<void(ProcessContext&, Result<std::optional<Term>> module)>;
void find_handler(ProcessContext&, const SupervisorState&, const Term& id, HandlerFound then);

}  // namespace supervisorring
