// Big-endian numbers in byte strings, and bytes shown in error lines.
#pragma once

#include <cstdint>
#include <string>

#include "supervisorring/term.h"

namespace supervisorring::detail {

inline std::uint64_t get_big_endian(BytesView bytes, std::size_t at, std::size_t size) {  // REQUIRES: at + size <= bytes.size()
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}
inline std::uint16_t get16(BytesView bytes, std::size_t at) { return static_cast<std::uint16_t>(get_big_endian(bytes, at, 2)); }
inline std::uint32_t get32(BytesView bytes, std::size_t at) { return static_cast<std::uint32_t>(get_big_endian(bytes, at, 4)); }
inline std::uint64_t get64(BytesView bytes, std::size_t at) { return get_big_endian(bytes, at, 8); }

inline void put_big_endian(Bytes& out, std::uint64_t value, std::size_t size) {
  for (std::size_t i = size; i-- > 0;) out.push_back(static_cast<char>(value >> (8 * i)));
}
inline void put16(Bytes& out, std::uint16_t value) { put_big_endian(out, value, 2); }
inline void put32(Bytes& out, std::uint32_t value) { put_big_endian(out, value, 4); }
inline void put64(Bytes& out, std::uint64_t value) { put_big_endian(out, value, 8); }

// Printable bytes as they are, others as \xHH; at most kMaxShownBytes of them and "..." after.
std::string show_bytes(BytesView bytes);

}  // namespace supervisorring::detail
