// What a child's strand does with each event, and the services that keep something on the strand.
#include <cxxabi.h>

#include <array>
#include <cstdlib>
#include <stdexcept>
#include <typeinfo>

#include "node/child_strand.h"
#include "node/identity.h"

namespace supervisorring {
namespace {

using Event = ChildEvent::Kind;
using Action = ChildAction::Kind;

const Term kGenCall = atom("$gen_call");
const Term kGenCast = atom("$gen_cast");
const Term kDown = atom("DOWN");
const Term kOk = atom("ok");

Term cpp_exception(const char* what) { return tuple(atom("cpp_exception"), binary(what)); }

std::vector<std::uint32_t> words_of(const Term& reference) {
  const auto words = reference.reference_words();
  return {words.begin(), words.end()};
}

}  // namespace

std::string ChildStrand::class_name() const {
  int status = 0;
  char* text = abi::__cxa_demangle(class_->name(), nullptr, nullptr, &status);
  std::string name = status == 0 && text ? text : class_->name();
  std::free(text);
  return name;
}

// Runs user code; an exception is the child's exit reason.
template <class Callback>
void ChildStrand::guarded(Callback&& callback) {
  try {
    callback();
  } catch (const gen_server::Exit& exit) {
    end(exit.reason, CallTerminate::yes);
  } catch (const std::exception& exception) {
    end(cpp_exception(exception.what()), CallTerminate::yes);
  } catch (...) {
    end(cpp_exception("not a std::exception"), CallTerminate::yes);
  }
}

void ChildStrand::dispatch(ChildEvent& event) {
  switch (event.kind) {
    case Event::message: return handle_message(event.term);
    case Event::timer_fired: return handle_timer(event.number);
    case Event::answer_ok: return handle_answer(event.number, true, event.term);
    case Event::answer_error: return handle_answer(event.number, false, event.term);
    case Event::stop: return handle_stop(event.term);
    case Event::freeze: return handle_freeze(event.number, !event.term.is_atom("no_state"));
    case Event::unfreeze: return handle_unfreeze();
    case Event::release: return handle_release(event.term);
    case Event::conflict: return handle_conflict(event.term);
  }
}

void ChildStrand::handle_init() {
  const auto failed = [this](Term reason) {
    act({Action::init_done, {}, tuple(atom("error"), reason)});
    end(std::move(reason), CallTerminate::no);
  };
  try {
    object_ = (*worker_.make)();
    if (!object_) return failed(cpp_exception("the factory gave no object"));
    object_->strand_ = this;
    gen_server::InitResult result = object_->init(worker_.argument);
    if (auto* stop = std::get_if<gen_server::Stop>(&result)) return failed(std::move(stop->reason));
    if (std::holds_alternative<gen_server::Ignore>(result)) {
      act({Action::init_done, {}, atom("ignore")});
      return end(atom("normal"), CallTerminate::no);
    }
    state_ = identity_.held ? State::held : State::running;
    class_ = &typeid(*object_);
    act({Action::init_done, {}, kOk});
  } catch (const gen_server::Exit& exit) {
    failed(exit.reason);
  } catch (const std::exception& exception) {
    failed(cpp_exception(exception.what()));
  } catch (...) {
    failed(cpp_exception("not a std::exception"));
  }
}

// A child that traps exits handles first what it got before, as a gen_server does with {'EXIT', Parent, Reason}.
void ChildStrand::handle_stop(const Term& reason) {
  const bool waits = trapping_ && state_ == State::running;
  if (!waits) return end(reason, CallTerminate::yes);
  std::lock_guard lock(mutex_);
  ++mailbox_count_;
  mailbox_.push_back({Event::stop, 0, 0, reason});
  trapping_ = false;  // the second time it ends
}

void ChildStrand::handle_freeze(std::uint64_t request, bool with_state) {
  if (state_ != State::running) return;
  guarded([&] {
    std::optional<Term> state = with_state ? object_->migrate() : std::nullopt;
    state_ = State::frozen;
    put_back_batch();
    act({Action::frozen, {}, state ? tuple(std::move(*state)) : Term(), request});
  });
}

void ChildStrand::handle_unfreeze() {
  if (state_ == State::frozen) state_ = State::running;
}

void ChildStrand::handle_release(const Term& state) {
  if (state_ != State::held) return;
  guarded([&] {
    if (state.is_tuple(1)) object_->migrate(state[0]);
    state_ = State::running;
    act({Action::released, {}, {}});
  });
}

void ChildStrand::handle_conflict(const Term& state) {
  if (state_ == State::running) guarded([&] { object_->conflict(state[0]); });
}

void ChildStrand::handle_message(const Term& message) {
  if (message.is_tuple() && message.size() > 0 && message[0].is_atom()) {
    const std::size_t arity = message.size();
    if (arity == 3 && message[0] == kGenCall && message[1].is_tuple(2)) return handle_call(message);
    if (arity == 2 && message[0] == kGenCast) return guarded([&] { react(object_->handle_cast(message[1])); });
    if (arity == 5 && message[0] == kDown && message[1].is_reference() && work().monitors.erase(words_of(message[1])) == 0) {
      return;  // demonitored
    }
  }
  guarded([&] { react(object_->handle_info(message)); });
}

void ChildStrand::handle_call(const Term& message) {
  guarded([&] {
    gen_server::From from{message[1]};
    gen_server::CallReaction reaction = object_->handle_call(message[2], from);
    if (auto* reply = std::get_if<gen_server::Reply>(&reaction)) {
      return act({Action::reply, std::move(from.term), std::move(reply->value)});
    }
    auto* stop = std::get_if<gen_server::Stop>(&reaction);
    if (!stop) return;
    std::optional<ChildAction> last_reply;
    if (stop->reply) last_reply = ChildAction{Action::reply, from.term, std::move(*stop->reply)};
    end(std::move(stop->reason), CallTerminate::yes, std::move(last_reply));
  });
}

void ChildStrand::react(gen_server::Reaction reaction) {
  if (auto* stop = std::get_if<gen_server::Stop>(&reaction)) end(std::move(stop->reason), CallTerminate::yes);
}

void ChildStrand::handle_timer(std::uint64_t number) {
  const auto timer = work().timers.find(number);
  if (timer == work().timers.end()) return;  // cancelled
  const PendingTimer fired = std::move(timer->second);
  work().timers.erase(timer);
  if (fired.to) return act({Action::send, *fired.to, fired.message});
  guarded([&] { react(object_->handle_info(fired.message)); });
}

void ChildStrand::handle_answer(std::uint64_t number, bool ok, const Term& value) {
  const auto found = work().continuations.find(number);
  if (found == work().continuations.end()) return;
  const gen_server::Continuation then = std::move(found->second);
  work().continuations.erase(found);
  guarded([&] { then({ok, value}); });
}

// gen_server's terminate/…: terminate first, then the reply of a {stop, Reason, Reply, State}, then the exit.
void ChildStrand::end(Term reason, CallTerminate call_terminate, std::optional<ChildAction> last_reply) {
  if (state_ == State::ended) return;
  state_ = State::ended;
  if (dead_.load(std::memory_order_acquire)) return;  // a kill gives no time to terminate
  if (object_ && call_terminate == CallTerminate::yes) {
    try {
      object_->terminate(reason);
    } catch (const gen_server::Exit& exit) {
      reason = exit.reason;
    } catch (const std::exception& exception) {
      reason = cpp_exception(exception.what());
    } catch (...) {
      reason = cpp_exception("not a std::exception");
    }
  }
  if (last_reply) act(std::move(*last_reply));
  act({Action::end, {}, std::move(reason)});
}

// ---- services ------------------------------------------------------------------------------------------------

// The words of a reference that the node made for this child, and a count: five words, which no node's own references have.
Term ChildStrand::make_ref() {
  const auto low = [](std::uint64_t number) { return static_cast<std::uint32_t>(number); };
  const std::uint64_t stem = identity_.reference, count = next_reference_++;
  const std::array<std::uint32_t, 5> words{static_cast<std::uint32_t>(RefKind::plain), low(stem), low(stem >> 32), low(count), low(count >> 32) + 1};
  return Term::reference(home_->node, identity_.pid.creation(), words);
}

void ChildStrand::request(ChildAction action, gen_server::Continuation then) {
  action.number = next_number_++;
  work().continuations.emplace(action.number, std::move(then));
  act(std::move(action));
}

gen_server::Timer ChildStrand::start_timer(Duration delay, std::optional<Term> to, Term message) {
  const std::uint64_t number = next_number_++;
  work().timers.emplace(number, PendingTimer{std::move(to), std::move(message)});
  act({Action::start_timer, {}, {}, number, delay});
  return {number};
}

bool ChildStrand::cancel_timer(gen_server::Timer timer) {
  if (work().timers.erase(timer.id) == 0) return false;
  act({Action::cancel_timer, {}, {}, timer.id});
  return true;
}

Term ChildStrand::monitor(const Term& target) {
  Term reference = make_ref();
  work().monitors.insert(words_of(reference));
  act({Action::monitor, target, reference});
  return reference;
}

void ChildStrand::demonitor(const Term& reference) {
  if (!reference.is_reference() || work().monitors.erase(words_of(reference)) == 0) return;
  act({Action::demonitor, {}, reference});
}

void ChildStrand::trap_exit(bool trap) {
  trapping_ = trap;
  act({Action::trap_exit, {}, {}, trap ? 1u : 0u});
}

}  // namespace supervisorring
