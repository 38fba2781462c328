// What the membership wants done outside of itself, in the order given.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "ring/ring_message.h"
#include "ring/ring_view.h"

namespace supervisorring::membership {

// erlang:send/2; `to` is {'Elixir.NanoRing', Node} or a pid.
struct Send { Term to; Term message; };
// {supervisorring_peer, Pid, Body} to the supervisorring_peer of a member of ours.
struct Tell { Term node; Term body; };
// gen_server:reply/2.
struct Reply { Term from; Term value; };
// Open a connection; Membership::node_up or node_down tells how it went.
struct Connect { Term node; };
// gen_server:call({'Elixir.NanoRing', Node}, get_all | get_up, kAskTimeout); answered by Membership::set_answered.
struct AskSet { Term node; RingSet set; };
// How the node writes atoms: erpc of erlang:term_to_binary(a), second byte 100 or 119; answered by Membership::format_answered.
struct AskFormat { Term node; };
// May this node own a share of what the up members run? Answered by Membership::guard_answered.
struct AskMayJoin { std::vector<Term> members; };
// Written and synced before any Send that follows.
struct Persist { std::string name; Bytes content; };
struct RemoveFile { std::string name; };
// For RingView::update.
struct Publish { RingState state; };
// Another member took this one out of the ring (del_node) and its time is over: leave, with forget, and end.
struct Removed {};
// This node may not join; it has told nobody. End with this line.
struct Refused { std::string why; };
// The last message of a leave has been sent: end.
struct Left {};
enum class Level { info, notice, warning, error };
struct Log { Level level; std::string text; };

using Effect = std::variant<Send, Tell, Reply, Connect, AskSet, AskFormat, AskMayJoin, Persist, RemoveFile, Publish, Removed, Refused, Left, Log>;
using Effects = std::vector<Effect>;

}  // namespace supervisorring::membership
