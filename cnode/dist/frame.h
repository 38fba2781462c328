// FrameReader: cuts a byte stream into frames of a 4-byte big-endian length and a body.
//
// Follows "Protocol between Connected Nodes" of OTP's Distribution Protocol chapter. A frame of length 0 is a tick.
// Made for large reads: each chunk is copied once, the frames are views into the buffer. The buffer grows with the bytes
// that have arrived, never with the length that a header announces.
#pragma once

#include <string>

#include "dist/limits.h"
#include "supervisorring/result.h"
#include "supervisorring/term.h"

namespace supervisorring {

enum class FrameStatus {
  frame,      // `body` is set
  tick,
  need_more,  // feed more bytes
  too_large,  // over the limit, see error(); final
};

class FrameReader {
 public:
  explicit FrameReader(std::size_t max_frame = kDefaultMaxFrame);

  // Takes the next bytes of the stream. Views returned before become invalid.
  void feed(BytesView bytes);
  // The next frame. `body` is valid until the next feed().
  FrameStatus next(BytesView& body);
  // REQUIRES: next() returned too_large
  const Error& error() const { return error_; }
  // Bytes held of frames that are not complete, or not yet taken.
  std::size_t pending() const { return buffer_.size() - read_; }

 private:
  std::size_t max_frame_;
  Bytes buffer_;
  std::size_t read_ = 0;  // buffer_[0, read_) has been returned
  bool failed_ = false;
  Error error_;
};

// Appends the four zero bytes of a tick.
void append_tick(Bytes& out);

}  // namespace supervisorring
