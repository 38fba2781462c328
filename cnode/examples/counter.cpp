// A counter: what a child of a cluster's supervisor looks like in C++. Built as libcounter.so for `ringnode run --workers`.
//
// Answers increment and get, keeps its count when it moves to another member (migrate), and starts at 0 after a crash.
#include "supervisorring/factory.h"
#include "supervisorring/gen_server.h"

using supervisorring::Term;

class counter : public supervisorring::gen_server {
  CallReaction handle_call(const Term& request, const From& from) override {
    if (request.is_atom("increment")) return reply(supervisorring::integer(++count_));
    if (request.is_atom("get")) return reply(supervisorring::integer(count_));
    return gen_server::handle_call(request, from);
  }
  std::optional<Term> migrate() override { return supervisorring::integer(count_); }
  void migrate(const Term& state) override { count_ = state.as_int64().value_or(0); }

  std::int64_t count_ = 0;
};

SUPERVISORRING_WORKERS(registry) { registry.add<counter>("Elixir.Counter"); }
