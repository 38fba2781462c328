#include "dist/frame.h"

#include <algorithm>

#include "dist/wire.h"

namespace supervisorring {

FrameReader::FrameReader(std::size_t max_frame) : max_frame_(std::min(max_frame, kMaxFrame)) {}

void FrameReader::feed(BytesView bytes) {
  if (failed_) return;
  if (read_ == buffer_.size()) {
    read_ = 0;
    if (buffer_.capacity() > kKeptFrameBuffer) {
      buffer_ = Bytes();
    } else {
      buffer_.clear();
    }
  } else if (read_ > 0) {  // the bytes of one frame move at most once: afterwards it begins at 0
    buffer_.erase(0, read_);
    read_ = 0;
  }
  buffer_.append(bytes);
}

FrameStatus FrameReader::next(BytesView& body) {
  if (failed_) return FrameStatus::too_large;
  const std::size_t have = buffer_.size() - read_;
  if (have < 4) return FrameStatus::need_more;
  const std::size_t length = detail::get32(buffer_, read_);
  if (length == 0) {
    read_ += 4;
    return FrameStatus::tick;
  }
  if (length > max_frame_) {
    failed_ = true;
    error_.text = "frame of " + std::to_string(length) + " bytes, the limit is " + std::to_string(max_frame_);
    buffer_ = Bytes();
    read_ = 0;
    return FrameStatus::too_large;
  }
  if (have - 4 < length) return FrameStatus::need_more;
  body = BytesView(buffer_).substr(read_ + 4, length);
  read_ += 4 + length;
  return FrameStatus::frame;
}

void append_tick(Bytes& out) { out.append(4, '\0'); }

}  // namespace supervisorring
