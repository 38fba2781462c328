#include "dist/connection.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "term/check.h"

namespace supervisorring {
namespace {

constexpr std::size_t kKeptOutput = 64 * 1024;
// BEAMs tick at most four times in their tick time, which is at least a second or two where anybody sets it.
constexpr Duration kTickAnswerPause = std::chrono::milliseconds(200);

std::string seconds_text(Duration duration) {
  char text[32];
  std::snprintf(text, sizeof text, "%g s", std::chrono::duration<double>(duration).count());
  return text;
}

}  // namespace

Connection::Connection(ConnectionConfig config, Instant now)
    : config_(std::move(config)),
      handshake_(config_.role, config_.self, config_.peer, config_.random),
      frames_(config_.max_frame),
      started_(now),
      last_received_(now),
      last_written_(now) {
  detail::require(config_.tick_time > Duration::zero() && config_.handshake_timeout > Duration::zero(),
                  "tick time and handshake time-out are positive");
  handshake_.start(output_);
}

void Connection::receive(BytesView bytes, Instant now, ConnectionSink& sink) {
  if (state_ == State::closed || bytes.empty()) return;
  last_received_ = now;
  if (state_ == State::handshaking) {
    if (now - started_ >= config_.handshake_timeout) return timeout(now, sink);
    handshake_.receive(bytes, output_);
    return advance(sink);
  }
  frames_.feed(bytes);
  read_frames(sink);
}

void Connection::accept(NameDecision decision, Instant, ConnectionSink& sink) {
  if (state_ == State::closed) return;
  detail::require(name_told_, "accept() answers on_name");
  handshake_.decide(decision, output_);
  if (!advancing_) advance(sink);
}

// Carries the handshake on as far as what has arrived and what has been decided allow.
void Connection::advance(ConnectionSink& sink) {
  advancing_ = true;
  while (state_ == State::handshaking) {
    const HandshakeState reached = handshake_.state();
    if (reached == HandshakeState::deciding && !name_told_) {
      name_told_ = true;
      sink.on_name(handshake_.peer());
    } else if (reached == HandshakeState::alive) {
      const bool goes_on = sink.on_alive(handshake_.peer());
      if (state_ == State::handshaking) handshake_.answer_alive(goes_on, output_);
    } else if (reached == HandshakeState::failed) {
      fail(ConnectionFault::handshake, handshake_.error(), sink);
    } else if (reached == HandshakeState::up) {
      go_up(sink);
    } else {
      break;  // waits for bytes or for accept()
    }
  }
  advancing_ = false;
}

void Connection::go_up(ConnectionSink& sink) {
  state_ = State::up;
  frames_.feed(handshake_.take_rest());
  sink.on_up(handshake_.peer());
  read_frames(sink);
}

void Connection::read_frames(ConnectionSink& sink) {
  while (state_ == State::up) {
    BytesView body;
    switch (frames_.next(body)) {
      case FrameStatus::tick: answer_tick(); break;
      case FrameStatus::frame: handle_frame(body, sink); break;
      case FrameStatus::need_more: return;
      case FrameStatus::too_large:
        return fail(ConnectionFault::frame_too_large, Error{who() + ": " + frames_.error().text}, sink);
    }
  }
}

// A peer whose tick time is shorter than ours would take us for silent. Written lately: no answer, so that answers are not answered.
void Connection::answer_tick() {
  if (last_received_ - last_written_ < kTickAnswerPause) return;
  if (output_.empty()) append_tick(output_);
  last_written_ = last_received_;
}

void Connection::handle_frame(BytesView body, ConnectionSink& sink) {
  auto message = decode_control(body);
  if (message) return sink.on_control(std::move(message).value());
  Error error{who() + ": bad message: " + message.error()};
  if (config_.bad_message == BadMessage::report) return sink.on_bad_message(error);
  fail(ConnectionFault::bad_message, std::move(error), sink);
}

void Connection::timeout(Instant now, ConnectionSink& sink) {
  if (state_ == State::closed) return;
  if (state_ == State::handshaking) {
    if (now - started_ < config_.handshake_timeout) return;
    return fail(ConnectionFault::handshake_timeout,
                Error{"handshake with " + who() + ": not done after " + seconds_text(config_.handshake_timeout)}, sink);
  }
  if (now - *next_timeout() >= config_.tick_time / 4) last_received_ = now;  // held up: what came may still wait to be read
  if (!paused_ && now - last_received_ >= config_.tick_time) {
    return fail(ConnectionFault::silent, Error{who() + ": silent for " + seconds_text(now - last_received_)}, sink);
  }
  if (now - last_written_ < config_.tick_time / 4) return;
  if (output_.empty()) append_tick(output_);
  last_written_ = now;
}

std::optional<Instant> Connection::next_timeout() const {
  if (state_ == State::closed) return std::nullopt;
  if (state_ == State::handshaking) return started_ + config_.handshake_timeout;
  const Instant tick = last_written_ + config_.tick_time / 4;
  return paused_ ? tick : std::min(tick, last_received_ + config_.tick_time);
}

void Connection::reading_paused(bool paused, Instant now) {
  if (paused_ && !paused) last_received_ = now;
  paused_ = paused;
}

void Connection::close() {
  if (state_ == State::closed) return;
  state_ = State::closed;
  fault_ = ConnectionFault::closed_here;
}

bool Connection::send(const ControlMessage& message) {
  if (state_ != State::up) return false;
  encode_control(message, output_);
  return true;
}

Bytes& Connection::output() {
  detail::require(state_ == State::up, "frames are written to a connection that is up", static_cast<int>(state_));
  return output_;
}

Bytes Connection::take_output(Instant now) {
  if (!output_.empty()) last_written_ = now;
  Bytes next;
  next.reserve(std::min(output_.size(), kKeptOutput));  // the next batch is probably as large
  return std::exchange(output_, std::move(next));
}

void Connection::fail(ConnectionFault fault, Error error, ConnectionSink& sink) {
  state_ = State::closed;
  fault_ = fault;
  sink.on_error(error);
}

std::string Connection::who() const { return peer().name.empty() ? "an unnamed peer" : peer().name; }

}  // namespace supervisorring
