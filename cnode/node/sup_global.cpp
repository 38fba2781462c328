#include "node/sup_global.h"

#include <algorithm>

#include "node/nano_ring.h"
#include "node/sup_local.h"
#include "node/sup_manager.h"

namespace supervisorring {

namespace {

constexpr std::int64_t kGlobalIntensity = 2;  // MaxR of the original's README; its period is 2 x MaxT
constexpr Duration kFirstPause = std::chrono::milliseconds(200);
constexpr Duration kLastPause = std::chrono::seconds(5);
const Term& take_it() { static const Term message = atom("$take_definition"); return message; }
const Term& read_again() { static const Term message = atom("$read_definition"); return message; }

}  // namespace

std::optional<Term> spawn_global_sup(ProcessContext& context, const std::shared_ptr<SupervisionState>& all, const std::shared_ptr<SupervisorState>& sup) {
  auto pid = context.spawn(std::make_unique<GlobalSup>(all, sup), SpawnOptions{name_of_global_sup(sup->name), TrapExit::yes, context.self()});
  if (pid) return pid;
  sup->phase = SupervisorPhase::down;
  sup->why = "there is no room for its global supervisor";
  context.log(LogLevel::error, "supervisor " + to_text(sup->name) + ": " + sup->why);
  return std::nullopt;
}

void GlobalSup::started(ProcessContext& context) {
  sup_->ended_by_intensity = false;
  context.cast(super_sup_name(), tuple(atom("monitor"), name_of_global_sup(sup_->name)));
  if (const auto* local = std::get_if<LocalDefinition>(&sup_->definition.source))
    return take_definition(context, SupervisorInit{local->flags, local->children, {}});
  read_definition(context);
}

void GlobalSup::read_definition(ProcessContext& context) {
  const auto& remote = std::get<RemoteDefinition>(sup_->definition.source);
  context.erpc(remote.node, remote.module, atom("init"), {remote.argument}, std::chrono::seconds(10),
               [this](ProcessContext& ctx, CallResult answer) { definition_answered(ctx, answer); });
}

void GlobalSup::definition_answered(ProcessContext& context, const CallResult& answer) {
  const auto& remote = std::get<RemoteDefinition>(sup_->definition.source);
  std::string why;
  if (answer.ok) {
    auto init = check_init(remote.module, answer.value);
    if (auto* good = std::get_if<SupervisorInit>(&init)) return learn_format(context, std::move(*good));
    why = to_text(std::get<Term>(init), 500);
  } else {
    why = to_text(answer.value, 300);
  }
  why = "the definition of " + to_text(sup_->name) + " could not be read: " + to_text(remote.module) + ":init(" + to_text(remote.argument, 100) + ") on " +
        to_text(remote.node) + ": " + why;
  if (sup_->why != why) context.log(LogLevel::warning, why + "; trying again");
  sup_->why = why;
  back_off_ = back_off_ == Duration::zero() ? kFirstPause : std::min(back_off_ * 2, kLastPause);
  context.send_after(back_off_, context.self(), read_again());
}

// The ring has it before the first child starts: its process is sent it first.
void GlobalSup::learn_format(ProcessContext& context, SupervisorInit init) {
  const Membership* const ring = all_->nano_ring ? all_->nano_ring->membership() : nullptr;
  if (!ring || ring->format_source() != FormatSource::none) return take_definition(context, std::move(init));
  read_ = std::move(init);
  context.erpc(std::get<RemoteDefinition>(sup_->definition.source).node, atom("erlang"), atom("term_to_binary"), {atom("a")}, kAskTimeout, [this](ProcessContext& later, CallResult answer) {
    all_->nano_ring->hint_format(later, answer);
    later.send(later.self(), take_it());
  });
}

void GlobalSup::take_definition(ProcessContext& context, SupervisorInit init) {
  sup_->flags = init.flags;
  sup_->static_children = std::move(init.children);
  sup_->handlers = std::move(init.handlers);
  sup_->why.clear();
  const std::int64_t period = std::min<std::int64_t>(init.flags.period, INT64_MAX / 2) * 2;
  intensity_.emplace(kGlobalIntensity, period);
  start_both(context);
}

void GlobalSup::start_both(ProcessContext& context) {
  restarting_ = false;
  const auto local = context.spawn(std::make_unique<LocalSup>(all_, sup_, context.self()), SpawnOptions{sup_->name, TrapExit::yes, context.self()});
  if (!local) {
    context.log(LogLevel::error, "the name " + to_text(sup_->name) + " is taken: the supervisor does not start");
    sup_->why = "its name is taken";
    return context.exit(atom("shutdown"));
  }
  local_ = *local;
  sup_->phase = SupervisorPhase::running;
  const auto manager = context.spawn(std::make_unique<ManagerProcess>(all_, sup_), SpawnOptions{name_of_child_manager(sup_->name), TrapExit::no, context.self()});
  if (!manager) {
    context.log(LogLevel::error, "the name " + to_text(name_of_child_manager(sup_->name)) + " is taken: the supervisor does not start");
    sup_->why = "the name of its child manager is taken";
    return context.exit(atom("shutdown"));
  }
  manager_ = *manager;
  context.log(LogLevel::info, "supervisor " + to_text(sup_->name) + " runs here");
  announce(context);
}

void GlobalSup::announce(ProcessContext& context) {
  context.send(peer_name(), atom("$announce"));
}

void GlobalSup::handle_message(ProcessContext& context, const Term& message) {
  if (message.is_tagged("EXIT", 3)) return handle_exit(context, message[1], message[2]);
  if (message == read_again()) return read_definition(context);
  if (message == take_it() && read_) return take_definition(context, *std::exchange(read_, std::nullopt));
  if (!message.is_tagged("$gen_call", 3)) return;
  const auto child = [](std::string_view id, const Term& pid) {
    return tuple(atom(id), pid.is_pid() ? pid : atom("undefined"), atom(id == "LocalSup" ? "supervisor" : "worker"), atom("dynamic"));
  };
  if (message[2].is_atom("which_children")) context.reply(message[1], list({child("ChildManager", manager_), child("LocalSup", local_)}));
  else context.reply(message[1], tuple(atom("error"), tuple(atom("unknown_call"), message[2])));
}

void GlobalSup::handle_exit(ProcessContext& context, const Term& pid, const Term& reason) {
  const bool was_local = pid == local_, was_manager = pid == manager_;
  if (!was_local && !was_manager) return;
  (was_local ? local_ : manager_) = Term();
  if (!restarting_) {
    restarting_ = true;
    sup_->phase = SupervisorPhase::restarting;
    if (was_local && sup_->local_end == SupEndCause::auto_shutdown) {
      sup_->why = "its significant children ended (auto_shutdown)";
      context.log(LogLevel::notice, "supervisor " + to_text(sup_->name) + " ends here: " + sup_->why);
      return context.exit(atom("shutdown"));
    }
    context.log(LogLevel::warning, (was_local ? "local supervisor " : "child manager of ") + to_text(sup_->name) + " ended: " + to_text(reason, 200));
    if (!intensity_->add(context.time().now)) {
      sup_->ended_by_intensity = true;
      sup_->why = "its local supervisor ended " + std::to_string(intensity_->counted()) + " times in too short a time";
      context.log(LogLevel::error, "global supervisor of " + to_text(sup_->name) + " gives up: " + sup_->why);
      return context.exit(atom("shutdown"));
    }
    if (manager_.is_pid()) context.exit_signal(manager_, atom("shutdown"));
    if (local_.is_pid()) context.exit_signal(local_, atom("shutdown"));
  }
  if (!local_.is_pid() && !manager_.is_pid()) start_both(context);
}

void GlobalSup::ended(ProcessContext& context, const Term& reason) {
  sup_->phase = SupervisorPhase::down;
  sup_->down_since = context.time().now;
  if (sup_->why.empty()) sup_->why = "it ended: " + to_text(reason, 200);
  announce(context);
}

}  // namespace supervisorring
