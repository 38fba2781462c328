// Which atoms need quotes: as io_lib of OTP 25 decides, which knows the letters of Latin-1 only.
#pragma once

#include <algorithm>
#include <iterator>
#include <string_view>

#include "term/utf8.h"

namespace supervisorring::detail {

inline constexpr std::string_view kReserved[] = {
    "after", "and", "andalso", "band", "begin", "bnot", "bor", "bsl", "bsr", "bxor", "case", "catch", "cond", "div",
    "end", "fun", "if", "let", "not", "of", "or", "orelse", "receive", "rem", "try", "when", "xor"};

inline bool is_reserved(std::string_view name) {
  return std::find(std::begin(kReserved), std::end(kReserved), name) != std::end(kReserved);
}

inline bool starts_atom(std::int32_t c) { return (c >= 'a' && c <= 'z') || (c >= 0xDF && c <= 0xFF && c != 0xF7); }

inline bool continues_atom(std::int32_t c) {
  return starts_atom(c) || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '@' || (c >= 0xC0 && c <= 0xDE && c != 0xD7);
}

inline bool needs_quotes(std::string_view name) {
  std::size_t at = 0;
  if (name.empty() || !starts_atom(next_code_point(name, at))) return true;
  while (at < name.size()) {
    if (!continues_atom(next_code_point(name, at))) return true;
  }
  return is_reserved(name);
}

}  // namespace supervisorring::detail
