// Bytes that a peer or an epmd could send, into every reader of dist/.
//
// The first byte says which reader, the second how the rest is cut into pieces. Beyond not crashing: what a reader gives does
// not depend on the pieces, and a control message that was understood is written so that it reads the same again.
#include <cstdint>
#include <string>
#include <vector>

#include "dist/connection.h"
#include "dist/epmd.h"
#include "driver.h"

namespace supervisorring {
namespace {

using fuzz::hold;

template <class Take>
void in_pieces(BytesView bytes, std::size_t piece, Take take) {
  for (std::size_t at = 0; at < bytes.size(); at += piece) take(bytes.substr(at, piece));
}

void fuzz_control(BytesView bytes) {
  const auto message = decode_control(bytes);
  if (!message) return hold(message.error().find('\n') == Bytes::npos, "an error is one line");
  Bytes frame, again;
  encode_control(*message, frame);
  const auto decoded = decode_control(BytesView(frame).substr(4));
  hold(decoded.ok(), "a message that was written is read");
  encode_control(*decoded, again);
  hold(again == frame, "a message that was read is written the same");
}

std::vector<Bytes> frames_of(BytesView bytes, std::size_t piece) {
  FrameReader reader(4096);
  std::vector<Bytes> frames;
  in_pieces(bytes, piece, [&](BytesView part) {
    reader.feed(part);
    BytesView body;
    for (auto status = reader.next(body); status == FrameStatus::frame || status == FrameStatus::tick; status = reader.next(body)) {
      frames.emplace_back(status == FrameStatus::tick ? BytesView() : body);
    }
    hold(reader.pending() <= bytes.size(), "no more is held than has arrived");
  });
  return frames;
}

void fuzz_frames(BytesView bytes, std::size_t piece) {
  hold(frames_of(bytes, piece) == frames_of(bytes, bytes.size() + 1), "frames do not depend on the pieces");
}

template <class Reader>
void fuzz_epmd(BytesView bytes, std::size_t piece) {
  Reader reader;
  bool done = false;
  in_pieces(bytes, piece, [&](BytesView part) {
    if (done) return;
    const auto answer = reader.feed(part);
    done = !answer || answer->has_value();
  });
}

void fuzz_names(BytesView bytes, std::size_t piece) {
  EpmdNamesReader reader;
  in_pieces(bytes, piece, [&](BytesView part) { (void)reader.feed(part).ok(); });
  const auto answer = reader.closed();
  if (!answer) return;
  Bytes text;
  encode_answer(*answer, text);
  EpmdNamesReader again;
  hold(again.feed(text).ok() && again.closed().ok(), "names that were read are written so that they can be read");
}

struct Sink : ConnectionSink {
  Connection* connection = nullptr;
  NameDecision decision = NameDecision::ok;
  int errors = 0;
  void on_name(const Peer&) override { connection->accept(decision, Instant{}, *this); }
  void on_up(const Peer&) override {}
  void on_control(ControlMessage&& message) override { hold(connection->send(message), "a message is sent while up"); }
  void on_error(const Error&) override { hold(++errors == 1, "a connection fails once"); }
};

ConnectionConfig config(HandshakeRole role) {
  ConnectionConfig c;
  c.role = role;
  c.self = {role == HandshakeRole::initiator ? "a@h" : "b@h", 1, "secret"};
  c.peer = role == HandshakeRole::initiator ? "b@h" : "";
  c.random = [] { return std::uint64_t{7}; };
  return c;
}

void fuzz_handshake(HandshakeRole role, BytesView bytes, std::size_t piece) {
  Connection connection(config(role), Instant{});
  Sink sink;
  sink.connection = &connection;
  sink.decision = bytes.size() % 4 != 0 ? NameDecision::ok : static_cast<NameDecision>(bytes.size() / 4 % 5);
  in_pieces(bytes, piece, [&](BytesView part) { connection.receive(part, Instant{}, sink); });
  hold(connection.closed() == (sink.errors == 1), "a closed connection has said why");
}

// A connection that is up, and then the bytes.
void fuzz_connection(BytesView bytes, std::size_t piece) {
  Connection a(config(HandshakeRole::initiator), Instant{}), b(config(HandshakeRole::acceptor), Instant{});
  Sink sink_a, sink_b;
  sink_a.connection = &a;
  sink_b.connection = &b;
  while (a.has_output() || b.has_output()) {
    b.receive(a.take_output(Instant{}), Instant{}, sink_b);
    a.receive(b.take_output(Instant{}), Instant{}, sink_a);
  }
  hold(a.up() && b.up(), "the handshake of two of us ends up");
  in_pieces(bytes, piece, [&](BytesView part) { b.receive(part, Instant{}, sink_b); });
  hold(b.closed() == (sink_b.errors == 1), "a closed connection has said why");
}

}  // namespace
}  // namespace supervisorring

