#include "dist/handshake.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <utility>

#include "dist/wire.h"
#include "term/check.h"

namespace supervisorring {
namespace {

using namespace detail;

constexpr std::size_t kDigestSize = 16;

Bytes digest_of(const std::string& cookie, std::uint32_t challenge) {
  const std::string text = cookie + std::to_string(challenge);
  unsigned char md[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  const int done = EVP_Digest(text.data(), text.size(), md, &size, EVP_md5(), nullptr);
  require(done == 1 && size == kDigestSize, "MD5 gives 16 bytes (is a FIPS provider in the way?)", done, size);
  return Bytes(reinterpret_cast<const char*>(md), size);
}

bool same_digest(BytesView a, BytesView b) {
  return a.size() == kDigestSize && b.size() == kDigestSize && CRYPTO_memcmp(a.data(), b.data(), kDigestSize) == 0;
}

void put_packet(Bytes& out, BytesView body) {
  put16(out, static_cast<std::uint16_t>(body.size()));
  out += body;
}

}  // namespace

Result<std::string> check_node_name(BytesView name) {
  const auto wrong = [name](const char* why) {
    return Error{std::string("node name \"") + show_bytes(name) + "\": " + why};
  };
  if (name.size() > kMaxNodeName) return wrong("longer than 255 bytes");
  for (const char c : name) {
    if (c <= 0x20 || c >= 0x7f) return wrong("expected printable ASCII without spaces");
  }
  const std::size_t at = name.find('@');
  if (at == BytesView::npos) return wrong("expected Name@Host, there is no '@'");
  if (at == 0 || at + 1 == name.size()) return wrong("expected Name@Host, one of them is empty");
  if (name.find('@', at + 1) != BytesView::npos) return wrong("expected Name@Host with one '@'");
  return std::string(name);
}

NameDecision decide_name(BytesView self, BytesView peer, bool connecting, bool connected) {
  if (connected) return NameDecision::alive;
  if (!connecting) return NameDecision::ok;
  return self > peer ? NameDecision::nok : NameDecision::ok_simultaneous;
}

Handshake::Handshake(HandshakeRole role, LocalIdentity self, std::string expected_peer, std::function<std::uint64_t()> random)
    : role_(role),
      self_(std::move(self)),
      random_(std::move(random)),
      waiting_(role == HandshakeRole::initiator ? Waiting::status : Waiting::send_name) {
  require(self_.name.size() <= kMaxNodeName, "the own node name is an atom", static_cast<long long>(self_.name.size()));
  peer_.name = std::move(expected_peer);
}

void Handshake::start(Bytes& out) {
  if (role_ == HandshakeRole::acceptor) return;
  Bytes body = "N";
  put64(body, self_.flags);
  put32(body, self_.creation);
  put16(body, static_cast<std::uint16_t>(self_.name.size()));
  put_packet(out, body + self_.name);
}

HandshakeState Handshake::receive(BytesView bytes, Bytes& out) {
  if (state_ == HandshakeState::failed) return state_;
  buffer_.append(bytes);
  return go_on(out);
}

HandshakeState Handshake::decide(NameDecision decision, Bytes& out) {
  require(state_ == HandshakeState::deciding, "a name is decided once", static_cast<int>(state_));
  state_ = HandshakeState::reading;
  switch (decision) {
    case NameDecision::ok:
      send_status("ok", out);
      send_challenge(out);
      break;
    case NameDecision::ok_simultaneous:
      send_status("ok_simultaneous", out);
      send_challenge(out);
      break;
    case NameDecision::alive:
      send_status("alive", out);
      waiting_ = Waiting::status_reply;
      break;
    case NameDecision::nok:
      send_status("nok", out);
      fail(HandshakeFailure::simultaneous, "refused: our own connection to it is under way");
      break;
    case NameDecision::not_allowed:
      send_status("not_allowed", out);
      fail(HandshakeFailure::not_allowed, "refused: not allowed to connect");
      break;
  }
  return go_on(out);
}

HandshakeState Handshake::answer_alive(bool goes_on, Bytes& out) {
  require(state_ == HandshakeState::alive, "an alive is answered once", static_cast<int>(state_));
  state_ = HandshakeState::reading;
  send_status(goes_on ? "true" : "false", out);
  if (!goes_on) fail(HandshakeFailure::given_up, "it holds a connection already, this one is given up");
  return go_on(out);
}

Bytes Handshake::take_rest() {
  require(state_ == HandshakeState::up, "the handshake is done", static_cast<int>(state_));
  return std::exchange(buffer_, Bytes());
}

// Handles the packets that are complete.
HandshakeState Handshake::go_on(Bytes& out) {
  std::size_t read = 0;
  while (state_ == HandshakeState::reading && buffer_.size() - read >= 2) {
    const std::size_t length = get16(buffer_, read);
    if (length > kMaxHandshakePacket) {
      fail(HandshakeFailure::malformed, "handshake packet of " + std::to_string(length) + " bytes, the limit is " +
                                            std::to_string(kMaxHandshakePacket));
      break;
    }
    if (length == 0) {
      fail(HandshakeFailure::malformed, "empty handshake packet");
      break;
    }
    if (buffer_.size() - read - 2 < length) break;
    const Bytes body = buffer_.substr(read + 2, length);
    read += 2 + length;
    handle_packet(body, out);
  }
  buffer_.erase(0, read);
  const bool waits = state_ == HandshakeState::deciding || state_ == HandshakeState::alive;
  if (waits && buffer_.size() > 2 + kMaxHandshakePacket) {
    fail(HandshakeFailure::malformed, "sent " + std::to_string(buffer_.size()) + " bytes ahead of its turn in the handshake");
  }
  if (state_ == HandshakeState::failed) buffer_ = Bytes();
  return state_;
}

void Handshake::handle_packet(BytesView body, Bytes& out) {
  switch (waiting_) {
    case Waiting::send_name: return handle_send_name(body, out);
    case Waiting::status: return handle_status(body, out);
    case Waiting::status_reply: return handle_status_reply(body, out);
    case Waiting::challenge: return handle_challenge(body, out);
    case Waiting::challenge_reply:
      if (body[0] == 'c') return handle_complement(body);
      return handle_challenge_reply(body, out);
    case Waiting::challenge_ack: return handle_challenge_ack(body);
  }
}

// 'N' flags:8 creation:4 nlen:2 name. What follows the name is left for later OTPs, as dist_util leaves it.
void Handshake::handle_send_name(BytesView body, Bytes& out) {
  if (body[0] == 'n') {
    return fail(HandshakeFailure::malformed, "it speaks version 5 of the handshake ('n'), expected version 6 ('N', OTP 23 or later)");
  }
  if (body[0] != 'N' || body.size() < 15) {
    return fail(HandshakeFailure::malformed, "expected a name ('N'), got \"" + show_bytes(body) + "\"");
  }
  const DistFlags flags = expand_mandatory_25_flag(get64(body, 1));
  const std::size_t length = get16(body, 13);
  if (length > body.size() - 15) {
    return fail(HandshakeFailure::malformed, "a name of " + std::to_string(length) + " bytes in a packet with " +
                                                 std::to_string(body.size() - 15));
  }
  if ((flags & DFLAG_NAME_ME) != 0) {
    send_status("not_allowed", out);
    return fail(HandshakeFailure::malformed, "it asks for a node name (NAME_ME), which is not given here");
  }
  auto name = check_node_name(body.substr(15, length));
  if (!name) return fail(HandshakeFailure::malformed, name.error());
  peer_ = Peer{std::move(name).value(), flags, get32(body, 9)};
  if (const DistFlags missing = missing_flags(flags); missing != 0) {
    send_status("not_allowed", out);
    return fail(HandshakeFailure::missing_flags, "it does not offer the flags " + flag_names(missing));
  }
  if (peer_.name == self_.name) {
    send_status("not_allowed", out);
    return fail(HandshakeFailure::not_allowed, "refused: it has our own name");
  }
  state_ = HandshakeState::deciding;
}

// 's' and text
void Handshake::handle_status(BytesView body, Bytes&) {
  if (body[0] != 's') {
    return fail(HandshakeFailure::malformed, "expected a status ('s'), got \"" + show_bytes(body) + "\"");
  }
  const BytesView status = body.substr(1);
  if (status == "ok" || status == "ok_simultaneous") {
    waiting_ = Waiting::challenge;
  } else if (status == "alive") {
    waiting_ = Waiting::challenge;
    state_ = HandshakeState::alive;
  } else if (status == "nok") {
    fail(HandshakeFailure::simultaneous, "it answered nok: its own connection to us is under way");
  } else if (status == "not_allowed") {
    fail(HandshakeFailure::not_allowed, "it answered not_allowed");
  } else if (status.starts_with("named:")) {
    fail(HandshakeFailure::malformed, "it gives us a node name (named:), though none was asked for");
  } else {
    fail(HandshakeFailure::malformed, "unknown status \"" + show_bytes(status) + "\"");
  }
}

// The initiator's answer to `alive`.
void Handshake::handle_status_reply(BytesView body, Bytes& out) {
  if (body == "strue") return send_challenge(out);
  if (body == "sfalse") return fail(HandshakeFailure::given_up, "it gave this connection up, the older one stays");
  fail(HandshakeFailure::malformed, "expected true or false after alive, got \"" + show_bytes(body) + "\"");
}

// 'N' flags:8 challenge:4 creation:4 nlen:2 name
void Handshake::handle_challenge(BytesView body, Bytes& out) {
  if (body[0] == 'n') {
    return fail(HandshakeFailure::malformed,
                "it speaks version 5 of the handshake ('n' challenge), expected version 6 ('N', OTP 23 or later)");
  }
  if (body[0] != 'N' || body.size() < 19) {
    return fail(HandshakeFailure::malformed, "expected a challenge ('N'), got \"" + show_bytes(body) + "\"");
  }
  const std::size_t length = get16(body, 17);
  if (length > body.size() - 19) {
    return fail(HandshakeFailure::malformed, "a name of " + std::to_string(length) + " bytes in a packet with " +
                                                 std::to_string(body.size() - 19));
  }
  const BytesView name = body.substr(19, length);
  if (name != peer_.name) {
    return fail(HandshakeFailure::wrong_name, "it is \"" + show_bytes(name) + "\"");
  }
  peer_.flags = expand_mandatory_25_flag(get64(body, 1));
  peer_.creation = get32(body, 13);
  if (const DistFlags missing = missing_flags(peer_.flags); missing != 0) {
    return fail(HandshakeFailure::missing_flags, "it does not offer the flags " + flag_names(missing));
  }
  challenge_ = static_cast<std::uint32_t>(random_());
  Bytes reply = "r";
  put32(reply, challenge_);
  put_packet(out, reply + digest_of(self_.cookie, get32(body, 9)));
  waiting_ = Waiting::challenge_ack;
}

// 'c' flags_high:4 creation:4, at most once, before the reply to the challenge.
void Handshake::handle_complement(BytesView body) {
  if (body.size() != 9 || complemented_) {
    return fail(HandshakeFailure::malformed, "expected one complement ('c') of 9 bytes, got \"" + show_bytes(body) + "\"");
  }
  complemented_ = true;
  peer_.flags = (peer_.flags & 0xffffffffu) | DistFlags{get32(body, 1)} << 32;
  peer_.creation = get32(body, 5);
}

// 'r' challenge:4 digest:16
void Handshake::handle_challenge_reply(BytesView body, Bytes& out) {
  if (body[0] != 'r' || body.size() != 5 + kDigestSize) {
    return fail(HandshakeFailure::malformed, "expected a reply to the challenge ('r'), got \"" + show_bytes(body.substr(0, 1)) +
                                                 "\" and " + std::to_string(body.size() - 1) + " bytes");
  }
  if (!same_digest(body.substr(5), digest_of(self_.cookie, challenge_))) {
    return fail(HandshakeFailure::bad_cookie, "wrong cookie: its reply to our challenge does not fit ours");
  }
  put_packet(out, "a" + digest_of(self_.cookie, get32(body, 1)));
  state_ = HandshakeState::up;
}

// 'a' digest:16
void Handshake::handle_challenge_ack(BytesView body) {
  if (body[0] != 'a' || body.size() != 1 + kDigestSize) {
    return fail(HandshakeFailure::malformed, "expected an acknowledged challenge ('a'), got \"" + show_bytes(body.substr(0, 1)) +
                                                 "\" and " + std::to_string(body.size() - 1) + " bytes");
  }
  if (!same_digest(body.substr(1), digest_of(self_.cookie, challenge_))) {
    return fail(HandshakeFailure::bad_cookie, "wrong cookie: its answer to our challenge does not fit ours");
  }
  state_ = HandshakeState::up;
}

void Handshake::send_status(const char* status, Bytes& out) { put_packet(out, std::string("s") + status); }

void Handshake::send_challenge(Bytes& out) {
  challenge_ = static_cast<std::uint32_t>(random_());
  Bytes body = "N";
  put64(body, self_.flags);
  put32(body, challenge_);
  put32(body, self_.creation);
  put16(body, static_cast<std::uint16_t>(self_.name.size()));
  put_packet(out, body + self_.name);
  waiting_ = Waiting::challenge_reply;
}

void Handshake::fail(HandshakeFailure failure, std::string text) {
  state_ = HandshakeState::failed;
  failure_ = failure;
  error_.text = "handshake with " + who() + ": " + std::move(text);
}

std::string Handshake::who() const { return peer_.name.empty() ? "an unnamed peer" : peer_.name; }

}  // namespace supervisorring
