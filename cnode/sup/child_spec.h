// Child specifications and supervisor flags: reading, checking, writing.
//
// Follows OTP 25's supervisor:check_childspecs/1 and its init/1 return values ("supervisor" in the stdlib
// Reference Manual), including which fault is named first. What is refused is answered with OTP's own term, e.g.
// {invalid_restart_type, What}. Golden cases: test/golden/childspecs-otp25.txt.
//
// In addition to OTP's specs an init/1 result may list {dyn_child_handler, Module}: the children that the handler
// module names (supervisorring's dyn_child_handler behaviour).
//
// Pure; does not know what can be started here (that is start_target() and the factories of the node).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "sup/owner_set.h"
#include "supervisorring/term.h"

namespace supervisorring {

enum class RestartType : std::uint8_t { permanent, transient, temporary };
enum class ChildType : std::uint8_t { worker, supervisor };
enum class ShutdownKind : std::uint8_t { brutal_kill, timeout, infinity };

struct ChildSpec {
  Term id;
  Term start;    // {Module, Function, Arguments}
  RestartType restart = RestartType::permanent;
  bool significant = false;
  ShutdownKind shutdown = ShutdownKind::timeout;
  std::chrono::milliseconds shutdown_ms{5000};  // for ShutdownKind::timeout
  Term shutdown_term;                           // as it was given
  ChildType type = ChildType::worker;
  Term modules;                                 // dynamic or a list of atoms
  bool operator==(const ChildSpec&) const = default;
};

// One spec for all who keep it: the child manager, the supervisor, what they hand to each other. Never changed. Not counted by atomic operations: the node's thread only.
class SharedSpec {
 public:
  SharedSpec() = default;
  SharedSpec(ChildSpec spec) : held_(new Held{std::move(spec), 1}) {}
  SharedSpec(const SharedSpec& other) : held_(other.held_) { if (held_) ++held_->count; }
  SharedSpec(SharedSpec&& other) noexcept : held_(std::exchange(other.held_, nullptr)) {}
  SharedSpec& operator=(SharedSpec other) noexcept { std::swap(held_, other.held_); return *this; }
  ~SharedSpec() { if (held_ && --held_->count == 0) delete held_; }

  explicit operator bool() const { return held_ != nullptr; }
  const ChildSpec& operator*() const { return held_->spec; }
  const ChildSpec* operator->() const { return &held_->spec; }
  bool is(const SharedSpec& other) const { return held_ == other.held_; }

 private:
  struct Held { const ChildSpec spec; std::uint32_t count; };
  Held* held_ = nullptr;
};

class SharedSpecs : public std::vector<SharedSpec> {
 public:
  SharedSpecs() = default;
  SharedSpecs(const std::vector<ChildSpec>& specs) : std::vector<SharedSpec>(specs.begin(), specs.end()) {}
  SharedSpecs(std::initializer_list<ChildSpec> specs) : std::vector<SharedSpec>(specs.begin(), specs.end()) {}
};

// A value, or the term that OTP answers (the What of {error, What}).
template <class T>
using OrReason = std::variant<T, Term>;

enum class AutoShutdown : std::uint8_t { never, any_significant, all_significant };
enum class Strategy : std::uint8_t { one_for_one, one_for_all, rest_for_one };

// One spec, a 6-tuple or a map. `auto_shutdown` nullopt: not known yet, as check_childspecs/1 has it.
OrReason<ChildSpec> check_child_spec(const Term& spec, std::optional<AutoShutdown> auto_shutdown);
// supervisor:check_childspecs/1: ok or {error, Reason}.
Term check_childspecs(const Term& specs);

// {Id, Start, Restart, Shutdown, Type, Modules}
Term to_tuple(const ChildSpec& spec);
// As supervisor:get_childspec/2 gives it; a temporary child's arguments are not kept by OTP and read `undefined`.
Term to_map(const ChildSpec& spec);
// OTP's #child{} record, the second half of {error, {Reason, Child}} when a start fails.
Term to_child_record(const ChildSpec& spec, const Term& pid);

Term to_term(RestartType);
Term to_term(ChildType);

// The supervisor's {Strategy, MaxR, MaxT}, or OTP's flag map, in which `members` may say who owns its children.
struct SupervisorFlags {
  std::int64_t intensity = 1;  // restarts
  std::int64_t period = 5;     // seconds
  AutoShutdown auto_shutdown = AutoShutdown::never;
  Strategy strategy = Strategy::one_for_one;
  OwnerSet members = {};
};
// The reason is OTP's ({invalid_strategy, S}, {invalid_intensity, I}, ...). simple_one_for_one, whose children have no ids that could be
// placed, is an invalid strategy here. Ours: {invalid_members, M}.
OrReason<SupervisorFlags> check_flags(const Term& flags);
Term to_term(const SupervisorFlags& flags);  // OTP's flag map, with `members` where it is not all
Term to_term(Strategy);
Term to_term(AutoShutdown);

// What init/1 returned, taken apart.
struct SupervisorInit {
  SupervisorFlags flags;
  SharedSpecs children;             // in the order given, ids unique
  std::vector<Term> handlers;       // modules, in the order given
};
// `returned`: {ok, {Flags, Specs}}. The reason is what OTP's supervisor stops with: {bad_return, {Module, init,
// Returned}}, {supervisor_data, Reason}, {start_spec, Reason}. `ignore` is given back as the reason itself.
OrReason<SupervisorInit> check_init(const Term& module, const Term& returned);

// {Module, Function} that a native factory must be registered under to start this child. For gen_server:start_link
// and 'Elixir.GenServer':start_link it is the callback module and the function start_link.
struct StartTarget {
  Term module;
  Term function;
};
StartTarget start_target(const ChildSpec& spec);

}  // namespace supervisorring
