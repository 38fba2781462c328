#include "node/port_global.h"

#include "node/port_beam.h"
#include "node/sup_local.h"
#include "node/sup_manager.h"

namespace supervisorring {

namespace {

const Term& end_both_message() { static const Term message = atom("$end_both"); return message; }

}  // namespace

void BeamGlobalSup::started(ProcessContext& context) {
  sup_->ended_by_intensity = false;
  context.cast(super_sup_name(), tuple(atom("monitor"), name_of_global_sup(sup_->name)));
  start_both(context);
}

void BeamGlobalSup::start_both(ProcessContext& context) {
  gave_up_ = ending_ = false;
  const auto local = context.spawn(std::make_unique<LocalSup>(all_, sup_, context.self()), SpawnOptions{sup_->name, TrapExit::yes, context.self()});
  const auto manager = context.spawn(std::make_unique<ManagerProcess>(all_, sup_), SpawnOptions{name_of_child_manager(sup_->name), TrapExit::no, context.self()});
  if (!local || !manager) {
    sup_->why = "its names are taken in the program";
    context.log(LogLevel::error, "supervisor " + to_text(sup_->name) + " does not start: " + sup_->why);
    return context.exit(atom("shutdown"));
  }
  local_ = *local;
  manager_ = *manager;
  sup_->phase = SupervisorPhase::running;
  context.log(LogLevel::info, "supervisor " + to_text(sup_->name) + " runs here");
  context.send(peer_name(), atom("$announce"));
}

void BeamGlobalSup::handle_message(ProcessContext& context, const Term& message) {
  if (message.is_tagged("EXIT", 3)) return handle_exit(context, message[1], message[2]);
  if (message.is_tagged("$restarted", 3)) return handle_restarted(context, message[1], message[2]);
  if (message.is_tagged("$gone", 2)) return handle_gone(context, message[1]);
  if (message == end_both_message() && ending_) return end_both(context);
}

void BeamGlobalSup::handle_exit(ProcessContext& context, const Term& pid, const Term& reason) {
  const bool was_local = pid == local_, was_manager = pid == manager_;
  if (!was_local && !was_manager) return;
  (was_local ? local_ : manager_) = Term();
  if (!ending_) {
    sup_->phase = SupervisorPhase::restarting;
    sup_->why = "its local supervisor ended: " + to_text(reason, 200);
    context.log(LogLevel::warning, "supervisor " + to_text(sup_->name) + ": " + sup_->why);
    // By auto_shutdown its parent ends too: it does not restart it.
    const bool done = was_local && sup_->local_end == SupEndCause::auto_shutdown;
    gave_up_ = !done;
    all_->beam->order(tuple(atom(done ? "supervisor_done" : "supervisor_ended"), sup_->name, reason));
    end_both(context);
  }
  go_on(context);
}

// Not as a supervisor stops its children: the BEAM's are gone already, and native ones end with the process that they are linked to.
void BeamGlobalSup::end_both(ProcessContext& context) {
  ending_ = true;
  const bool local_begins = local_.is_pid() && !sup_->local_box.is_open(), manager_begins = manager_.is_pid() && !sup_->manager_box.is_open();
  if (local_begins || manager_begins) return context.send(context.self(), end_both_message());  // after they have, or have ended
  const auto end = [](ProcessContext& own) { own.exit(atom("shutdown")); };
  if (local_.is_pid()) sup_->local_box.put(context, end);
  if (manager_.is_pid()) sup_->manager_box.put(context, end);
}

void BeamGlobalSup::handle_restarted(ProcessContext& context, const Term& local, const Term& manager) {
  restart_ = tuple(local, manager);
  sup_->phase = SupervisorPhase::restarting;
  if (!ending_) end_both(context);
  go_on(context);
}

void BeamGlobalSup::handle_gone(ProcessContext& context, const Term& reason) {
  gone_ = reason;
  sup_->ended_by_intensity = gave_up_ && !reason.is_atom("killed");
  if (!ending_) end_both(context);
  go_on(context);
}

void BeamGlobalSup::go_on(ProcessContext& context) {
  if (local_.is_pid() || manager_.is_pid()) return;
  if (gone_) return context.exit(*gone_);
  if (!restart_) return;
  all_->beam->stand_in(sup_->name, (*restart_)[0]);
  all_->beam->stand_in(name_of_child_manager(sup_->name), (*restart_)[1]);
  restart_.reset();
  all_->beam->forget_children(sup_->name);
  start_both(context);
}

void BeamGlobalSup::ended(ProcessContext& context, const Term& reason) {
  sup_->phase = SupervisorPhase::down;
  sup_->down_since = context.time().now;
  sup_->why = "it ended: " + to_text(reason, 200);
  all_->beam->forget(sup_->name);
  all_->who_owns.ended(*sup_);
  context.send(peer_name(), atom("$announce"));
}

}  // namespace supervisorring
