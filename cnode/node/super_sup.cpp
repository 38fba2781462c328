#include "node/super_sup.h"

#include <algorithm>

#include "node/sup_local.h"

namespace supervisorring {

namespace {

constexpr std::size_t kMaxLeavers = 16;  // the program asks once
constexpr Duration kLeaveCheck = std::chrono::milliseconds(20);
const Term& check_leave_message() { static const Term message = atom("$check_leave"); return message; }

}  // namespace

void SuperSup::started(ProcessContext& context) { all_->super_sup_box.open(context.self()); }

void SuperSup::handle_message(ProcessContext& context, const Term& message) {
  if (all_->super_sup_box.handle(context, message)) return;
  if (message.is_tagged("$gen_cast", 2)) return handle_cast(context, message[1]);
  if (message.is_tagged("DOWN", 5)) return handle_down(context, message);
  if (message == check_leave_message()) return check_leave(context);
  if (!message.is_tagged("$gen_call", 3)) return;
  if (message[2].is_atom("prepare_leave")) return handle_prepare_leave(context, message[1]);
  context.reply(message[1], tuple(atom("error"), tuple(atom("unknown_call"), message[2])));
}

void SuperSup::handle_cast(ProcessContext& context, const Term& request) {
  if (request.is_tagged("monitor", 2)) return handle_monitor(context, request[1]);
  if (request.is_tagged("terminate", 2)) return handle_terminate(context, request[1]);
}

SupervisorState* SuperSup::by_global_name(const Term& global_sup) const {
  if (!global_sup.is_atom()) return nullptr;
  constexpr std::string_view kSuffix = ".GlobalSup";
  const std::string_view name = global_sup.atom_name();
  if (!name.ends_with(kSuffix)) return nullptr;
  return all_->find(atom(name.substr(0, name.size() - kSuffix.size())));
}

void SuperSup::handle_monitor(ProcessContext& context, const Term& global_sup) {
  if (!by_global_name(global_sup)) return;
  for (const auto& [reference, name] : monitors_)
    if (name == global_sup) return;
  monitors_.emplace_back(context.monitor(global_sup), global_sup);
}

void SuperSup::handle_terminate(ProcessContext& context, const Term& global_sup) {
  SupervisorState* sup = by_global_name(global_sup);
  const auto pid = sup ? context.whereis(global_sup) : std::nullopt;
  if (!pid) return;
  sup->why = "another member ended it everywhere";
  context.log(LogLevel::error, "supervisor " + to_text(sup->name) + " is ended here: " + sup->why);
  context.exit_signal(*pid, atom("kill"));
}

void SuperSup::handle_down(ProcessContext& context, const Term& message) {
  const auto it = std::ranges::find(monitors_, message[1], &std::pair<Term, Term>::first);
  if (it == monitors_.end()) return;
  const Term global_sup = it->second;
  monitors_.erase(it);
  const SupervisorState* sup = by_global_name(global_sup);
  if (!sup || !sup->ended_by_intensity) return;
  for (const Term& node : all_->ring.up())
    if (node != context.node_name()) context.cast(tuple(super_sup_name(), node), tuple(atom("terminate"), global_sup));
}

void SuperSup::handle_prepare_leave(ProcessContext& context, const Term& from) {
  if (!all_->ring.leaving() || leavers_.size() >= kMaxLeavers) return context.reply(from, tuple(atom("error"), atom("not_leaving")));
  leavers_.push_back({from, context.time().now + all_->leave_timeout});
  check_leave(context);
}

void SuperSup::check_leave(ProcessContext& context) {
  if (leavers_.empty()) return;
  const Instant now = context.time().now;
  std::size_t left = 0;
  bool hope = false;
  bool passing_on = false;
  for (const auto& [name, sup] : all_->supervisors) {
    passing_on = passing_on || (sup->local_process && sup->local_process->passing_on() > 0);
    if (!sup->manager || !sup->local || sup->manager->drained()) continue;
    left += std::max<std::size_t>(1, sup->local->active());
    hope = hope || !sup->manager->nobody_takes(now);
  }
  std::erase_if(leavers_, [&](const Leaver& leaver) {
    if ((hope || passing_on) && now < leaver.until) return false;
    if (left > 0) {
      context.log(LogLevel::error, "leaving without having handed over " + std::to_string(left) + " children" + (hope ? " in time" : ": no member took them"));
      report_left(context);
    }
    context.reply(leaver.from, atom("ok"));
    return true;
  });
  if (!leavers_.empty()) context.send_after(kLeaveCheck, context.self(), check_leave_message());
}

void SuperSup::report_left(ProcessContext& context) const {
  std::size_t named = 0, left = 0;
  for (const auto& [name, sup] : all_->supervisors) {
    if (!sup->manager || !sup->local || sup->manager->drained()) continue;
    left += sup->local->active();
    for (const auto& [id, why] : sup->manager->left_here(kMaxLeftNamed - named)) {
      ++named;
      context.log(LogLevel::error, "not handed over: child " + to_text(id, 200) + " of " + to_text(sup->name, 100) + (why.empty() ? "" : ": " + why));
    }
  }
  if (left > named) context.log(LogLevel::error, "not handed over: " + std::to_string(left - named) + " more");
}

}  // namespace supervisorring
