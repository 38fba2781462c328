#include "node/native_process.h"

#include "node/native_child.h"

namespace supervisorring {
namespace {

// Hears from the pool that the code of killed children has returned, and tells those who wait for it.
class Janitor : public Process {
 public:
  explicit Janitor(NativeRuntime::Impl& runtime) : runtime_(runtime) {}

  // {'$gen_call', From, {Control, released, Pid}}: answered when Pid's code does not run.
  void handle_message(ProcessContext& context, const Term& message) override {
    if (!message.is_tagged("$gen_call", 3) || !message[2].is_tuple(3) || !(message[2][0] == runtime_.control)) return;
    const Term& pid = message[2][2];
    if (!runtime_.dying.contains(pid)) return answer_call(context, message[1], atom("ok"));
    runtime_.waiting[pid].push_back(message[1]);
  }

  void worker_ready(ProcessContext& context) override {
    std::vector<Term> released;
    {
      std::lock_guard lock(runtime_.home->released.mutex);
      released.swap(runtime_.home->released.pids);
    }
    for (const Term& pid : released) {
      runtime_.dying.erase(pid);
      const auto waiting = runtime_.waiting.extract(pid);
      if (waiting.empty()) continue;
      for (const Term& from : waiting.mapped()) answer_call(context, from, atom("ok"));
    }
  }

