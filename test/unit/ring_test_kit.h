// What the tests of sets, placement and membership share: terms from text, hex, golden files.
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>

#include "supervisorring/external_format.h"
#include "supervisorring/term.h"

namespace supervisorring::ring_test {

inline Term T(std::string_view text) {
  const Result<Term> term = parse_term(text);
  EXPECT_TRUE(term.ok()) << text << ": " << (term.ok() ? "" : term.error());
  return term.ok() ? *term : Term();
}

inline Bytes from_hex(const std::string& hex) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
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

inline nlohmann::json golden(const std::string& name) {
  std::ifstream file(std::string(SR_TEST_DIR "/golden/") + name);
  return nlohmann::json::parse(file);
}

inline Term golden_term(const nlohmann::json& hex) {
  const Result<Term> term = decode_whole(from_hex(hex.get<std::string>()));
  EXPECT_TRUE(term.ok()) << hex;
  return term.ok() ? *term : Term();
}

inline std::string text(const std::vector<Term>& terms) {
  std::string all;
  for (const Term& term : terms) all += (all.empty() ? "" : " ") + to_text(term);
  return all;
}

}  // namespace supervisorring::ring_test