namespace {

using namespace supervisorring;

enum Reader : char { kControl, kFrames, kEpmdAlive, kEpmdPort, kEpmdRequest, kEpmdNames, kInitiator, kAcceptor, kConnection, kReaders };

std::string seed_for(Reader reader, const Bytes& bytes) { return std::string{reader, 2} + bytes; }

// Every control message once, in frames.
std::vector<Bytes> control_frames() {
  const std::uint32_t words[] = {1, 2, 3};
  const Term a = Term::pid(atom("a@h"), 1, 0, 1), b = Term::pid(atom("b@h"), 2, 0, 1), ref = Term::reference(atom("a@h"), 1, words);
  std::vector<Bytes> frames;
  for (const ControlMessage& message : std::vector<ControlMessage>{
           Send{b, integer(1)}, RegSend{a, atom("rex"), tuple(a, atom("call"))}, AliasSend{a, ref, binary("reply")},
           MonitorP{a, atom("name"), ref}, DemonitorP{a, b, ref}, MonitorPExit{b, a, ref, atom("noproc")}, Link{a, b}, Unlink{a, b},
           UnlinkId{~std::uint64_t{0}, a, b}, UnlinkIdAck{1, a, b}, Exit{a, b, atom("normal")}, Exit2{a, b, atom("kill")},
           GroupLeader{a, b}, SpawnRequest{ref, a, a, atom("erlang"), atom("node"), list({atom("monitor")}), list({integer(1)})},
           SpawnReply{ref, a, kSpawnReplyMonitor, b}}) {
    encode_control(message, frames.emplace_back());
  }
  return frames;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const BytesView bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::size_t piece = 1 + data[1];
  switch (data[0] % kReaders) {
    case kControl: fuzz_control(bytes); break;
    case kFrames: fuzz_frames(bytes, piece); break;
    case kEpmdAlive: fuzz_epmd<EpmdAliveReader>(bytes, piece); break;
    case kEpmdPort: fuzz_epmd<EpmdPortReader>(bytes, piece); break;
    case kEpmdRequest: fuzz_epmd<EpmdRequestReader>(bytes, piece); break;
    case kEpmdNames: fuzz_names(bytes, piece); break;
    case kInitiator: fuzz_handshake(HandshakeRole::initiator, bytes, piece); break;
    case kAcceptor: fuzz_handshake(HandshakeRole::acceptor, bytes, piece); break;
    case kConnection: fuzz_connection(bytes, piece); break;
  }
  return 0;
}

std::vector<std::string> fuzz_seeds() {
  std::vector<std::string> seeds;
  Bytes stream;
  for (const Bytes& frame : control_frames()) {
    seeds.push_back(seed_for(kControl, frame.substr(4)));
    seeds.push_back(seed_for(kConnection, frame));
    stream += frame + Bytes(4, '\0');
  }
  seeds.push_back(seed_for(kFrames, stream));
  seeds.push_back(seed_for(kConnection, stream));
  Bytes alive, port, names, alive_request, port_request, names_request;
  encode_answer(EpmdAliveAnswer{0, 7}, 6, alive);
  encode_answer(EpmdPortAnswer{0, 4000, 77, 6, 6, "a", "extra"}, port);
  encode_answer(EpmdNamesAnswer{4369, {{"a", 1}, {"b", 65535}}}, names);
  encode_request(EpmdAliveRequest{"a", 4000}, alive_request);
  encode_request(EpmdPortRequest{"a"}, port_request);
  encode_request(EpmdNamesRequest{}, names_request);
  seeds.push_back(seed_for(kEpmdAlive, alive));
  seeds.push_back(seed_for(kEpmdPort, port));
  seeds.push_back(seed_for(kEpmdNames, names));
  for (const Bytes& request : {alive_request, port_request, names_request}) seeds.push_back(seed_for(kEpmdRequest, request));
  // What each side of a handshake that ends well sends.
  Connection a(config(HandshakeRole::initiator), Instant{}), b(config(HandshakeRole::acceptor), Instant{});
  Sink sink_a, sink_b;
  sink_b.connection = &b;
  Bytes from_a, from_b;
  while (a.has_output() || b.has_output()) {
    const Bytes to_b = a.take_output(Instant{});
    b.receive(to_b, Instant{}, sink_b);
    const Bytes to_a = b.take_output(Instant{});
    a.receive(to_a, Instant{}, sink_a);
    from_a += to_b;
    from_b += to_a;
  }
  seeds.push_back(seed_for(kInitiator, from_b));
  seeds.push_back(seed_for(kAcceptor, from_a + stream));
  return seeds;
}

SUPERVISORRING_FUZZ_MAIN
