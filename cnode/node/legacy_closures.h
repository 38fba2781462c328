// LegacyClosures: the functions that legacy members want run where a child is, as far as a node without a BEAM can run them.
//
// The original's start_child, terminate_child, delete_child and restart_child cast {onnode, Id, {Pid, Ref}, Fun} to the owner's child
// manager; Fun is a closure of the module `supervisorring` over [Sup, Id] (start_child: [Sup, Spec]). Its external form says module, Uniq and Index,
// not the function it was made in. The sender knows that: erlang:fun_info(Fun, name) there, e.g. {name, '-start_child/2-fun-0-'}. It is
// asked once per module, Uniq and Index. Those four are carried out by the local supervisor, and its answer is the function's.
// Any other function is answered {error, {no_beam, Node}}, never run elsewhere in silence; in drop-in the BEAM runs it, in a process of its own, and one that
// fails is answered {error, Why}. Even there the four are carried out here: the module `supervisorring` of that BEAM is ours, not the sender's.
//
// The caller tells its handler (add, del) after our answer; so the handlers' lists are read again soon after.
// Does not look at the ring: the child manager passes on what belongs elsewhere, also when the ring changed while the sender was asked.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "node/process.h"

namespace supervisorring {

inline constexpr std::size_t kMaxKnownClosures = 64;       // four for each build of the original in the cluster
inline constexpr std::size_t kMaxWaitingClosures = 1'000;  // while a sender is asked; more are refused
inline constexpr Duration kFunInfoTimeout = std::chrono::seconds(5);
inline constexpr Duration kHandlerToldWithin = std::chrono::seconds(1);  // add or del follow the answer at once

// A closure of arity 0 as it came (NEW_FUN_EXT).
struct LegacyClosure {
  Term module;
  std::string uniq;  // 16 bytes
  std::uint32_t index;
  std::vector<Term> free;
  std::string key() const;  // equal for closures of the same place in the same build of a module
};
// nullopt: no closure, one with arguments, or one that does not have two free variables, as the four have.
std::optional<LegacyClosure> read_legacy_closure(const Term& fun);

class LegacyClosures {
 public:
  using Dispatch = std::function<void(ProcessContext&, const Term& request)>;

  // `again`: takes the requests that waited for their sender's answer, as if they had come now. Process: the child manager's.
  LegacyClosures(Term sup, Dispatch again, bool on_beam = false) : sup_(std::move(sup)), again_(std::move(again)), on_beam_(on_beam) {}

  // REQUIRES: `request` is {onnode, Id, {Pid, Ref}, Fun} with a pid and a reference, and Id belongs here.
  void run(ProcessContext&, const Term& request);

 private:
  struct Waiting { std::string key; Term request; };

  void run_on_beam(ProcessContext&, const Term& request);
  void ask_sender(ProcessContext&, const std::string& key, const Term& request);
  void sender_answered(ProcessContext&, const std::string& key, const Term& node, const CallResult&);
  void carry_out(ProcessContext&, const Term& operation, const Term& argument, const Term& from);
  void read_handlers_soon(ProcessContext&);
  // The supervisor's request that the closure makes, by the name of its function; [] for one that is none of the four.
  const Term* known(const std::string& key) const;

  const Term sup_;
  const Dispatch again_;
  const bool on_beam_;
  std::deque<std::pair<std::string, Term>> known_;  // key, operation; the oldest goes first
  std::deque<Waiting> waiting_;
  Instant handlers_read_at_{};
};

}  // namespace supervisorring
