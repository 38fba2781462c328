#include "node/port_requests.h"

#include "node/sup_local.h"

namespace supervisorring {

namespace {

constexpr const char* kChanges[] = {"start_child", "terminate_child", "delete_child", "restart_child"};

Term ok(Term value) { return tuple(atom("ok"), std::move(value)); }
Term error(Term reason) { return tuple(atom("error"), std::move(reason)); }
Term sent_key(const Term& id) { return tuple(atom("sent"), id); }

Term noproc(const Term& function, const Term& arguments) {
  return tuple(atom("exit"), tuple(atom("noproc"), tuple(atom("supervisorring"), function, arguments)));
}

Term answer_term(const std::variant<Term, RpcError>& result, const Term& function, const Term& arguments) {
  if (const auto* value = std::get_if<Term>(&result)) return ok(*value);
  const RpcError& failure = std::get<RpcError>(result);
  if (failure.reason.is_tagged("noproc", 2)) return noproc(function, arguments);
  return tuple(failure.kind, failure.reason);
}

// The module of the function that a request names, and its name there.
bool of_the_ring(const Term& function) {
  return function.is_atom("get_all") || function.is_atom("get_up") || function.is_atom("add_node") || function.is_atom("del_node");
}

Term name_in_table(const Term& function) {
  if (function.is_atom("get_all")) return atom("all");
  return function.is_atom("get_up") ? atom("up") : function;
}

Term pid_of(const Term& children, const Term& id) {
  for (const Term& child : children.elements())
    if (child.is_tuple(4) && child[0] == id) return child[1];
  return Term();
}

}  // namespace

void PortRequests::answer(const Term& id, Term result) { beam_.order(tuple(atom("answer"), id, std::move(result))); }

void PortRequests::handle(ProcessContext& context, const Term& id, const Term& function, const Term& arguments) {
  if (!function.is_atom() || !arguments.is_proper_list()) return answer(id, error(atom("badarg")));
  for (const char* change : kChanges)
    if (function.is_atom(change) && arguments.size() == 2) return handle_change(context, id, function, arguments);
  if (function.is_atom("leave") && arguments.size() == 1) {
    answer(id, ok(atom("ok")));
    return leave_(context, arguments[0].is_atom("true"));
  }
  call_function(context, id, function, arguments);
}

void PortRequests::call_function(ProcessContext& context, const Term& id, const Term& function, const Term& arguments) {
  const Term module = atom(of_the_ring(function) ? "Elixir.NanoRing" : "supervisorring");
  const RpcFunction* const body = node_.function(module, name_in_table(function), arguments.size());
  if (body == nullptr) return answer(id, error(atom("undef")));
  const auto elements = arguments.elements();
  (*body)(context, {elements.begin(), elements.end()}, [this, id, function, arguments](std::variant<Term, RpcError> result) {
    answer(id, answer_term(result, function, arguments));
  });
}

void PortRequests::handle_change(ProcessContext& context, const Term& id, const Term& function, const Term& arguments) {
  Change change{id, function, arguments[0], arguments[1], tuple(function, arguments[1])};
  if (function.is_atom("start_child")) {
    const auto checked = check_child_spec(arguments[1], std::nullopt);
    if (const auto* reason = std::get_if<Term>(&checked)) return answer(id, ok(error(*reason)));
    change.child = std::get<ChildSpec>(checked).id;
  }
  const SupervisorState* const sup = state_->find(change.sup);
  if (!sup) return answer(id, noproc(function, arguments));
  const Term* const sent = beam_.kept(sent_key(id));
  if (sent) return change_there(context, change, *sent);
  const auto owner = state_->who_owns.owner_of(*sup, change.child);
  if (!owner.node) return answer(id, owner.why.is_tuple() ? ok(error(owner.why)) : error(owner.why));
  if (*owner.node == context.node_name()) change_here(context, change);
  else change_there(context, change, *owner.node);
}

void PortRequests::change_here(ProcessContext& context, const Change& change) {
  SupervisorState* sup = state_->find(change.sup);
  if (!sup->local_box.is_open()) return answer(change.id, ok(error(atom("noproc"))));
  sup->local_box.put(context, [this, sup, change](ProcessContext& own) {
    sup->local_process->request(own, change.id, change.request, [this, id = change.id](ProcessContext&, const Term& result) { answer(id, ok(result)); });
  });
}

void PortRequests::change_there(ProcessContext& context, const Change& change, const Term& owner) {
  const bool again = beam_.kept(sent_key(change.id)) != nullptr;
  beam_.keep(sent_key(change.id), owner);
  context.call(tuple(change.sup, owner), change.request, CallOptions{kChangeTimeout},
               [this, change, owner, again](ProcessContext& ctx, CallResult result) { there_answered(ctx, change, owner, again, result); });
}

void PortRequests::there_answered(ProcessContext& context, const Change& change, const Term& owner, bool again, const CallResult& result) {
  const Term& value = result.value;
  const auto done = [&](Term answered) {
    answer(change.id, ok(std::move(answered)));
    beam_.unkeep(sent_key(change.id));
  };
  if (!result.ok) return done(error(value.is_atom("timeout") ? atom("child_server_timeout") : value));
  if (!again || !value.is_tagged("error", 2)) return done(value);
  const Term& why = value[1];
  if (change.function.is_atom("start_child") && why.is_tagged("already_started", 2)) return done(ok(why[1]));
  if (change.function.is_atom("restart_child") && why.is_atom("running")) return answer_with_pid(context, change, owner);
  const bool ends = change.function.is_atom("delete_child") || change.function.is_atom("terminate_child");
  if (ends && why.is_atom("not_found")) return done(atom("ok"));
  done(value);
}

void PortRequests::answer_with_pid(ProcessContext& context, const Change& change, const Term& owner) {
  context.call(tuple(change.sup, owner), atom("which_children"), CallOptions{kListTimeout}, [this, change](ProcessContext&, CallResult result) {
    const Term pid = result.ok ? pid_of(result.value, change.child) : Term();
    answer(change.id, ok(pid.is_pid() ? ok(pid) : error(atom("running"))));
    beam_.unkeep(sent_key(change.id));
  });
}

}  // namespace supervisorring
