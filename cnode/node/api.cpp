#include "node/api.h"

#include "node/api_drain.h"
#include "node/api_exec.h"
#include "node/api_explain.h"
#include "node/sup_manager.h"

namespace supervisorring {

namespace {

using State = std::shared_ptr<SupervisionState>;

// What gen_server:call of a name that is not registered exits with.
RpcError noproc(const Term& name, const Term& request) {
  return {atom("exit"), tuple(atom("noproc"), tuple(atom("gen_server"), atom("call"), list({name, request})))};
}

Term error(Term reason) { return tuple(atom("error"), std::move(reason)); }

Term failed(const CallResult& answer) {
  return error(answer.value.is_atom("timeout") ? atom("child_server_timeout") : answer.value);
}

// The member that owns the child, or the answer that there is none.
std::variant<Term, RpcError> owner_of(SupervisionState& state, const Term& name, const Term& id) {
  const SupervisorState* const sup = state.find(name);
  if (!sup) return noproc(name.is_atom() ? name_of_child_manager(name) : name, tuple(atom("get_node"), id));
  const auto owner = state.who_owns.owner_of(*sup, id);
  if (owner.node) return *owner.node;
  if (owner.why.is_tagged("no_member_up", 2)) return RpcError{atom("exit"), tuple(owner.why, tuple(atom("supervisorring"), atom("find"), list({name, id})))};
  return RpcError{atom("error"), owner.why};
}

// Nobody who may own it is up, which is an answer where owner_of()'s is an exit.
const Term* no_member_up(const std::variant<Term, RpcError>& owner) {
  const auto* none = std::get_if<RpcError>(&owner);
  return none && none->reason.is_tuple(2) && none->reason[0].is_tagged("no_member_up", 2) ? &none->reason[0] : nullptr;
}

// Calls the local supervisor on the owner.
void change(ProcessContext& context, const State& state, const Term& sup, const Term& id, const Term& request, ApiAnswer then) {
  auto owner = owner_of(*state, sup, id);
  if (const Term* nobody = no_member_up(owner)) return then(context, error(*nobody));
  if (auto* none = std::get_if<RpcError>(&owner)) return then(context, *none);
  context.call(tuple(sup, std::get<Term>(owner)), request, CallOptions{kChangeTimeout}, [then = std::move(then)](ProcessContext& ctx, CallResult answer) {
    then(ctx, answer.ok ? answer.value : failed(answer));
  });
}

// The handlers' lists changed: those who place children by them look again.
void lists_changed(ProcessContext& context, const State& state, const Term& sup) {
  context.cast(name_of_child_manager(sup), atom("sync_children"));
  for (const Term& node : state->ring.up())
    if (const PeerInfo* peer = state->peer(node); peer && peer->hello) context.cast(tuple(name_of_child_manager(sup), node), atom("sync_children"));
}

// add(Spec) or del(Id) of the handler that matches the id; {error, {cannot_match_handler, Id}} when none does.
void tell_handler(ProcessContext& context, const State& state, const Term& sup, const Term& id, std::string_view function, const Term& argument,
                  std::function<void(ProcessContext&, Term)> then) {
  const SupervisorState* known = state->find(sup);
  find_handler(context, *known, id, [state, sup, id, function = std::string(function), argument, then = std::move(then)](ProcessContext& ctx, Result<std::optional<Term>> found) {
    if (!found) return then(ctx, error(tuple(atom("handler_not_reached"), Term::binary(found.error()))));
    if (!*found) return then(ctx, error(tuple(atom("cannot_match_handler"), id)));
    const SupervisorState& of = *state->find(sup);
    if (const auto* local = std::get_if<LocalDefinition>(&of.definition.source)) {
      Term result;
      if (function == "del") {
        result = local->handler->del(argument);
      } else {
        auto spec = check_child_spec(argument, std::nullopt);
        result = local->handler->add(std::get<ChildSpec>(spec));
      }
      lists_changed(ctx, state, sup);
      return then(ctx, result);
    }
    const auto& remote = std::get<RemoteDefinition>(of.definition.source);
    ctx.erpc(remote.node, **found, atom(function), {argument}, kChangeTimeout, [state, sup, then](ProcessContext& in, CallResult answer) {
      lists_changed(in, state, sup);
      then(in, answer.ok ? answer.value : error(answer.value));
    });
  });
}

void api_delete_child(ProcessContext& context, const State& state, const Term& sup, const Term& id, ApiAnswer then) {
  change(context, state, sup, id, tuple(atom("delete_child"), id), [state, sup, id, then](ProcessContext& ctx, std::variant<Term, RpcError> answer) {
    const Term* value = std::get_if<Term>(&answer);
    if (!value || !value->is_atom("ok")) return then(ctx, answer);
    tell_handler(ctx, state, sup, id, "del", id, [then](ProcessContext& in, Term result) { then(in, result); });
  });
}

Term concatenated(const std::vector<Term>& lists) {
  std::vector<Term> all;
  for (const Term& each : lists) all.insert(all.end(), each.elements().begin(), each.elements().end());
  return Term::list(std::move(all));
}

Term summed(const std::vector<Term>& proplists) {
  static constexpr const char* kKeys[] = {"specs", "active", "supervisors", "workers"};
  std::vector<Term::Pair> sums;
  for (const char* key : kKeys) {
    std::int64_t sum = 0;
    for (const Term& counts : proplists)
      for (const Term& pair : counts.elements())
        if (pair.is_tagged(key, 2)) sum += pair[1].as_int64().value_or(0);
    sums.emplace_back(atom(key), integer(sum));
  }
  return Term::map(std::move(sums));
}

Term pid_in(const Term& children, const Term& id) {
  for (const Term& child : children.elements())
    if (child.is_tuple(4) && child[0] == id && child[1].is_pid()) return child[1];
  return atom("undefined");
}

// The first pid of the child that an up member names; members of ours look for it, of others the list is taken.
void ask_where(ProcessContext& context, const State& state, const Term& sup, const Term& id, ApiAnswer then) {
  struct Search { std::size_t open; Term found = atom("undefined"); };
  const std::vector<Term> up = state->ring.up();
  if (up.empty()) return then(context, atom("undefined"));
  const auto search = std::make_shared<Search>(Search{up.size()});
  for (const Term& node : up) {
    const PeerInfo* const peer = state->peer(node);
    const bool ours = node == context.node_name() || (peer && peer->hello);
    const Term to = tuple(ours ? name_of_child_manager(sup) : sup, node);
    context.call(to, ours ? tuple(atom("whereis"), id) : atom("which_children"), CallOptions{kListTimeout}, [search, ours, id, then](ProcessContext& ctx, CallResult answer) {
      const Term pid = !answer.ok ? Term() : ours ? answer.value : pid_in(answer.value, id);
      if (pid.is_pid() && !search->found.is_pid()) {
        search->found = pid;
        then(ctx, pid);
      }
      if (--search->open == 0 && !search->found.is_pid()) then(ctx, search->found);
    });
  }
}

void api_whereis(ProcessContext& context, const State& state, const Term& sup, const Term& id, ApiAnswer then) {
  auto owner = owner_of(*state, sup, id);
  if (no_member_up(owner)) return then(context, atom("undefined"));
  if (auto* none = std::get_if<RpcError>(&owner)) return then(context, *none);
  const Term node = std::get<Term>(owner);
  const PeerInfo* peer = state->peer(node);
  const bool ours = node == context.node_name() || (peer && peer->hello);
  const auto everybody = [state, sup, id, then](ProcessContext& ctx) { ask_where(ctx, state, sup, id, then); };
  if (!ours) return everybody(context);
  context.call(tuple(name_of_child_manager(sup), node), tuple(atom("whereis"), id), CallOptions{kListTimeout},
               [then, everybody](ProcessContext& ctx, CallResult answer) {
    if (answer.ok && answer.value.is_pid()) return then(ctx, answer.value);
    everybody(ctx);  // it is on its way there, perhaps
  });
}

// Where requests for the child go (supervisorring_call:place/2): {gate, Node}, {pid, Pid}, {unknown, Pid} or undefined.
void api_place(ProcessContext& context, const State& state, const Term& sup, const Term& id, ApiAnswer then) {
  api_whereis(context, state, sup, id, [state, then](ProcessContext& ctx, std::variant<Term, RpcError> found) {
    const Term* const pid = std::get_if<Term>(&found);
    if (!pid || !pid->is_pid()) return then(ctx, std::move(found));
    const PeerInfo* const peer = state->peer(pid->node());
    if (peer && peer->has_gate()) return then(ctx, tuple(atom("gate"), pid->node()));
    const bool known = pid->node() == ctx.node_name() || (peer && (peer->hello || peer->legacy));
    then(ctx, tuple(atom(known ? "pid" : "unknown"), *pid));
  });
}

ApiAnswer to_done(RpcDone done) {
  return [done = std::move(done)](ProcessContext&, std::variant<Term, RpcError> answer) { done(std::move(answer)); };
}

void define_supervisorring(Node& node, const State& state) {
  const auto define = [&](const char* name, std::size_t arity, RpcFunction function) { node.define_function("supervisorring", name, arity, std::move(function)); };
  define("find", 2, [state](ProcessContext& ctx, std::vector<Term> a, RpcDone done) { api_find(ctx, *state, a[0], a[1], to_done(std::move(done))); });
  define("whereis", 2, [state](ProcessContext& ctx, std::vector<Term> a, RpcDone done) { api_whereis(ctx, state, a[0], a[1], to_done(std::move(done))); });
  define("place", 2, [state](ProcessContext& ctx, std::vector<Term> a, RpcDone done) { api_place(ctx, state, a[0], a[1], to_done(std::move(done))); });
  define("start_child", 2, [state](ProcessContext& ctx, std::vector<Term> a, RpcDone done) { api_start_child(ctx, state, a[0], a[1], to_done(std::move(done))); });
  define("delete_child", 2, [state](ProcessContext& ctx, std::vector<Term> a, RpcDone done) { api_delete_child(ctx, state, a[0], a[1], to_done(std::move(done))); });
  for (const char* name : {"terminate_child", "restart_child"}) {
    define(name, 2, [state, name](ProcessContext& ctx, std::vector<Term> a, RpcDone done) {
      change(ctx, state, a[0], a[1], tuple(atom(name), a[1]), to_done(std::move(done)));
    });
  }
  define("which_children", 1, [state](ProcessContext& ctx, std::vector<Term> a, RpcDone done) {
    if (!a[0].is_atom()) return done(RpcError{atom("error"), atom("badarg")});
    ask_everybody(ctx, state, a[0], atom("which_children"), [done](ProcessContext&, std::vector<Term> lists) { done(concatenated(lists)); });
  });
  define("count_children", 1, [state](ProcessContext& ctx, std::vector<Term> a, RpcDone done) {
    if (!a[0].is_atom()) return done(RpcError{atom("error"), atom("badarg")});
    ask_everybody(ctx, state, a[0], atom("count_children"), [done](ProcessContext&, std::vector<Term> lists) { done(summed(lists)); });
  });
}

void define_elixir_supervisor(Node& node, const State& state) {
  const auto define = [&](const char* name, std::size_t arity, RpcFunction function) { node.define_function("Elixir.Supervisor", name, arity, std::move(function)); };
  for (const char* name : {"start_child", "terminate_child", "delete_child", "restart_child"}) {
    define(name, 2, [state, name](ProcessContext& ctx, std::vector<Term> a, RpcDone done) {
      const Term request = tuple(atom(name), a[1]);
      const SupervisorState* sup = state->find(a[0]);
      if (!sup || !sup->local) return done(noproc(a[0], request));
      ctx.call(a[0], request, CallOptions{kMoveStepTimeout}, [done](ProcessContext&, CallResult answer) { done(answer.ok ? answer.value : failed(answer)); });
    });
  }
  define("which_children", 1, [state](ProcessContext&, std::vector<Term> a, RpcDone done) {
    const SupervisorState* sup = state->find(a[0]);
    done(sup && sup->local ? sup->local->which_children() : Term());
  });
  define("count_children", 1, [state](ProcessContext&, std::vector<Term> a, RpcDone done) {
    const SupervisorState* sup = state->find(a[0]);
    done(summed(sup && sup->local ? std::vector<Term>{sup->local->count_children()} : std::vector<Term>{}));
  });
}

}  // namespace

void ask_everybody(ProcessContext& context, std::shared_ptr<SupervisionState> state, const Term& sup, const Term& request,
                   std::function<void(ProcessContext&, std::vector<Term>)> then) {
  struct Answers { std::size_t open; std::vector<Term> values; };
  const std::vector<Term> up = state->ring.up();
  if (up.empty()) return then(context, {});
  const auto answers = std::make_shared<Answers>(Answers{up.size(), {}});
  for (const Term& node : up) {
    context.call(tuple(sup, node), request, CallOptions{kListTimeout}, [answers, then](ProcessContext& ctx, CallResult answer) {
      if (answer.ok && answer.value.is_list()) answers->values.push_back(answer.value);
      if (--answers->open == 0) then(ctx, std::move(answers->values));
    });
  }
}

void api_find(ProcessContext& context, SupervisionState& state, const Term& sup, const Term& id, ApiAnswer then) {
  then(context, owner_of(state, sup, id));
}

void api_start_child(ProcessContext& context, std::shared_ptr<SupervisionState> state, const Term& sup, const Term& spec, ApiAnswer then) {
  const auto checked = check_child_spec(spec, std::nullopt);
  if (auto* reason = std::get_if<Term>(&checked)) return then(context, error(*reason));
  const Term id = std::get<ChildSpec>(checked).id;
  change(context, state, sup, id, tuple(atom("start_child"), spec), [state, sup, spec, id, then](ProcessContext& ctx, std::variant<Term, RpcError> answer) {
    const Term* value = std::get_if<Term>(&answer);
    if (!value || !value->is_tagged("ok", 2)) return then(ctx, answer);
    tell_handler(ctx, state, sup, id, "add", spec, [then, pid = (*value)[1]](ProcessContext& in, Term result) {
      then(in, result.is_tagged("error", 2) ? result : tuple(result, pid));
    });
  });
}

void define_api(Node& node, std::shared_ptr<SupervisionState> state) {
  define_supervisorring(node, state);
  define_elixir_supervisor(node, state);
  define_explain(node, state);
  define_exec(node, state);
  define_drain(node, state);
}

}  // namespace supervisorring
