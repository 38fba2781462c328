#include "dist/wire.h"

#include <algorithm>

#include "dist/limits.h"

namespace supervisorring::detail {

std::string show_bytes(BytesView bytes) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes.substr(0, kMaxShownBytes)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && byte != '\\') {
      text += c;
    } else {
      text += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  if (bytes.size() > kMaxShownBytes) text += "...";
  return text;
}

}  // namespace supervisorring::detail
