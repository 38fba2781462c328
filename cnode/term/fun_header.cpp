#include "term/fun_header.h"

#include <algorithm>

#include "term/tags.h"

namespace supervisorring::detail {
namespace {

// Reads big-endian numbers and atoms; once something is not there, ok() stays false.
class HeaderReader {
 public:
  explicit HeaderReader(BytesView bytes) : bytes_(bytes) {}
  bool ok() const { return ok_; }

  std::uint32_t number(std::size_t size) {
    const BytesView taken = take(size);
    std::uint32_t value = 0;
    for (const char c : taken) value = value << 8 | static_cast<unsigned char>(c);
    return value;
  }
  BytesView take(std::size_t size) {
    if (bytes_.size() < size) ok_ = false;
    if (!ok_) return {};
    const BytesView taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }
  std::string_view atom() {
    switch (number(1)) {
      case ATOM_EXT:
      case ATOM_UTF8_EXT: return take(number(2));
      case SMALL_ATOM_EXT:
      case SMALL_ATOM_UTF8_EXT: return take(number(1));
      default: ok_ = false; return {};
    }
  }
  std::uint32_t integer() {
    switch (number(1)) {
      case SMALL_INTEGER_EXT: return number(1);
      case INTEGER_EXT: return number(4);
      case SMALL_BIG_EXT: {  // an unsigned 32-bit number above 2^31 - 1 comes as one
        const std::uint32_t size = number(1);
        take(1);
        std::uint32_t value = 0;
        unsigned shift = 0;
        for (const char c : take(size)) {
          if (shift < 32) value |= static_cast<std::uint32_t>(static_cast<unsigned char>(c)) << shift;
          shift += 8;
        }
        return value;
      }
      default: ok_ = false; return 0;
    }
  }
  // Steps over a pid; it does not take part in the order.
  void pid() {
    const std::uint32_t tag = number(1);
    atom();
    take(tag == NEW_PID_EXT ? 12 : 9);
  }

 private:
  BytesView bytes_;
  bool ok_ = true;
};

}  // namespace

FunHeader read_fun_header(BytesView external) noexcept {
  FunHeader header;
  HeaderReader in(external);
  const std::uint32_t tag = in.number(1);
  if (tag == NEW_FUN_EXT) {
    in.take(4);
    header.arity = in.number(1);
    in.take(16 + 4);
    header.free_count = in.number(4);
  } else if (tag == FUN_EXT) {
    header.free_count = in.number(4);
    in.pid();
  } else {
    return header;
  }
  header.module = in.atom();
  header.index = in.integer();
  header.uniq = in.integer();
  header.readable = in.ok();
  return header;
}

int compare_closures(BytesView a, BytesView b) noexcept {
  const auto sign = [](auto x, auto y) { return x < y ? -1 : x > y ? 1 : 0; };
  const FunHeader x = read_fun_header(a);
  const FunHeader y = read_fun_header(b);
  if (x.readable && y.readable) {
    if (const int order = sign(x.module.compare(y.module), 0)) return order;
    if (x.index != y.index) return sign(x.index, y.index);
    if (x.uniq != y.uniq) return sign(x.uniq, y.uniq);
    if (x.free_count != y.free_count) return sign(x.free_count, y.free_count);
  } else if (x.readable != y.readable) {
    return x.readable ? 1 : -1;
  }
  return sign(a.compare(b), 0);
}

}  // namespace supervisorring::detail
