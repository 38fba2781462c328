#include "node/composition.h"

#include <utility>

#include "node/status.h"
#include "node/exit_status.h"
#include "node/nano_ring.h"
#include "node/port_supervision.h"
#include "node/sup_shared.h"
#include "node/supervision.h"
#include "sup/peer_messages.h"

namespace supervisorring {

namespace {

constexpr std::size_t kMaxLeaveOptions = 8;
constexpr std::chrono::milliseconds kLongestLeave = std::chrono::hours(24);

}  // namespace

struct Composition::Impl {
  Impl(Node& the_node, const worker_registry& registry, NativeRuntime& runtime, CompositionConfig given);

  NanoRingHooks hooks();
  Supervision::Top top();
  void may_join(ProcessContext&, std::vector<Term> members, NanoRingHooks::MayJoin then);
  void guard_said(ProcessContext&, const Result<bool>&);
  void define_functions();
  void leave(ProcessContext&, bool forget);
  RpcFunction answer_leave();
  Term status(ProcessContext&) const;

  Node& node;
  CompositionConfig config;
  RingView view;
  Supervision supervision;
  NanoRing nano_ring;
  std::unique_ptr<PortSupervision> port;  // drop-in
  Instant started{};
  std::string cannot_run;      // what the join guard said last; empty: this node can run everything
  std::optional<NodeEnd> gave_up;
  bool guard_asked = false;    // with --force: a question is under way
};

Composition::Impl::Impl(Node& the_node, const worker_registry& registry, NativeRuntime& runtime, CompositionConfig given)
    : node(the_node),
      config(std::move(given)),
      view(config.ring.self, config.rings),
      supervision(node, view, registry, runtime, top()),
      nano_ring(config.ring, view, hooks()) {
  if (config.max_concurrent_starts > 0) supervision.state()->max_starts = config.max_concurrent_starts;
  nano_ring.add_to(node);
  supervision.state()->migrate_timeout = config.migrate_timeout;
  supervision.state()->leave_timeout = config.leave_timeout;
  supervision.state()->partitions = config.ring.partitions;
  supervision.state()->nano_ring = &nano_ring;
  define_functions();
  if (config.port) {
    port = std::make_unique<PortSupervision>(node, supervision, config.port, [this](ProcessContext& context, bool forget) { leave(context, forget); });
    view.subscribe([this](const RingChange& change) { port->ring_changed(change); });
  }
  for (auto& hook : config.on_ring_change) view.subscribe(std::move(hook));
  node.at_start([this](ProcessContext& context) {
    started = context.time().now;
    if (config.on_started) config.on_started();
  });
}

Supervision::Top Composition::Impl::top() {
  return {config.top_intensity, [this](ProcessContext& context, const std::string& why) {
            gave_up = NodeEnd{ExitStatus::top_intensity, why};
            leave(context, false);
          }};
}

NanoRingHooks Composition::Impl::hooks() {
  NanoRingHooks hooks;
  hooks.may_join = [this](ProcessContext& context, std::vector<Term> members, NanoRingHooks::MayJoin then) {
    may_join(context, std::move(members), std::move(then));
  };
  hooks.ring_changed = [this](ProcessContext& context) { supervision.ring_changed(context); };
  hooks.prepare_leave = [this](ProcessContext& context, NanoRingHooks::Then then) { supervision.prepare_leave(context, std::move(then)); };
  hooks.left = [this] { return gave_up; };
  hooks.all_ours = [this] { return supervision.state()->who_owns.all_are_ours(); };
  hooks.children_run = [this] { return supervision.any_child_runs(); };
  hooks.tell = [](ProcessContext& context, const Term& node, const Term& body) { context.send(tuple(peer_name(), node), peer_message(context.self(), body)); };
  if (config.port) hooks.sets_changed = [this](ProcessContext& context, const Membership& core) { port->sets_changed(context, core); };
  if (config.on_removed) hooks.removed = [this](ProcessContext&) { config.on_removed(); };
  return hooks;
}

// With --force the guard is asked all the same, and decides nothing: whoever runs this node is told what is lost here.
void Composition::Impl::may_join(ProcessContext& context, std::vector<Term> members, NanoRingHooks::MayJoin then) {
  if (!config.force) {
    return supervision.may_join(context, std::move(members), [this, then = std::move(then)](ProcessContext& later, Result<bool> may) {
      cannot_run = may ? "" : may.error();
      then(later, std::move(may));
    });
  }
  if (!std::exchange(guard_asked, true)) {
    supervision.may_join(context, std::move(members), [this](ProcessContext& later, Result<bool> may) { guard_said(later, may); });
  }
  then(context, true);
}

void Composition::Impl::guard_said(ProcessContext& context, const Result<bool>& may) {
  guard_asked = false;
  const std::string before = std::exchange(cannot_run, may ? "" : may.error());
  if (cannot_run == before) return;
  if (cannot_run.empty()) context.log(LogLevel::notice, "not degraded any more");
  else context.log(LogLevel::warning, "degraded (--force): " + cannot_run);
}

void Composition::Impl::define_functions() {
  node.define_function("supervisorring", "status", 0, [this](ProcessContext& context, std::vector<Term>, RpcDone done) { done(status(context)); });
  node.define_function("supervisorring", "leave", 0, answer_leave());
  node.define_function("supervisorring", "leave", 1, answer_leave());
}

// leave(), leave(Options): forget, {timeout_ms, N}.
RpcFunction Composition::Impl::answer_leave() {
  return [this](ProcessContext& context, std::vector<Term> arguments, RpcDone done) {
    const Term options = arguments.empty() ? Term::nil() : arguments[0];
    bool forget = false;
    Duration timeout = supervision.state()->leave_timeout;
    if (!options.is_proper_list() || options.size() > kMaxLeaveOptions) return done(RpcError{atom("error"), atom("badarg")});
    for (const Term& option : options.elements()) {
      const auto milliseconds = option.is_tagged("timeout_ms", 2) ? option[1].as_int64() : std::nullopt;
      if (option.is_atom("forget")) forget = true;
      else if (milliseconds && *milliseconds >= 0 && *milliseconds <= kLongestLeave.count()) timeout = std::chrono::milliseconds(*milliseconds);
      else return done(RpcError{atom("error"), atom("badarg")});
    }
    supervision.state()->leave_timeout = timeout;
    context.log(LogLevel::notice, forget ? "asked to leave and to forget the ring" : "asked to leave");
    done(atom("ok"));
    leave(context, forget);
  };
}

void Composition::Impl::leave(ProcessContext& context, bool forget) {
  nano_ring.leave(context, forget ? Membership::Forget::yes : Membership::Forget::no);
}

Term Composition::Impl::status(ProcessContext& context) const {
  const Membership* const membership = nano_ring.membership();
  return with_program_status(supervision.status(context), node, *supervision.state()->draining.placed(view.ring()),
                             {context.time().now, context.time().now - started, config.published, config.force, cannot_run,
                              membership == nullptr ? std::vector<Term>() : membership->other_format()});
}

Composition::Composition(Node& node, const worker_registry& registry, NativeRuntime& runtime, CompositionConfig config)
    : impl_(std::make_unique<Impl>(node, registry, runtime, std::move(config))) {}
Composition::~Composition() = default;

Result<bool> Composition::define(SupervisorDefinition definition) { return impl_->supervision.define(std::move(definition)); }
void Composition::leave(ProcessContext& context, bool forget) { impl_->leave(context, forget); }

}  // namespace supervisorring
