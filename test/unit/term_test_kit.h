// What all tests share: terms from text, and hex. And a seeded generator of any term.
#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <random>
#include <string>

#include "supervisorring/external_format.h"

namespace supervisorring {

inline void PrintTo(const Term& term, std::ostream* out) { *out << to_text(term, 500); }

}  // namespace supervisorring

namespace supervisorring::test {

inline Term T(std::string_view text) {
  Result<Term> term = parse_term(text);
  EXPECT_TRUE(term.ok()) << text << ": " << (term.ok() ? "" : term.error());
  return term.ok() ? *term : Term();
}

inline Bytes from_hex(std::string_view hex) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return bytes;
}

template <class Range>
std::string to_hex(const Range& bytes) {
  std::string hex;
  for (const auto c : bytes) {
    hex += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
    hex += "0123456789abcdef"[static_cast<unsigned char>(c) & 15];
  }
  return hex;
}

// 131 and what follows, given as text of any bytes.
inline Bytes external(std::initializer_list<int> bytes) {
  Bytes result;
  for (const int byte : bytes) result += static_cast<char>(byte);
  return result;
}

// Any term but closures, from a seed. `readable`: only what parse_term() can read back.
class TermGenerator {
 public:
  explicit TermGenerator(std::uint32_t seed, bool readable = false) : random_(seed), readable_(readable) {}

  std::size_t below(std::size_t limit) { return random_() % limit; }

  Term term(int depth = 4) {
    switch (below(depth > 0 ? 14 : 9)) {
      case 0: return Term::integer(static_cast<std::int64_t>(random_()) >> below(64));
      case 1: return Term::big(below(2) == 0, random_bytes(1 + below(20)));
      case 2: return Term::real((static_cast<double>(random_() >> 11) - 4503599627370496.0) / static_cast<double>(1ull << below(60)));
      case 3:
      case 4: return atom();
      case 5: return Term::bits(random_bytes(below(9)), static_cast<unsigned>(1 + below(8)));
      case 6: return Term();
      case 7: return readable_ ? Term::export_fun(atom(), atom(), static_cast<std::uint32_t>(below(256))) : identifier();
      case 8: return Term::string(random_bytes(below(6)));
      case 9:
      case 10: return Term::tuple(terms(depth));
      case 11: return Term::list(terms(depth));
      case 12: return Term::list(terms(depth), term(depth - 1));
      default: {
        std::vector<Term::Pair> pairs;
        for (std::size_t i = below(12); i > 0; --i) pairs.emplace_back(term(depth - 1), term(depth - 2));
        return Term::map(std::move(pairs));
      }
    }
  }

 private:
  std::vector<Term> terms(int depth) {
    std::vector<Term> all;
    for (std::size_t i = below(5); i > 0; --i) all.push_back(term(depth - 1));
    return all;
  }
  Bytes random_bytes(std::size_t size) {
    Bytes bytes;
    while (bytes.size() < size) bytes += static_cast<char>(random_());
    return bytes;
  }
  Term atom() {
    static const char* const kNames[] = {"ok", "$gen_call", "", "a b", "if", "Upper", "\xC3\xA9t\xC3\xA9", "\xD0\x96", "x'\\\n", "a@b.c", "\x01", "Elixir.NanoRing", "\xF0\x9F\x98\x80"};
    return Term::atom(kNames[below(std::size(kNames))]);
  }
  Term identifier() {
    const auto word = [this] { return static_cast<std::uint32_t>(random_()); };
    if (below(3) == 0) return Term::pid(atom(), word(), word(), word());
    if (below(2) == 0) return Term::port(atom(), random_() >> below(60), word());
    const std::uint32_t words[5] = {word(), word(), word(), word(), word()};
    return Term::reference(atom(), word(), std::span(words, 1 + below(5)));
  }

  std::mt19937_64 random_;
  bool readable_;
};

}  // namespace supervisorring::test
