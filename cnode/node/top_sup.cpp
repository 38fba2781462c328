#include "node/top_sup.h"

#include "node/sup_global.h"

namespace supervisorring {

TopSup::TopSup(std::shared_ptr<SupervisionState> all, std::optional<TopIntensity> intensity, GiveUp give_up)
    : all_(std::move(all)), limit_(intensity), give_up_(std::move(give_up)) {
  if (limit_) intensity_.emplace(limit_->restarts, limit_->period_s);
}

void TopSup::started(ProcessContext& context) {
  all_->top_sup_box.open(context.self());
  all_->top_sup = this;
  for (const auto& [name, sup] : all_->supervisors) start(context, sup);
}

void TopSup::handle_message(ProcessContext& context, const Term& message) {
  if (all_->top_sup_box.handle(context, message)) return;
  if (message.is_tagged("EXIT", 3)) return handle_exit(context, message[1]);
  if (!message.is_tagged("DOWN", 5)) return;
  const auto free = waiting_.extract(message[1]);
  if (!free.empty()) start(context, free.mapped());
}

// What ran below it may still be ending, its children in order: their names are wanted.
void TopSup::start(ProcessContext& context, const std::shared_ptr<SupervisorState>& sup) {
  sup->phase = SupervisorPhase::reading;
  sup->down_since.reset();
  for (const Term& name : {name_of_global_sup(sup->name), sup->name, name_of_child_manager(sup->name)}) {
    if (context.whereis(name)) return void(waiting_.emplace(context.monitor(name), sup));
  }
  if (const auto pid = spawn_global_sup(context, all_, sup)) running_.emplace(*pid, sup);
}

void TopSup::handle_exit(ProcessContext& context, const Term& pid) {
  const auto ended = running_.extract(pid);
  if (ended.empty() || !intensity_ || gave_up_ || all_->ring.leaving()) return;
  const auto& sup = ended.mapped();
  if (sup->local_end == SupEndCause::auto_shutdown) return;  // OTP's parent of such a supervisor has it as transient
  const std::string what = "supervisor " + to_text(sup->name) + " ended here (" + sup->why + ")";
  if (intensity_->add(context.time().now)) {
    context.log(LogLevel::notice, what + ": starting it again");
    return start(context, sup);
  }
  gave_up_ = true;
  const std::string why = what + ", " + std::to_string(intensity_->counted()) + " ends of supervisors within " + std::to_string(limit_->period_s) + " s: giving up";
  context.log(LogLevel::error, why);
  give_up_(context, why);
}

void start_supervisor(ProcessContext& context, const std::shared_ptr<SupervisionState>& all, const std::shared_ptr<SupervisorState>& sup) {
  sup->phase = SupervisorPhase::reading;
  sup->down_since.reset();
  all->top_sup_box.put(context, [of = all.get(), sup](ProcessContext& top) { of->top_sup->start(top, sup); });  // `all` owns the box
}

}  // namespace supervisorring
