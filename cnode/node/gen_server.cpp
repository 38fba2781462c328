#include "supervisorring/gen_server.h"

#include <stdexcept>

#include "node/child_strand.h"

namespace supervisorring {
namespace {

using Kind = ChildAction::Kind;

constexpr Duration kFindTimeout = std::chrono::seconds(5);
constexpr Duration kStartChildTimeout = std::chrono::seconds(30);  // the owner may have to move the child first

}  // namespace

ChildStrand& gen_server::strand() const {
  if (!strand_) throw std::logic_error("a service of gen_server was used before init()");
  return *strand_;
}

gen_server::CallReaction gen_server::handle_call(const Term& request, const From&) {
  return stop(tuple(atom("bad_call"), request));
}

gen_server::Reaction gen_server::handle_cast(const Term& request) { return stop(tuple(atom("bad_cast"), request)); }

gen_server::Reaction gen_server::handle_info(const Term& message) {
  log(Severity::notice, "unexpected message: " + to_text(message, 500));
  return noreply();
}

const Term& gen_server::self() const { return strand().pid(); }
const Term& gen_server::node_name() const { return strand().node(); }
Term gen_server::make_ref() { return strand().make_ref(); }

void gen_server::reply(const From& from, Term value) { strand().act({Kind::reply, from.term, std::move(value)}); }
void gen_server::send(const Term& to, Term message) { strand().act({Kind::send, to, std::move(message)}); }
void gen_server::cast(const Term& to, Term request) { strand().act({Kind::cast, to, std::move(request)}); }

void gen_server::call(const Term& to, Term request, Duration timeout, Continuation then) {
  strand().request({Kind::call, to, std::move(request), 0, timeout}, std::move(then));
}

void gen_server::erpc(const Term& node, std::string_view module, std::string_view function, std::vector<Term> arguments,
                      Duration timeout, Continuation then) {
  Term what = tuple(atom(module), atom(function), Term::list(std::move(arguments)));
  strand().request({Kind::erpc, node, std::move(what), 0, timeout}, std::move(then));
}

void gen_server::find(const Term& supervisor, const Term& id, Continuation then) {
  erpc(node_name(), "supervisorring", "find", {supervisor, id}, kFindTimeout, std::move(then));
}

void gen_server::start_child(const Term& supervisor, const Term& child_spec, Continuation then) {
  erpc(node_name(), "supervisorring", "start_child", {supervisor, child_spec}, kStartChildTimeout, std::move(then));
}

gen_server::Timer gen_server::send_after(Duration delay, Term message) {
  return strand().start_timer(delay, std::nullopt, std::move(message));
}
gen_server::Timer gen_server::send_after(Duration delay, const Term& to, Term message) {
  return strand().start_timer(delay, to, std::move(message));
}
bool gen_server::cancel_timer(Timer timer) { return strand().cancel_timer(timer); }

Term gen_server::monitor(const Term& target) { return strand().monitor(target); }
void gen_server::demonitor(const Term& reference) { strand().demonitor(reference); }
void gen_server::link(const Term& pid) { strand().act({Kind::link, pid, {}}); }
void gen_server::unlink(const Term& pid) { strand().act({Kind::unlink, pid, {}}); }
void gen_server::trap_exit(bool trap) { strand().trap_exit(trap); }
void gen_server::exit(const Term& pid, Term reason) { strand().act({Kind::exit_signal, pid, std::move(reason)}); }

void gen_server::log(Severity severity, std::string text) {
  strand().act({Kind::log, {}, binary(text), static_cast<std::uint64_t>(severity)});
}

}  // namespace supervisorring
