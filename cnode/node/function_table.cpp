#include "node/function_table.h"

#include <cstdio>
#include <cstdlib>

#include "node/kernel.h"

namespace supervisorring {

void FunctionTable::define(const Term& module, const Term& function, std::size_t arity, RpcFunction body) {
  if (functions_.emplace(Key{module, function, arity}, std::move(body)).second) return;
  std::fprintf(stderr, "define_function: %s:%s/%zu is defined already\n", to_text(module).c_str(), to_text(function).c_str(), arity);
  std::abort();
}

const RpcFunction* FunctionTable::find(const Term& module, const Term& function, std::size_t arity) const {
  const auto found = functions_.find(Key{module, function, arity});
  return found == functions_.end() ? nullptr : &found->second;
}

void define_builtin_functions(Kernel& kernel) {
  const Term erlang = atom("erlang");
  auto define = [&](const char* name, std::size_t arity, RpcFunction body) {
    kernel.functions.define(erlang, atom(name), arity, std::move(body));
  };
  define("node", 0, [](ProcessContext& context, std::vector<Term>, RpcDone done) { done(context.node_name()); });
  define("is_alive", 0, [](ProcessContext&, std::vector<Term>, RpcDone done) { done(Term::boolean(true)); });
  define("registered", 0, [&kernel](ProcessContext&, std::vector<Term>, RpcDone done) {
    done(Term::list(kernel.processes.names()));
  });
  define("whereis", 1, [](ProcessContext& context, std::vector<Term> arguments, RpcDone done) {
    if (!arguments[0].is_atom()) return done(RpcError{atom("error"), atom("badarg")});
    done(context.whereis(arguments[0]).value_or(atom("undefined")));
  });
  define("processes", 0, [&kernel](ProcessContext&, std::vector<Term>, RpcDone done) {
    std::vector<Term> pids;
    for (const ProcessEntry* entry : kernel.processes.in_order()) pids.push_back(entry->pid);
    done(Term::list(std::move(pids)));
  });
  define("nodes", 0, [&kernel](ProcessContext&, std::vector<Term>, RpcDone done) {
    done(Term::list(kernel.connections.connected()));
  });
}

}  // namespace supervisorring
