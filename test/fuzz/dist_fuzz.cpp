// Bytes that a peer or an epmd could send, into every reader of dist/.
//
// The first byte says which reader, the second how the rest is cut into pieces. Beyond not crashing: what a reader gives does
// not depend on the pieces, and a control message that was understood is written so that it reads the same again.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <vector>

#include "dist/connection.h"
#include "dist/epmd.h"

namespace supervisorring {
namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "dist_fuzz: %s\n", what);
  std::abort();
}

template <class Take>
void in_pieces(BytesView bytes, std::size_t piece, Take take) {
  for (std::size_t at = 0; at < bytes.size(); at += piece) take(bytes.substr(at, piece));
}

void fuzz_control(BytesView bytes) {
  const auto message = decode_control(bytes);
  if (!message) return require(message.error().find('\n') == Bytes::npos, "an error is one line");
  Bytes frame, again;
  encode_control(*message, frame);
  const auto decoded = decode_control(BytesView(frame).substr(4));
  require(decoded.ok(), "a message that was written is read");
  encode_control(*decoded, again);
  require(again == frame, "a message that was read is written the same");
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
    require(reader.pending() <= bytes.size(), "no more is held than has arrived");
  });
  return frames;
}

void fuzz_frames(BytesView bytes, std::size_t piece) {
  require(frames_of(bytes, piece) == frames_of(bytes, bytes.size() + 1), "frames do not depend on the pieces");
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
  require(again.feed(text).ok() && again.closed().ok(), "names that were read are written so that they can be read");
}

struct Sink : ConnectionSink {
  Connection* connection = nullptr;
  NameDecision decision = NameDecision::ok;
  int errors = 0;
  void on_name(const Peer&) override { connection->accept(decision, Instant{}, *this); }
  void on_up(const Peer&) override {}
  void on_control(ControlMessage&& message) override { require(connection->send(message), "a message is sent while up"); }
  void on_error(const Error&) override { require(++errors == 1, "a connection fails once"); }
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
  sink.decision = static_cast<NameDecision>(bytes.size() % 5);
  in_pieces(bytes, piece, [&](BytesView part) { connection.receive(part, Instant{}, sink); });
  require(connection.closed() == (sink.errors == 1), "a closed connection has said why");
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
  require(a.up() && b.up(), "the handshake of two of us ends up");
  in_pieces(bytes, piece, [&](BytesView part) { b.receive(part, Instant{}, sink_b); });
  require(b.closed() == (sink_b.errors == 1), "a closed connection has said why");
}

}  // namespace
}  // namespace supervisorring

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace supervisorring;
  if (size < 2) return 0;
  const BytesView bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::size_t piece = 1 + data[1];
  switch (data[0] % 9) {
    case 0: fuzz_control(bytes); break;
    case 1: fuzz_frames(bytes, piece); break;
    case 2: fuzz_epmd<EpmdAliveReader>(bytes, piece); break;
    case 3: fuzz_epmd<EpmdPortReader>(bytes, piece); break;
    case 4: fuzz_epmd<EpmdRequestReader>(bytes, piece); break;
    case 5: fuzz_names(bytes, piece); break;
    case 6: fuzz_handshake(HandshakeRole::initiator, bytes, piece); break;
    case 7: fuzz_handshake(HandshakeRole::acceptor, bytes, piece); break;
    case 8: fuzz_connection(bytes, piece); break;
  }
  return 0;
}
