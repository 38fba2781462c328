// supervisorring:explain/2 and plan/1: why a child is where it is, and what would move if the ring changed.
//
// explain(Sup, Id) exits with noproc for a supervisor that is not defined here, and answers {error, Text} for an id that cannot be placed; else what this member knows:
//
//   #{supervisor, id, node => who answers, key => {Sup, Id}, digest => Hex, otp => 25 | 26,
//     point => #{digest => Hex, member => Node, number => 1..300}, owner => Node,
//     excluded => [{Node, not_up | leaving | drained | members | kind_unknown}], members => all | native | beam | [Node], members_note => binary(), without_supervisor => [Node],
//     named => boolean(), here => running | starting | restarting | stopping | terminated | none, pid => pid() | undefined,
//     by => native | beam | none, doing => binary(), next_try_ms => integer() | none}
//
// plan([{with | without, Node}]) answers {error, Text} for a change that cannot be, else
//
//   #{node, up => [Node], up_then => [Node], supervisors => [#{supervisor, children, moves, complete => boolean(),
//     members => all | native | beam | [Node], excluded => [{Node, drained | members | kind_unknown}], moves_between => [#{from, to, count, ids => [Id]}]}]}
//
// `members`: which may own its children (sup/owner_set.h), in explain as defined, in plan as it counts now; excluded by that: members, or kind_unknown where it has not
// said yet what it is. from and to are none where no member of the set is up.
//
// plan is of the children that are known here and those that the up members list; at most kMaxPlanned of a supervisor, else it is not complete. It has no effect.
#pragma once

#include <memory>

#include "node/node.h"
#include "node/sup_shared.h"

namespace supervisorring {

inline constexpr std::size_t kMaxPlanned = 200'000;     // children of one supervisor: a fifth of a second of the node's thread would be a late ack
inline constexpr std::size_t kMaxPlannedIds = 20;       // listed for each pair of members
inline constexpr std::size_t kMaxMemberChanges = 1'000;

void define_explain(Node&, std::shared_ptr<SupervisionState>);

}  // namespace supervisorring
