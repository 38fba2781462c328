// NativeChild while it is given to a BEAM, whose migrate/3 asks the old copy itself (legacy_hand.h): everybody else waits, as if it were frozen.
#include "node/native_child.h"

namespace supervisorring {
namespace {

// The pid that migrate/3 is given: what comes here the child handles at once.
class WayIn : public Process {
 public:
  WayIn(Term control, Term child) : control_(std::move(control)), child_(std::move(child)) {}

  void started(ProcessContext& context) override { monitor_ = context.monitor(child_); }
  bool handles_system_messages() const override { return true; }
  void handle_message(ProcessContext& context, const Term& message) override {
    if (message.is_tagged("DOWN", 5) && message[1] == monitor_) return context.exit(message[4]);
    if (message.is_tuple(2) && message[0] == control_) return context.exit(atom("normal"));
    context.send(child_, tuple(control_, atom("by_way_in"), message));
  }

 private:
  const Term control_, child_;
  Term monitor_;
};

}  // namespace

void NativeChild::handle_control_hand(ProcessContext& context, const Term& from, const Term& asked) {
  if (phase_ != Phase::running) return fail_call(context, from, atom("busy"));
  const auto way_in = context.spawn(std::make_unique<WayIn>(runtime_.control, context.self()), {});
  if (!way_in) return fail_call(context, from, atom("system_limit"));
  phase_ = Phase::handing;
  rare().handing = std::make_unique<Handing>();
  rare_->handing->way_in = *way_in;
  rare_->handing->tell = asked[1];
  const Term limit = tuple(runtime_.control, atom("hand_limit"), *way_in);
  context.send_after(std::chrono::milliseconds(asked[0].to_int64()), context.self(), limit);
  answer_call(context, from, *way_in);
}

// {Control, by_way_in, Message} or {Control, hand_limit, WayIn}
void NativeChild::handle_hand_message(ProcessContext& context, const Term& message) {
  if (message[1].is_atom("hand_limit")) {
    if (phase_ == Phase::handing && rare_->handing->way_in == message[2]) handle_control_unfreeze(context);  // whoever asked is gone
    return;
  }
  const Term& inner = message[2];
  if (phase_ != Phase::handing) return deliver(context, inner);
  if (inner.is_tagged("system", 3)) return handle_system(context, inner[1], inner[2]);
  ChildEvent event{ChildEvent::Kind::message, 0, 0, inner};
  if (!strand_->push(std::move(event))) refuse(context, event.term);
}

void NativeChild::keep_waiting(ProcessContext& context, Term message) {
  Handing& handing = *rare_->handing;
  const std::size_t size = approximate_size(message);
  if (handing.waiting.size() >= kMaxMailboxMessages || handing.bytes + size > kMaxMailboxBytes) return refuse(context, message);
  handing.bytes += size;
  handing.waiting.push_back(std::move(message));
}

// It stays: what has waited is handled in order.
void NativeChild::resume_after_handing(ProcessContext& context) {
  const auto handing = std::move(rare_->handing);
  phase_ = Phase::running;
  context.send(handing->way_in, tuple(runtime_.control, atom("over")));
  if (handing->tell.is_tuple()) context.send(handing->tell[0], handing->tell[2]);
  for (Term& message : handing->waiting) deliver(context, std::move(message));
}

// It goes: as soon as the callback that runs has returned.
void NativeChild::forward_when_frozen(const Term& new_pid) {
  rare().new_pid = new_pid;
  if (phase_ == Phase::freezing) return;
  phase_ = Phase::freezing;
  strand_->push_urgent({ChildEvent::Kind::freeze, 0, ++rare_->freeze_request, atom("no_state")});
}

// It has ended before it was frozen: its new copy hears of what needs no answer.
void NativeChild::end_of_handing(ProcessContext& context) {
  const Handing& handing = *rare_->handing;
  const bool goes = phase_ == Phase::freezing;
  for (const Term& message : handing.waiting)
    if (goes && !message.is_tagged("$gen_call", 3)) context.send(rare_->new_pid, message);
  if (handing.tell.is_tuple()) context.send(handing.tell[0], handing.tell[goes ? 1 : 2]);
}

}  // namespace supervisorring
