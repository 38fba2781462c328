#include "node/api_exec.h"

namespace supervisorring {

namespace {

const Term& tried() { static const Term message = atom("$tried"); return message; }

// Asks and waits in a process of its own: the answer is a plain message.
class ExecProcess final : public Process {
 public:
  ExecProcess(Term manager, Term id, Term fun, std::optional<Duration> timeout, std::int64_t retries, RpcDone done)
      : manager_(std::move(manager)), id_(std::move(id)), fun_(std::move(fun)), timeout_(timeout), left_(retries), done_(std::move(done)) {}

  void started(ProcessContext& context) override { attempt(context); }

  void handle_message(ProcessContext& context, const Term& message) override {
    if (!message.is_tuple(3) && !message.is_tuple(2)) return;
    if (message[0] == ref_ && message.is_tuple(3) && message[1].is_atom("executed")) return finish(context, message[2]);
    if (message[0] == tried() && message[1] == ref_) attempt(context);
  }

 private:
  void attempt(ProcessContext& context) {
    if (left_-- <= 0) return finish(context, RpcError{atom("exit"), atom("ring_unable_to_exec_fun")});
    ref_ = context.make_ref();
    context.cast(manager_, tuple(atom("onnode"), id_, tuple(context.self(), ref_), fun_));
    if (timeout_) context.send_after(*timeout_, context.self(), tuple(tried(), ref_));
  }

  void finish(ProcessContext& context, std::variant<Term, RpcError> result) {
    done_(std::move(result));
    context.exit(atom("normal"));
  }

  const Term manager_, id_, fun_;
  const std::optional<Duration> timeout_;
  std::int64_t left_;
  Term ref_;
  const RpcDone done_;
};

void exec(ProcessContext& context, const SupervisionState& state, const std::vector<Term>& arguments, RpcDone done) {
  const Term& sup = arguments[0];
  if (!state.find(sup)) return done(RpcError{atom("exit"), tuple(atom("noproc"), tuple(atom("supervisorring"), atom("exec"), Term::list(arguments)))});
  const Term timeout = arguments.size() > 3 ? arguments[3] : integer(kExecTimeoutMs);
  const std::optional<std::int64_t> ms = timeout.as_int64();
  const std::optional<std::int64_t> retries = arguments.size() > 4 ? arguments[4].as_int64() : std::optional(kExecRetries);
  const bool is_time = timeout.is_atom("infinity") || (ms && *ms >= 0 && *ms <= kMaxExecTimeoutMs);
  if (!is_time || !retries || *retries < 0) return done(RpcError{atom("error"), atom("badarg")});
  const auto wait = ms ? std::optional<Duration>(std::chrono::milliseconds(*ms)) : std::nullopt;
  auto process = std::make_unique<ExecProcess>(name_of_child_manager(sup), arguments[1], arguments[2], wait, *retries, done);
  if (!context.spawn(std::move(process), {})) done(RpcError{atom("error"), atom("system_limit")});
}

}  // namespace

void define_exec(Node& node, std::shared_ptr<SupervisionState> state) {
  for (const std::size_t arity : {3u, 4u, 5u}) {
    node.define_function("supervisorring", "exec", arity, [state](ProcessContext& context, std::vector<Term> arguments, RpcDone done) {
      exec(context, *state, arguments, std::move(done));
    });
  }
}

}  // namespace supervisorring
