// What the tests of sets, placement and membership share: golden files.
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>

#include "term_test_kit.h"

namespace supervisorring::ring_test {

using test::from_hex;
using test::T;
using test::to_hex;

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
