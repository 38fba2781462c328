// A native child: a counter that Erlang and Elixir call like any gen_server.
//
//   ringnode run --name cpp1@127.0.0.1 --workers ./libcounter.so ...
//   GenServer.call(pid, :increment)
#include <stdexcept>
#include <thread>

#include "supervisorring/factory.h"

using namespace supervisorring;

class counter : public gen_server {
 public:
  InitResult init(const Term& argument) override {
    count_ = argument.as_int64().value_or(0);
    return ok();
  }

  CallReaction handle_call(const Term& request, const From& from) override {
    if (request.is_atom("increment")) return reply(integer(++count_));
    if (request.is_atom("get")) return reply(integer(count_));
    if (request.is_tagged("add", 2) && request[1].is_small()) return reply(integer(count_ += request[1].to_int64()));
    if (request.is_tagged("stop", 2)) return stop(request[1], atom("ok"));
    if (request.is_atom("crash")) throw std::runtime_error("asked to crash");
    if (request.is_tagged("sleep", 2) && request[1].is_small()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(request[1].to_int64()));
      return reply(atom("ok"));
    }
    if (request.is_tagged("echo", 2)) return reply(request[1]);
    return gen_server::handle_call(request, from);
  }

  Reaction handle_cast(const Term& request) override {
    if (request.is_atom("increment")) ++count_;
    if (request.is_tagged("set", 2) && request[1].is_small()) count_ = request[1].to_int64();
    return noreply();
  }

  Reaction handle_info(const Term& message) override {
    if (message.is_tagged("tick", 1)) ++count_;
    return noreply();
  }

  // The count goes with the child when the ring changes.
  std::optional<Term> migrate() override { return integer(count_); }
  void migrate(const Term& state) override { count_ = state.as_int64().value_or(count_); }

 private:
  std::int64_t count_ = 0;
};

SUPERVISORRING_WORKERS(registry) {
  registry.add<counter>("Elixir.Counter");
  registry.add<counter>("counter");
}
