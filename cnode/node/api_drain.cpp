#include "node/api_drain.h"

namespace supervisorring {

namespace {

// [] or [{rate, N}]; nullopt: neither.
std::optional<std::optional<std::int64_t>> read_rate(const Term& options) {
  if (options.is_nil()) return std::optional<std::int64_t>();
  if (!options.is_proper_list() || options.size() != 1 || !options.elements()[0].is_tagged("rate", 2)) return std::nullopt;
  const auto rate = options.elements()[0][1].as_int64();
  if (!rate || *rate < 1 || *rate > kMaxMoveRate) return std::nullopt;
  return rate;
}

}  // namespace

void define_drain(Node& node, std::shared_ptr<SupervisionState> state) {
  const auto drain = [state](ProcessContext& context, std::vector<Term> arguments, RpcDone done) {
    const auto rate = read_rate(arguments.empty() ? Term::nil() : arguments[0]);
    if (!rate) return done(RpcError{atom("error"), atom("badarg")});
    done(state->draining.drain(context, *rate));
  };
  node.define_function("supervisorring", "drain", 0, drain);
  node.define_function("supervisorring", "drain", 1, drain);
  node.define_function("supervisorring", "cordon", 0, [state](ProcessContext& context, std::vector<Term>, RpcDone done) { done(state->cordoning.cordon(context)); });
  node.define_function("supervisorring", "uncordon", 0, [state](ProcessContext& context, std::vector<Term>, RpcDone done) { done(state->draining.undrain(context)); });
}

}  // namespace supervisorring
