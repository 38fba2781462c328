// The messages that arrive at 'Elixir.NanoRing' and those sent to it: between terms and values.
//
// Follows the NanoRing module of nano_ring 0.0.3. Everything else is refused with what was expected.
#pragma once

#include <variant>

#include "crdt/lww_set.h"
#include "supervisorring/result.h"
#include "supervisorring/term.h"

namespace supervisorring {

inline constexpr char kNanoRingName[] = "Elixir.NanoRing";

enum class RingSet { nodes, up };  // get_all, get_up

namespace ring_message {
struct Reconcile { LwwSet nodes, up; MapSetForm form; Term from; Term reference; };  // {'$gen_cast', {reconcile, Ring, FromPid, Ref}}
struct AddNode { Term node; };                       // {'$gen_cast', {add_node, N}}
struct DelNode { Term node; };                       // {'$gen_cast', {del_node, N}}
struct GetSet { Term from; RingSet set; };           // {'$gen_call', From, get_all | get_up}
struct UnknownCall { Term from; };                   // any other '$gen_call' that can be answered
struct Ack { Term reference; };                      // {Ref, is_up}
// Between members of ours only.
struct News { LwwSet nodes, up; };                   // {news, Nodes, Up}: parts of both sets
struct SetsDigest { Bytes digest; Term from; Term reference; };  // {digest, Digest, FromPid, Ref}: of both sets, in the place of a gossip
}  // namespace ring_message

using RingMessage = std::variant<ring_message::Reconcile, ring_message::AddNode, ring_message::DelNode, ring_message::GetSet,
                                 ring_message::UnknownCall, ring_message::Ack>;

Result<RingMessage> parse_ring_message(const Term& message);
// A node_set or up_set as get_all and get_up answer it.
Result<LwwSet> parse_set_answer(const Term& answer);

Term nano_ring_at(const Term& node);                 // {'Elixir.NanoRing', Node}
Term ring_term(Term node_set, Term up_set);          // %NanoRing{}
Term reconcile_message(const Term& ring, const Term& from, const Term& reference);
Term add_node_message(const Term& node);
Term del_node_message(const Term& node);
Term ack_message(const Term& reference);
// {news, Entries, Entries}, LwwSet::to_entries(): the body of a message of our own (sup/peer_messages.h).
Term news_body(const LwwSet& nodes, const LwwSet& up);
Result<ring_message::News> parse_news(const Term& body);
// SHA-1 of both sets: equal where what is known is.
Bytes digest_of_sets(const LwwSet& nodes, const LwwSet& up);
Term digest_body(const Bytes& digest, const Term& from, const Term& reference);
Result<ring_message::SetsDigest> parse_digest(const Term& body);

}  // namespace supervisorring
