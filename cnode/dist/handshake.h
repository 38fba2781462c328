// Handshake: the exchange of names, flags and proofs of the cookie before two nodes talk. Both roles.
//
// Follows "Distribution Handshake" (version 6) of OTP's Distribution Protocol chapter and kernel's dist_util.erl. Packets
// are a 2-byte length and a body. The initiator sends 'N' name, the acceptor answers 's' status and 'N' challenge, then
// 'r' and 'a' prove on both sides that the cookie is known: MD5 of the cookie and the challenge in decimal.
//
// Not done here: what to answer when both nodes connect at once (the owner decides, decide_name() holds the rule), the time
// limit (connection.h), dynamic node names (`named:` is refused) and version 5 ('n' names are refused).
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "dist/flags.h"
#include "dist/limits.h"
#include "supervisorring/result.h"
#include "supervisorring/term.h"

namespace supervisorring {

// Fails with what is wrong unless `name` is Name@Host: printable ASCII, one '@', nothing empty, at most kMaxNodeName bytes.
Result<std::string> check_node_name(BytesView name);

struct LocalIdentity {
  std::string name;  // Name@Host
  std::uint32_t creation = 1;
  std::string cookie;
  DistFlags flags = kOurFlags;
};

struct Peer {
  std::string name;
  DistFlags flags = 0;  // as offered, DFLAG_MANDATORY_25_DIGEST spelt out; what both offered is `flags & ours`
  std::uint32_t creation = 0;
};

enum class HandshakeRole { initiator, acceptor };

// What the acceptor answers to a name.
enum class NameDecision {
  ok,
  ok_simultaneous,  // we are connecting to it as well, and give our attempt up for this one
  nok,              // we are connecting to it as well, and ours goes on
  alive,            // we hold a connection to it already: does the peer still mean this one?
  not_allowed,
};

// The rule for simultaneous connects, as net_kernel has it: the node with the greater name keeps its own attempt.
// `connecting`: an attempt of ours to that peer is under way. `connected`: a connection to it is up.
NameDecision decide_name(BytesView self, BytesView peer, bool connecting, bool connected);

enum class HandshakeState {
  reading,   // waits for bytes
  deciding,  // acceptor: peer() has given its name; waits for decide()
  alive,     // initiator: the peer holds an old connection; waits for answer_alive()
  up,        // done: peer() is who it says
  failed,    // see error() and failure()
};

enum class HandshakeFailure {
  none,
  simultaneous,  // initiator: the peer said nok, its own connect goes on; acceptor: we said so
  not_allowed,
  given_up,      // `alive` was answered with false
  bad_cookie,
  missing_flags,
  wrong_name,    // the peer is not the node that was called
  malformed,     // anything else that does not follow the protocol
};

class Handshake {
 public:
  // `expected_peer`: the node that is called, REQUIRED of an initiator; an acceptor passes "".
  // `random`: of which each call gives 64 random bits; challenges are made from it.
  Handshake(HandshakeRole role, LocalIdentity self, std::string expected_peer, std::function<std::uint64_t()> random);

  // Initiator: appends the first packet. Acceptor: nothing.
  void start(Bytes& out);
  // Takes bytes; appends what is to be sent, which is to be sent also when it has failed.
  HandshakeState receive(BytesView bytes, Bytes& out);
  // REQUIRES: state() == deciding
  HandshakeState decide(NameDecision decision, Bytes& out);
  // REQUIRES: state() == alive. `goes_on`: this connection is still wanted.
  HandshakeState answer_alive(bool goes_on, Bytes& out);

  HandshakeState state() const { return state_; }
  // Initiator: the expected name until the challenge. Complete when up.
  const Peer& peer() const { return peer_; }
  const Error& error() const { return error_; }
  HandshakeFailure failure() const { return failure_; }
  // The bytes that followed the handshake: the first frames. REQUIRES: up
  Bytes take_rest();

 private:
  enum class Waiting { send_name, status, status_reply, challenge, challenge_reply, challenge_ack };

  HandshakeState go_on(Bytes& out);
  void handle_packet(BytesView body, Bytes& out);
  void handle_send_name(BytesView body, Bytes& out);
  void handle_status(BytesView body, Bytes& out);
  void handle_status_reply(BytesView body, Bytes& out);
  void handle_challenge(BytesView body, Bytes& out);
  void handle_complement(BytesView body);
  void handle_challenge_reply(BytesView body, Bytes& out);
  void handle_challenge_ack(BytesView body);
  void send_status(const char* status, Bytes& out);
  void send_challenge(Bytes& out);
  void fail(HandshakeFailure failure, std::string text);
  std::string who() const;

  HandshakeRole role_;
  LocalIdentity self_;
  std::function<std::uint64_t()> random_;
  HandshakeState state_ = HandshakeState::reading;
  Waiting waiting_;
  Peer peer_;
  std::uint32_t challenge_ = 0;  // ours, that the peer has to answer
  bool complemented_ = false;
  Bytes buffer_;
  HandshakeFailure failure_ = HandshakeFailure::none;
  Error error_;
};

}  // namespace supervisorring
