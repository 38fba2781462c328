// Beam: in drop-in, the BEAM beside which the supervision runs.
//
// Orders to it that are the supervision's own (children, proxies), and the estate: what the BEAM keeps for a successor of this program and hands over at
// attach. A key is kept, changed or dropped in the frame of the change that it belongs to. Keys:
//
//   {nano_ring, sets}     {NodeSet, UpSet}: while this member is in the ring
//   {child, Sup, Id}      {Spec, terminated | restarting | stopping | to_restart, Place}: children that are in the supervisor's table and do not
//                         run, or are to end; to_restart: in order to be started again with others (one_for_all, rest_for_one)
//   {history, Sup}        [UnixSeconds]: the restarts that count against the intensity
//   {ending, Sup}         gave_up | auto_shutdown: the local supervisor ends its children and then itself
//   {handler, Sup, Mod}   the children that Mod:get_all() named last
//   drained               {Number, Drained, MovesASecond | none}: what this member has said of itself last (draining.h)
//   cordoned              {Number, Cordoned, [{Sup, [Id]}]}: the same of what it keeps (cordoning.h)
//   {gate, Node}          true | false: whether that member has a gate for calls (supervisorring_gate); its callers read it
//   {owners, Sup}         the up members that its children are placed by, or all: of a supervisor with a set of members (who_owns.h)
//   {sent, Tag}           the member to which a change was sent on behalf of this request
//
// On the node's thread only. Unkeeping what is not kept, and keeping what is kept already, is no order.
#pragma once

#include <unordered_map>
#include <vector>

#include "node/node.h"
#include "node/port_attach.h"
#include "sup/supervisor.h"

namespace supervisorring {

class Beam {
 public:
  Beam(Node& node, const PortAttach& attach);

  const bool elixir;  // has 'Elixir.Supervisor'
  void order(const Term& order) { node_.order(order); }
  void stand_in(const Term& name, const Term& pid) { node_.stand_in(name, pid); }
  // For one life of a local supervisor: its tokens are above this one, and nobody else's are.
  StartToken next_token_base();

  // ---- the estate -----------------------------------------------------------------------------------
  void keep(const Term& key, const Term& value);
  void unkeep(const Term& key);
  const Term* kept(const Term& key) const;  // nullptr: not kept
  // Id, Spec and state of all {child, Sup, Id}, in the order of ids.
  struct KeptChild { Term id, spec, state; std::uint64_t place; };
  std::vector<KeptChild> kept_children(const Term& supervisor) const;
  // All of a supervisor that has ended.
  void forget(const Term& supervisor);
  // The children of one that starts anew, and what its last life had kept.
  void forget_children(const Term& supervisor);

 private:
  void forget(const Term& supervisor, std::initializer_list<const char*> kinds);

  Node& node_;
  const std::uint64_t generation_;
  std::uint64_t token_bases_ = 0;
  std::unordered_map<Term, Term> kept_;
};

}  // namespace supervisorring
