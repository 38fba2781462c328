// What members of ours say to each other: the messages to the registered name `supervisorring_peer`.
//
// The grammar is in the README's protocol section. Every message is {supervisorring_peer, From, Body}, From a pid of
// the sender. Legacy members have no such name, so nothing is said to them. A member that has not
// said hello is sent nothing but hello.
//
// Pure: encoding, decoding, validation. Who sends what when: child_manager.h (moves) and the node's peer process (hello).
#pragma once

#include <cstdint>
#include <utility>
#include <variant>
#include <vector>

#include "ring/ring_message.h"
#include "sup/child_spec.h"
#include "sup/cordons.h"
#include "sup/drains.h"
#include "supervisorring/result.h"
#include "supervisorring/term.h"

namespace supervisorring {

inline constexpr std::int64_t kPeerVersion = 1;
inline constexpr std::size_t kMaxIdsInAMessage = 5'000;  // of ask and answer; keeps one message far below the frame limit

// {hello, Version, Capabilities} asks for {hello_back, Version, Capabilities}.
struct PeerHello {
  bool answer = false;               // hello_back
  std::int64_t version = kPeerVersion;
  Term kind;                         // cnode
  std::vector<Term> supervisors;     // those that run there
  std::int64_t otp = 25;             // placement format: 25 (and below) or 26 (and above)
  std::vector<Term> features;        // atoms; unknown ones are ignored
  std::vector<DrainWord> drained = {};  // what the sender knows of who is drained, itself included
  std::vector<DrainWord> cordoned = {};  // the same of who is cordoned; what they keep is told by {kept, ...}, PeerKept
  std::vector<std::pair<Term, OwnerSet>> members = {};  // of those supervisors who own their children by another set than all
  Term partitions = atom("keep_all");  // what it does in a partition: ring/partition.h; a member that does not say keeps all
};
// {leaving}: the sender hands its children over and ends; it owns nothing from here on.
struct PeerLeaving {};
// {ask, Sup, Ids}: which of these run with you?
struct PeerAsk { Term supervisor; std::vector<Term> ids; };
// {answer, Sup, Here, NotHere}
struct PeerAnswer { Term supervisor; std::vector<Term> here; std::vector<Term> not_here; };

// One move of one child, numbered by its source.
enum class MoveStep : std::uint8_t {
  offer,    // source: start a held copy        value: the child spec
  started,  // target: it is held               value: its pid
  running,  // target: it runs here already     value: its pid. The source may send the state of its copy all the same
  refused,  // target: not now                  value: the reason
  state,    // source: here is its state        value: {state, State} or none
  taken,    // target: it runs, with the state  value: its pid
  done,     // source: the old copy is gone     value: []
  abort,    // source: give up the held copy    value: the reason
};
// {move, Step, Sup, Move, Value}
struct PeerMove {
  MoveStep step;
  Term supervisor;
  std::uint64_t move;
  Term value;
};

using PeerBody = std::variant<PeerHello, PeerLeaving, PeerAsk, PeerAnswer, PeerMove, PeerKept, ring_message::News, ring_message::SetsDigest>;
struct PeerMessage {
  Term from;  // a pid
  PeerBody body;
};

Term peer_message(const Term& from, Term body);
Term encode_peer_message(const PeerMessage& message);
Result<PeerMessage> decode_peer_message(const Term& message);

// A child spec with all that a start elsewhere needs: a 6-tuple, or a map where it is significant.
Term to_wire(const ChildSpec& spec);

std::string_view to_string(MoveStep step);

}  // namespace supervisorring