 private:
  NativeRuntime::Impl& runtime_;
};

Term control(NativeRuntime& runtime, const char* what) { return tuple(runtime.impl().control, atom(what)); }
Term control(NativeRuntime& runtime, const char* what, Term argument) {
  return tuple(runtime.impl().control, atom(what), std::move(argument));
}

void kill_native(ProcessContext& context, NativeRuntime& runtime, const Term& pid, NativeStopContinuation then) {
  context.exit_signal(pid, atom("kill"));
  context.call(pid, control(runtime, "wait"), {kForever},
               [then = std::move(then)](ProcessContext& own, CallResult result) { then(own, result.value); });
}

}  // namespace

bool NativeRuntime::Impl::ensure_janitor(ProcessContext& context) {
  if (!home->janitor.is_nil()) return true;
  control = context.make_ref();
  home->node = context.node_name();
  const auto pid = context.spawn(std::make_unique<Janitor>(*this), {});
  if (pid) home->janitor = *pid;
  return pid.has_value();
}

NativeRuntime::NativeRuntime(StrandPool& pool) : impl_(std::make_unique<Impl>(pool)) {}
NativeRuntime::~NativeRuntime() = default;

bool NativeRuntime::stuck(const Term& pid) const { return impl_->dying.contains(pid); }

std::vector<StuckChild> NativeRuntime::stuck_children() const {
  std::vector<StuckChild> children;
  for (const auto& [pid, child] : impl_->dying) children.push_back(child);
  return children;
}

std::size_t NativeRuntime::running() const { return impl_->running; }

void start_native(ProcessContext& context, NativeRuntime& runtime, NativeStart start, NativeStartContinuation then) {
  if (!start.replaces.is_nil() && runtime.stuck(start.replaces)) {
    const Term replaced = std::exchange(start.replaces, Term());
    return when_released(context, runtime, replaced, [&runtime, start = std::move(start), then = std::move(then)](ProcessContext& own) {
      start_native(own, runtime, start, then);
    });
  }
  const Term name = start.worker.name;
  if (!name.is_nil()) {
    if (const auto holder = context.whereis(name)) {
      return then(context, NativeStartFailed{tuple(atom("already_started"), *holder)});
    }
  }
  if (!runtime.impl().ensure_janitor(context)) return then(context, NativeStartFailed{atom("system_limit")});
  const SpawnOptions options{name, TrapExit::no, start.parent, start.proxy};
  if (!context.spawn(std::make_unique<NativeChild>(runtime.impl(), std::move(start), context.self(), then), options)) then(context, NativeStartFailed{atom("system_limit")});
}

void stop_native(ProcessContext& context, NativeRuntime& runtime, const Term& pid, NativeShutdown how, NativeStopContinuation then) {
  context.unlink(pid);
  if (std::holds_alternative<NativeKill>(how)) return kill_native(context, runtime, pid, std::move(then));
  const auto gone = [&runtime, pid, then = std::move(then)](ProcessContext& own, CallResult result) {
    if (result.value.is_atom("timeout") && own.is_alive(pid)) return kill_native(own, runtime, pid, then);
    then(own, result.value);
  };
  context.call(pid, control(runtime, "stop"), {std::get<Duration>(how)}, gone);
}

void when_released(ProcessContext& context, NativeRuntime& runtime, const Term& pid, std::function<void(ProcessContext&)> then) {
  if (!runtime.stuck(pid)) return then(context);
  context.call(runtime.impl().home->janitor, control(runtime, "released", pid), {kForever},
               [then = std::move(then)](ProcessContext& own, CallResult) { then(own); });
}

void release_native(ProcessContext& context, NativeRuntime& runtime, const Term& pid, std::optional<Term> state,
                    NativeReleaseContinuation then) {
  Term handed_over = state ? tuple(std::move(*state)) : Term();
  context.call(pid, control(runtime, "release", std::move(handed_over)), {kForever},
               [then = std::move(then)](ProcessContext& own, CallResult result) {
                 if (result.ok) return then(own, std::move(result.value));
                 then(own, Error{"the new copy ended: " + to_text(result.value, 500)});
               });
}

void conflict_native(ProcessContext& context, NativeRuntime& runtime, const Term& pid, Term state, NativeReleaseContinuation then) {
  context.call(pid, control(runtime, "conflict", tuple(std::move(state))), {kForever}, [pid, then = std::move(then)](ProcessContext& own, CallResult result) {
    if (result.ok) return then(own, pid);
    then(own, Error{"the copy on the owner: " + to_text(result.value, 500)});
  });
}

void freeze_native(ProcessContext& context, NativeRuntime& runtime, const Term& pid, Duration timeout, NativeStateContinuation then) {
  context.call(pid, control(runtime, "freeze"), {timeout},
               [&runtime, pid, then = std::move(then)](ProcessContext& own, CallResult result) {
                 if (!result.ok) {
                   unfreeze_native(own, runtime, pid);
                   return then(own, Error{"no state from " + to_text(pid) + ": " + to_text(result.value, 500)});
                 }
                 const bool has_state = result.value.is_tuple(1);
                 then(own, has_state ? std::optional<Term>(result.value[0]) : std::optional<Term>());
               });
}

void hand_native(ProcessContext& context, NativeRuntime& runtime, const Term& pid, Duration limit, std::optional<NativeHandTold> told, NativeReleaseContinuation then) {
  const Term limit_ms = integer(std::chrono::duration_cast<std::chrono::milliseconds>(limit).count());
  const Term tell = told ? tuple(std::move(told->to), std::move(told->forwarded), std::move(told->stays)) : Term();
  context.call(pid, control(runtime, "hand", tuple(limit_ms, tell)), {limit}, [pid, then = std::move(then)](ProcessContext& own, CallResult result) {
    if (result.ok) return then(own, std::move(result.value));
    then(own, Error{"child " + to_text(pid) + " cannot be given away: " + to_text(result.value, 500)});
  });
}

void unfreeze_native(ProcessContext& context, NativeRuntime& runtime, const Term& pid) {
  context.send(pid, control(runtime, "unfreeze"));
}

void forward_native(ProcessContext& context, NativeRuntime& runtime, const Term& pid, const Term& new_pid,
                    NativeStopContinuation then) {
  context.unlink(pid);
  context.call(pid, control(runtime, "forward", new_pid), {kForever},
               [then = std::move(then)](ProcessContext& own, CallResult result) { then(own, result.value); });
}

}  // namespace supervisorring
