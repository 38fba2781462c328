// NanoRing: the process 'Elixir.NanoRing' of a standalone node. The membership's core (ring/membership.h) with the node around it.
//
// Feeds the core with messages, {nodeup, _}, {nodedown, _} and time, performs its effects, and keeps the RingView up to date. Also makes
// callable from other nodes what a BEAM member has: 'Elixir.NanoRing':all/0, up/0, add_node/1, del_node/1, and erlang:term_to_binary/1
// in the ring's hash format, by which joining members learn it.
//
// Decides nothing: what supervisors run, how children move and what ends the program are the hooks' affair.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "node/exit_status.h"
#include "node/node.h"
#include "ring/membership.h"
#include "ring/ring_view.h"

namespace supervisorring {

struct NodeEnd { ExitStatus status; std::string why; };

// All are called in the context of 'Elixir.NanoRing', and so must each `then` be, once. An empty one has the default that is named.
struct NanoRingHooks {
  using MayJoin = std::function<void(ProcessContext&, Result<bool>)>;
  using Then = std::function<void(ProcessContext&)>;
  // May this node own a share of what `members` run? Error: no, and why. Default: yes.
  std::function<void(ProcessContext&, std::vector<Term> members, MayJoin then)> may_join;
  // The RingView has changed. Default: nothing (its subscribers are told in any case).
  std::function<void(ProcessContext&)> ring_changed;
  // The view says `leaving`: hand children over, then go on. Default: at once.
  std::function<void(ProcessContext&, Then then)> prepare_leave;
  // Does any child run here? Default: no.
  std::function<bool()> children_run;
  // Either set has changed, if only a timestamp, or the view. Default: nothing.
  std::function<void(ProcessContext&, const Membership&)> sets_changed;
  // Is every up member one of ours, and no other member known for a legacy one? Default: no.
  std::function<bool()> all_ours;
  // {supervisorring_peer, Pid, body} to the supervisorring_peer of `node`. Default: nothing.
  std::function<void(ProcessContext&, const Term& node, const Term& body)> tell;
  // Another member removed this one. Default: leave with forget.
  std::function<void(ProcessContext&)> removed;
  // The others have been told: what the node halts with. Default, and for none: ExitStatus::removed after a removal, else ok.
  std::function<std::optional<NodeEnd>()> left;
};

// Owned by who composes the node; outlives its processes. On the node's thread only.
class NanoRing {
 public:
  NanoRing(MembershipConfig config, RingView& view, NanoRingHooks hooks);
  ~NanoRing();

  // Before the node starts: spawns the process at its start and defines the functions.
  void add_to(Node&);
  // From any process of the node. A second call changes nothing.
  void leave(ProcessContext&, Membership::Forget);
  // What the node that supervisors are read from has answered to erlang:term_to_binary(a): its format is taken while nothing better is known and no child runs.
  void hint_format(ProcessContext&, const CallResult&);
  // A member of ours says, on the connection that is open, what it understands of the core's `tell`; and what came of that kind from one.
  void takes(ProcessContext&, const Term& node, Membership::Takes);
  void handle_news(ProcessContext&, const Term& sender, const ring_message::News&);
  void handle_digest(ProcessContext&, const Term& sender, const ring_message::SetsDigest&);
  // For status; null before the node has started.
  const Membership* membership() const;

  struct Shared;  // with its process
 private:
  std::shared_ptr<Shared> shared_;
};

}  // namespace supervisorring
