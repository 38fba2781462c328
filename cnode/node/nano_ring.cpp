#include "node/nano_ring.h"

#include <algorithm>

#include "node/exit_status.h"
#include "node/nano_ring_process.h"

namespace supervisorring {

namespace {

const char* const kTimeout = "$nano_ring_timeout";

LogLevel level_of(membership::Level level) {
  switch (level) {
    case membership::Level::info: return LogLevel::info;
    case membership::Level::notice: return LogLevel::notice;
    case membership::Level::warning: return LogLevel::warning;
    case membership::Level::error: return LogLevel::error;
  }
  return LogLevel::error;
}

// term_to_binary(a): its second byte is the tag of the atom.
std::optional<HashFormat> format_of(const CallResult& answer) {
  if (!answer.ok || !answer.value.is_binary() || answer.value.bytes().size() < 2) return std::nullopt;
  switch (answer.value.bytes()[1]) {
    case 100: return HashFormat::minor_version_1;
    case 119: return HashFormat::minor_version_2;
    default: return std::nullopt;
  }
}

}  // namespace

// ---- the process ---------------------------------------------------------------------------------

void NanoRingProcess::started(ProcessContext& context) {
  MembershipConfig config = shared_->config;
  config.seed = context.random();
  shared_->core = std::make_unique<Membership>(std::move(config), context.self(), [this] { return context_->make_ref(); });
  shared_->box.open(context.self());
  context.monitor_nodes();
  input(context, [](Membership& core, Time now) { core.start(now); });
}

void NanoRingProcess::handle_message(ProcessContext& context, const Term& message) {
  if (shared_->box.handle(context, message)) return;
  if (message.is_atom(kTimeout)) {
    timer_at_.reset();
    if (shared_->config.forget_after && shared_->hooks.all_ours) shared_->core->all_are_ours(shared_->hooks.all_ours());
    input(context, [](Membership& core, Time now) { core.timeout(now); });
  } else if (message.is_tagged("nodeup", 2)) {
    input(context, [&](Membership& core, Time now) { core.node_up(message[1], now); });
  } else if (message.is_tagged("nodedown", 2)) {
    input(context, [&](Membership& core, Time now) { core.node_down(message[1], now); });
  } else {
    input(context, [&](Membership& core, Time now) { core.handle_message(message, now); });
  }
}

void NanoRingProcess::ended(ProcessContext&, const Term&) { shared_->box.close(); }

void NanoRingProcess::leave(ProcessContext& context, Membership::Forget forget) {
  if (std::exchange(leaving_, true)) return;
  input(context, [&](Membership& core, Time now) { core.begin_leave(forget, now); });
  auto finish = [this](ProcessContext& later) { input(later, [](Membership& core, Time now) { core.finish_leave(now); }); };
  if (shared_->hooks.prepare_leave) return shared_->hooks.prepare_leave(context, std::move(finish));
  finish(context);
}

// May be entered again by an effect, for example when a hook answers at once: what that leaves comes after what is being performed.
void NanoRingProcess::input(ProcessContext& context, const std::function<void(Membership&, Time)>& what) {
  ProcessContext* const outer = std::exchange(context_, &context);
  what(*shared_->core, context.time());
  context_ = outer;
  for (auto& effect : shared_->core->take_effects()) pending_.push_back(std::move(effect));
  if (performing_) return;
  performing_ = true;
  while (!pending_.empty()) {
    membership::Effect effect = std::move(pending_.front());
    pending_.pop_front();
    std::visit([&](auto& one) { perform(context, one); }, effect);
  }
  performing_ = false;
  set_timer(context);
  if (shared_->hooks.sets_changed) tell_sets(context);
  if (!std::exchange(tell_removed_, false)) return;
  if (shared_->hooks.removed) return shared_->hooks.removed(context);
  leave(context, Membership::Forget::yes);
}

void NanoRingProcess::tell_sets(ProcessContext& context) {
  const Membership& core = *shared_->core;
  const std::pair versions{core.node_set().version(), core.up_set().version()};
  if (!std::exchange(published_, false) && told_phase_ == core.phase() && told_ == versions) return;
  told_phase_ = core.phase();
  told_ = versions;
  shared_->hooks.sets_changed(context, core);
}

void NanoRingProcess::set_timer(ProcessContext& context) {
  const auto next = shared_->core->next_timeout();
  if (next == timer_at_) return;
  if (timer_at_) context.cancel_timer(timer_);
  timer_at_ = next;
  if (next) timer_ = context.send_after(std::max(*next - context.time().now, Duration(0)), context.self(), atom(kTimeout));
}

// ---- effects -------------------------------------------------------------------------------------

void NanoRingProcess::perform(ProcessContext& context, membership::Send& effect) { context.send(effect.to, effect.message); }
void NanoRingProcess::perform(ProcessContext& context, membership::Tell& effect) {
  if (shared_->hooks.tell) shared_->hooks.tell(context, effect.node, effect.body);
}
void NanoRingProcess::perform(ProcessContext& context, membership::Reply& effect) { context.reply(effect.from, effect.value); }
void NanoRingProcess::perform(ProcessContext& context, membership::Connect& effect) { context.connect(effect.node); }

void NanoRingProcess::perform(ProcessContext& context, membership::AskSet& effect) {
  const Term request = atom(effect.set == RingSet::nodes ? "get_all" : "get_up");
  context.call(nano_ring_at(effect.node), request, {kAskTimeout}, [this, node = effect.node, set = effect.set](ProcessContext& later, CallResult answer) {
    const auto why = answer.value.is_atom("timeout") ? Membership::Unanswered::silent : Membership::Unanswered::unreachable;
    input(later, [&](Membership& core, Time now) {
      answer.ok ? core.set_answered(node, set, answer.value, now) : core.set_unanswered(node, set, why, now);
    });
  });
}

void NanoRingProcess::perform(ProcessContext& context, membership::AskFormat& effect) {
  context.erpc(effect.node, atom("erlang"), atom("term_to_binary"), {atom("a")}, kAskTimeout, [this, node = effect.node](ProcessContext& later, CallResult answer) {
    const bool children_run = shared_->hooks.children_run && shared_->hooks.children_run();
    input(later, [&](Membership& core, Time now) { core.format_answered(node, format_of(answer), children_run, now); });
  });
}

void NanoRingProcess::perform(ProcessContext& context, membership::AskMayJoin& effect) {
  if (!shared_->hooks.may_join) return input(context, [](Membership& core, Time now) { core.guard_answered(true, now); });
  shared_->hooks.may_join(context, std::move(effect.members), [this](ProcessContext& later, Result<bool> may) {
    input(later, [&](Membership& core, Time now) { core.guard_answered(may, now); });
  });
}

void NanoRingProcess::perform(ProcessContext& context, membership::Persist& effect) { context.persist(effect.name, std::move(effect.content)); }
void NanoRingProcess::perform(ProcessContext& context, membership::RemoveFile& effect) { context.remove_file(effect.name); }

void NanoRingProcess::perform(ProcessContext& context, membership::Publish& effect) {
  const auto ring = shared_->view.ring();
  if (!shared_->view.update(effect.state)) return;
  published_ = true;
  if (ring != shared_->view.ring()) warn_of_shared_points(context);
  if (shared_->hooks.ring_changed) shared_->hooks.ring_changed(context);
}

void NanoRingProcess::perform(ProcessContext&, membership::Removed&) { removed_ = tell_removed_ = true; }

void NanoRingProcess::perform(ProcessContext& context, membership::Refused& effect) { context.halt(to_int(ExitStatus::join_refused), "not joining: " + effect.why); }

void NanoRingProcess::perform(ProcessContext& context, membership::Left&) {
  const auto end = shared_->hooks.left ? shared_->hooks.left() : std::nullopt;
  if (end) return context.halt(to_int(end->status), end->why);
  context.halt(to_int(removed_ ? ExitStatus::removed : ExitStatus::ok), removed_ ? "removed from the ring" : "left the ring");
}

void NanoRingProcess::perform(ProcessContext& context, membership::Log& effect) { context.log(level_of(effect.level), std::move(effect.text)); }

void NanoRingProcess::warn_of_shared_points(ProcessContext& context) {
  auto pairs = shared_->view.ring()->members_that_share_a_point();
  for (const auto& pair : pairs) {
    if (std::find(shared_points_.begin(), shared_points_.end(), pair) != shared_points_.end()) continue;
    context.log(LogLevel::warning, to_text(pair.first) + " and " + to_text(pair.second) +
                                       " have a point of the ring in common: members that run the Elixir library hang while both are up");
  }
  shared_points_ = std::move(pairs);
}

// ---- as the node's composer sees it ----------------------------------------------------------------

NanoRing::NanoRing(MembershipConfig config, RingView& view, NanoRingHooks hooks)
    : shared_(std::make_shared<Shared>(Shared{std::move(config), view, std::move(hooks), {}, nullptr, nullptr})) {}
NanoRing::~NanoRing() = default;

const Membership* NanoRing::membership() const { return shared_->core.get(); }

void NanoRing::leave(ProcessContext& from, Membership::Forget forget) {
  shared_->box.put(from, [shared = shared_, forget](ProcessContext& context) { shared->process->leave(context, forget); });
}

void NanoRing::hint_format(ProcessContext& from, const CallResult& answer) {
  const auto format = format_of(answer);
  if (!format) return;
  shared_->box.put(from, [shared = shared_, format = *format](ProcessContext& context) {
    if (shared->hooks.children_run && shared->hooks.children_run()) return;
    shared->process->input(context, [format](Membership& core, Time now) { core.hint_format(format, now); });
  });
}

void NanoRing::takes(ProcessContext& from, const Term& node, Membership::Takes takes) {
  shared_->box.put(from, [shared = shared_, node, takes](ProcessContext& context) {
    shared->process->input(context, [&](Membership& core, Time) { core.takes(node, takes); });
  });
}

void NanoRing::handle_news(ProcessContext& from, const Term& sender, const ring_message::News& news) {
  shared_->box.put(from, [shared = shared_, sender, news](ProcessContext& context) {
    shared->process->input(context, [&](Membership& core, Time now) { core.handle_news(sender, news, now); });
  });
}

void NanoRing::handle_digest(ProcessContext& from, const Term& sender, const ring_message::SetsDigest& digest) {
  shared_->box.put(from, [shared = shared_, sender, digest](ProcessContext& context) {
    shared->process->input(context, [&](Membership& core, Time now) { core.handle_digest(sender, digest, now); });
  });
}

void NanoRing::add_to(Node& node) {
  node.at_start([shared = shared_](ProcessContext& context) {
    SpawnOptions options;
    options.name = atom(kNanoRingName);
    auto process = std::make_unique<NanoRingProcess>(shared);
    shared->process = process.get();
    context.spawn(std::move(process), options);
  });
  const auto set = [this, &node](const char* name, bool up) {
    node.define_function(kNanoRingName, name, 0, [shared = shared_, up](ProcessContext&, std::vector<Term>, RpcDone done) {
      done((up ? shared->core->up_set() : shared->core->node_set()).to_term({}));
    });
  };
  set("all", false);
  set("up", true);
  // Whoever asks by a call hears of the refusal; who sends the original's cast does not, and it is refused there, with a line in the log.
  const auto change = [this, &node](const char* name, bool removes, Term (*message)(const Term&)) {
    node.define_function(kNanoRingName, name, 1, [message, removes, shared = shared_](ProcessContext& context, std::vector<Term> arguments, RpcDone done) {
      const auto text = arguments[0].as_text();
      if (!text || text->size() > 255 || !is_member_name(Term::atom(*text))) return done(RpcError{atom("error"), atom("badarg")});
      const RingView& view = shared->view;
      if (removes && view.minority()) return done(tuple(atom("error"), minority_term(view.nodes(), view.up())));
      context.send(atom(kNanoRingName), message(Term::atom(*text)));
      done(atom("ok"));
    });
  };
  change("add_node", false, add_node_message);
  change("del_node", true, del_node_message);
  node.define_function("erlang", "term_to_binary", 1, [shared = shared_](ProcessContext&, std::vector<Term> arguments, RpcDone done) {
    // What is only assumed here must not be learnt from here.
    if (shared->core->format_source() == FormatSource::none) return done(RpcError{atom("error"), atom("undef")});
    done(Term::binary(external_form(arguments[0], shared->core->format())));
  });
}

}  // namespace supervisorring
