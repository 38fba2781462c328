#include "node/join_guard.h"

#include <algorithm>

#include "node/peer.h"
#include "node/port_beam.h"
#include "node/top_sup.h"

namespace supervisorring {

namespace {

constexpr Duration kLook = std::chrono::milliseconds(20);
constexpr Duration kAnswer = std::chrono::seconds(5);
constexpr Duration kReadTimeout = std::chrono::seconds(5);
constexpr Duration kEndReachesAll = std::chrono::seconds(2);  // what was ended here is ended on the others by then
constexpr std::string_view kSuffix = ".ChildManager";

}  // namespace

void JoinGuard::started(ProcessContext& context) {
  begun_ = context.time().now;
  if (all_->beam && all_->beam->elixir && all_->ring.settled()) return answer_for_beam(context);  // it is in already
  until_ = begun_ + kHelloTimeout;
  reading_until_ = begun_ + kReadTimeout;
  handle_message(context, Term());
}

// Members of ours answer the hello that was sent before this process began; whoever has not when the time is up is a BEAM.
void JoinGuard::handle_message(ProcessContext& context, const Term&) {
  if (open_ > 0) return;
  if (awaiting_) return await_supervisors(context);
  const Instant now = context.time().now;
  if ((all_known() || now >= until_) && (!reading() || now >= reading_until_)) return ask_all(context);
  context.send_after(kLook, context.self(), atom("look"));
}

bool JoinGuard::all_known() const {
  for (const Term& node : members_)
    if (const PeerInfo* peer = all_->peer(node); !peer || !(peer->hello || peer->legacy)) return false;
  return true;
}

bool JoinGuard::reading() const {
  for (const Term& node : members_) {
    const PeerInfo* peer = all_->peer(node);
    if (!peer || !peer->hello) continue;
    for (const Term& name : peer->hello->supervisors)
      if (const SupervisorState* sup = all_->find(name); sup && sup->phase == SupervisorPhase::reading) return true;
  }
  return false;
}

void JoinGuard::ask_all(ProcessContext& context) {
  if (all_->beam && all_->beam->elixir) return ask_for_supervisors(context);
  if (all_->beam) return answer_for_beam(context);
  open_ = 1;
  for (const Term& node : members_) {
    const PeerInfo* peer = all_->peer(node);
    if (!peer || !peer->hello) {
      ask_beam(context, node);
      continue;
    }
    for (const Term& name : peer->hello->supervisors)
      found_.push_back({node, name, {}, owned_here(*peer->hello, name), refused(node, name, std::ranges::count(peer->hello->features, atom("members")) > 0)});
  }
  look_at_children();
  answered(context);
}

// Once for each supervisor that members of ours run.
void JoinGuard::look_at_children() {
  std::unordered_set<Term> seen;
  for (RemoteSupervisor& found : found_)
    if (found.owned_here && seen.insert(found.name).second) found.children = known_children(found.name);
}

// A member of ours reads the same definition; so what is known of it here is what runs there.
std::vector<ChildSpec> JoinGuard::known_children(const Term& supervisor) const {
  const SupervisorState* sup = all_->find(supervisor);
  if (!sup) return {};
  std::vector<ChildSpec> children;
  for (const SharedSpec& spec : sup->static_children) children.push_back(*spec);
  for (const SharedSpec& spec : sup->dynamic_children) children.push_back(*spec);
  return children;
}

// As that member has it: where this one says otherwise, one of them is found to place by all members, or they disagree.
bool JoinGuard::owned_here(const PeerHello& hello, const Term& supervisor) const {
  const auto set = std::ranges::find(hello.members, supervisor, &std::pair<Term, OwnerSet>::first);
  if (set == hello.members.end() || set->second.kind == OwnerSet::Kind::native) return true;
  const SupervisorState* const sup = all_->find(supervisor);
  if (sup && sup->runs() && sup->owners.set.is_all()) return true;  // a member that knows no sets runs it, too
  return set->second.kind == OwnerSet::Kind::listed && std::ranges::count(set->second.nodes, all_->ring.self()) > 0;
}

// Once this node is up its supervisors fall back to all members instead (who_owns.h).
std::string JoinGuard::refused(const Term& node, const Term& supervisor, bool knows_sets) const {
  const SupervisorState* const sup = all_->find(supervisor);
  if (knows_sets || all_->ring.is_up(all_->ring.self()) || !sup || sup->flags.members.is_all()) return "";
  return to_text(node) + " runs the supervisor " + to_text(supervisor) + " and places its children by all members; here it is defined with members => " +
         to_text(to_term(sup->flags.members), 200);
}

void JoinGuard::skip(ProcessContext& context, const Term& node, const std::string& what, const Term& why) {
  context.log(LogLevel::warning, "join guard: " + to_text(node) + " did not say " + what + ": " + to_text(why, 200));
}

void JoinGuard::ask_beam(ProcessContext& context, const Term& node) {
  ++open_;
  context.erpc(node, atom("erlang"), atom("registered"), {}, kAnswer, [this, node](ProcessContext& ctx, CallResult answer) {
    if (!answer.ok || !answer.value.is_list()) skip(ctx, node, "what is registered there", answer.value);
    else
      for (const Term& name : answer.value.elements())
        if (name.is_atom() && name.atom_name().ends_with(kSuffix)) ask_manager(ctx, node, name);
    answered(ctx);
  });
}

void JoinGuard::ask_manager(ProcessContext& context, const Term& node, const Term& manager) {
  ++open_;
  context.erpc(node, atom("sys"), atom("get_state"), {manager}, kAnswer, [this, node, manager](ProcessContext& ctx, CallResult answer) {
    auto state = answer.ok ? read_manager_state(answer.value) : Result<LegacyManagerState>(Error{"no answer"});
    if (!state) {
      skip(ctx, node, "what " + to_text(manager) + " supervises", answer.value);
    } else {
      found_.push_back({node, state->name, state->children, true, refused(node, state->name, false)});
      for (const Term& module : state->handlers) ask_handler(ctx, node, found_.size() - 1, module);
    }
    answered(ctx);
  });
}

void JoinGuard::ask_handler(ProcessContext& context, const Term& node, std::size_t supervisor, const Term& module) {
  ++open_;
  context.erpc(node, module, atom("get_all"), {}, kAnswer, [this, node, supervisor, module](ProcessContext& ctx, CallResult answer) {
    if (!answer.ok || !answer.value.is_list()) {
      skip(ctx, node, "the children of " + to_text(module), answer.value);
    } else {
      auto specs = read_specs(answer.value);
      auto& children = found_[supervisor].children;
      children.insert(children.end(), specs.begin(), specs.end());
    }
    answered(ctx);
  });
}

void JoinGuard::start_again(ProcessContext& context) {
  if (all_->ring.leaving()) return;
  for (const RemoteSupervisor& found : found_) {
    const auto it = found.name.is_atom() ? all_->supervisors.find(std::string(found.name.atom_name())) : all_->supervisors.end();
    if (it == all_->supervisors.end() || !it->second->down_since || *it->second->down_since + kEndReachesAll > begun_) continue;
    if (it->second->local_end == SupEndCause::auto_shutdown) continue;  // here only, on purpose: the others run on
    context.log(LogLevel::notice, "supervisor " + to_text(found.name) + " ended here (" + it->second->why + ") and runs on " + to_text(found.member) + ": starting it again");
    start_supervisor(context, all_, it->second);
  }
}

void JoinGuard::ask_for_supervisors(ProcessContext& context) {
  const auto one_less = [this](ProcessContext& later) {
    if (--open_ == 0) await_supervisors(later);
  };
  awaiting_ = true;
  if (!all_->supervisors_start_by) all_->supervisors_start_by = begun_ + kSupervisorsStart;
  open_ = 1;
  for (const Term& node : members_) {
    if (const PeerInfo* peer = all_->peer(node); peer && peer->hello) continue;
    ++open_;
    context.erpc(node, atom("erlang"), atom("registered"), {}, kAnswer, [this, node, one_less](ProcessContext& later, CallResult answer) {
      if (answer.ok && answer.value.is_proper_list())
        for (const Term& name : answer.value.elements())
          if (name.is_atom() && name.atom_name().ends_with(kSuffix)) awaited_.emplace_back(atom(name.atom_name().substr(0, name.atom_name().size() - kSuffix.size())), node);
      one_less(later);
    });
  }
  one_less(context);
}

void JoinGuard::await_supervisors(ProcessContext& context) {
  std::erase_if(awaited_, [this](const auto& each) {
    const SupervisorState* const sup = all_->find(each.first);
    return sup && sup->runs();
  });
  if (!awaited_.empty() && context.time().now < *all_->supervisors_start_by) return void(context.send_after(kLook, context.self(), atom("look")));
  for (const auto& [name, node] : begun_ < *all_->supervisors_start_by ? awaited_ : decltype(awaited_)())
    context.log(LogLevel::warning, "joins although the supervisor " + to_text(name, 200) + ", which " + to_text(node) + " runs, has not started on this BEAM: that member ends its children that belong here");
  answer_for_beam(context);
}

void JoinGuard::answer_for_beam(ProcessContext& context) {
  Term answer = tuple(atom("ok"), atom("true"));
  for (const Term& node : members_) {
    const PeerInfo* const peer = all_->peer(node);
    if (all_->beam->elixir || (peer && peer->hello) || !context.is_connected(node)) continue;
    answer = tuple(atom("error"), Term::binary(to_text(node) + " runs the Elixir library, which calls 'Elixir.Supervisor' on every member, and this BEAM has no Elixir"));
  }
  context.reply(from_, answer);
  context.exit(atom("normal"));
}

void JoinGuard::answered(ProcessContext& context) {
  if (--open_ > 0) return;
  start_again(context);
  const auto verdict = check_join(found_, [this](const Term& name) { return all_->find(name) != nullptr; },
                                  [this](const ChildSpec& spec) { return all_->can_start(spec); });
  context.reply(from_, verdict ? tuple(atom("ok"), atom("true")) : tuple(atom("error"), Term::binary(verdict.error())));
  context.exit(atom("normal"));
}

}  // namespace supervisorring
