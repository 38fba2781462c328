#include "node/legacy_closures.h"

#include <algorithm>

#include "node/api.h"
#include "supervisorring/external_format.h"
#include "term/tags.h"

namespace supervisorring {

namespace {

constexpr std::size_t kFunTermsAt = 1 + 4 + 1 + 16 + 4 + 4;  // tag, size, arity, Uniq, Index, NumFree
constexpr std::size_t kArityAt = 5, kUniqAt = 6, kIndexAt = 22, kNumFreeAt = 26;
constexpr std::size_t kFreeVariables = 2;  // [Sup, Id] or [Sup, Spec]
constexpr std::size_t kTermsBeforeFree = 4;  // module, OldIndex, OldUniq, pid

std::uint32_t number_at(BytesView bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = at; i < at + 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

void executed(ProcessContext& context, const Term& from, const Term& result) {
  context.send(from[0], tuple(from[1], atom("executed"), result));
}

Term error(Term reason) { return tuple(atom("error"), std::move(reason)); }

// The request to a supervisor that a function of module `supervisorring` wraps; [] for any other function.
Term operation_of(const Term& fun_info) {
  if (!fun_info.is_tagged("name", 2)) return Term();
  for (const char* operation : {"start_child", "terminate_child", "delete_child", "restart_child"})
    if (fun_info[1].is_atom("-" + std::string(operation) + "/2-fun-0-")) return atom(operation);
  return Term();
}

}  // namespace

std::string LegacyClosure::key() const {
  return std::string(module.atom_name()) + '\0' + uniq + '\0' + std::to_string(index);
}

std::optional<LegacyClosure> read_legacy_closure(const Term& fun) {
  if (fun.type() != TermType::fun) return std::nullopt;
  const BytesView bytes = fun.bytes();
  if (bytes.size() < kFunTermsAt || static_cast<unsigned char>(bytes[0]) != detail::NEW_FUN_EXT) return std::nullopt;
  if (bytes[kArityAt] != 0 || number_at(bytes, kNumFreeAt) != kFreeVariables) return std::nullopt;
  // What follows are terms, one after the other: read as the elements of one tuple.
  Bytes elements;
  elements += static_cast<char>(detail::SMALL_TUPLE_EXT);
  elements += static_cast<char>(kTermsBeforeFree + kFreeVariables);
  elements += bytes.substr(kFunTermsAt);
  const auto decoded = decode_body(elements);
  if (!decoded || !decoded->term[0].is_atom()) return std::nullopt;
  const auto free = decoded->term.elements().subspan(kTermsBeforeFree);
  return LegacyClosure{decoded->term[0], std::string(bytes.substr(kUniqAt, 16)), number_at(bytes, kIndexAt), {free.begin(), free.end()}};
}

const Term* LegacyClosures::known(const std::string& key) const {
  const auto it = std::ranges::find(known_, key, &std::pair<std::string, Term>::first);
  return it == known_.end() ? nullptr : &it->second;
}

void LegacyClosures::run(ProcessContext& context, const Term& request) {
  const Term& from = request[2];
  const auto refuse = [&] { executed(context, from, error(tuple(atom("no_beam"), context.node_name()))); };
  const auto closure = read_legacy_closure(request[3]);
  if (on_beam_ && (!closure || !closure->module.is_atom("supervisorring"))) return run_on_beam(context, request);
  if (!closure || !closure->module.is_atom("supervisorring")) return refuse();
  // The order of free variables is the compiler's.
  const auto sup = std::ranges::find(closure->free, sup_);
  if (sup == closure->free.end()) return refuse();
  const std::string key = closure->key();
  const Term* const operation = known(key);
  if (operation == nullptr) return ask_sender(context, key, request);
  if (operation->is_nil()) return refuse();
  carry_out(context, *operation, closure->free[sup == closure->free.begin() ? 1 : 0], from);
}

void LegacyClosures::run_on_beam(ProcessContext& context, const Term& request) {
  context.erpc(context.node_name(), atom("$beam"), atom("run"), {request[3], request[2][1], tuple(sup_, request[1])}, Duration::max(),
               [from = request[2]](ProcessContext& ctx, CallResult answer) { executed(ctx, from, answer.ok ? answer.value : error(answer.value)); });
}

void LegacyClosures::ask_sender(ProcessContext& context, const std::string& key, const Term& request) {
  if (waiting_.size() >= kMaxWaitingClosures) return executed(context, request[2], error(tuple(atom("too_many_waiting_calls"), context.node_name())));
  const bool asked = std::ranges::find(waiting_, key, &Waiting::key) != waiting_.end();
  waiting_.push_back({key, request});
  if (asked) return;
  const Term node = request[2][0].node();
  context.erpc(node, atom("erlang"), atom("fun_info"), {request[3], atom("name")}, kFunInfoTimeout,
               [this, key, node](ProcessContext& ctx, CallResult answer) { sender_answered(ctx, key, node, answer); });
}

void LegacyClosures::sender_answered(ProcessContext& context, const std::string& key, const Term& node, const CallResult& answer) {
  if (answer.ok) {
    known_.emplace_back(key, operation_of(answer.value));
    if (known_.size() > kMaxKnownClosures) known_.pop_front();
  } else {
    context.log(LogLevel::warning, "functions of " + to_text(node) + " for children of " + to_text(sup_) + " are refused: it did not say what they are: " + to_text(answer.value, 200));
  }
  std::vector<Term> ready;
  std::erase_if(waiting_, [&](Waiting& each) {
    if (each.key != key) return false;
    ready.push_back(std::move(each.request));
    return true;
  });
  // Of a sender that did not say nothing is known; the others are asked in their turn.
  for (const Term& request : ready) {
    if (!answer.ok && request[2][0].node() == node) executed(context, request[2], error(tuple(atom("no_beam"), context.node_name())));
    else again_(context, request);
  }
}

void LegacyClosures::carry_out(ProcessContext& context, const Term& operation, const Term& argument, const Term& from) {
  context.call(sup_, tuple(operation, argument), CallOptions{kChangeTimeout}, [this, operation, from](ProcessContext& ctx, CallResult answer) {
    if (operation.is_atom("start_child") || operation.is_atom("delete_child")) read_handlers_soon(ctx);
    executed(ctx, from, answer.ok ? answer.value : error(answer.value.is_atom("timeout") ? atom("child_server_timeout") : answer.value));
  });
}

void LegacyClosures::read_handlers_soon(ProcessContext& context) {
  const Instant now = context.time().now;
  if (handlers_read_at_ - now >= kHandlerToldWithin / 2) return;
  handlers_read_at_ = now + kHandlerToldWithin;
  context.send_after(kHandlerToldWithin, context.self(), tuple(atom("$gen_cast"), atom("sync_children")));
}

}  // namespace supervisorring
