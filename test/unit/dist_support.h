// What the tests of dist/ share: pids and references by name, and the golden frames.
#pragma once

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "term_test_kit.h"

namespace supervisorring::dist_test {

using test::from_hex;
using test::T;

inline Term pid(const char* node, std::uint32_t id) { return Term::pid(atom(node), id, 0, 7); }
inline Term reference(const char* node, std::uint32_t word) {
  const std::uint32_t words[] = {word, 2, 3};
  return Term::reference(atom(node), 7, words);
}
inline constexpr const char* kA = "a@127.0.0.1";
inline constexpr const char* kB = "b@127.0.0.1";
inline const Term kFrom = pid(kA, 10);
inline const Term kTo = pid(kB, 20);

struct GoldenFrame {
  std::string name;
  bool from_otp;  // false: made by hand, and accepted by OTP
  Bytes bytes;
};

// The rows of "frames" in wire-otp25.json that carry bytes: each names itself before it gives its "hex".
inline std::vector<GoldenFrame> golden_frames() {
  std::ifstream file(std::string(SR_TEST_DIR) + "/golden/wire-otp25.json");
  std::stringstream text;
  text << file.rdbuf();
  const std::string all = text.str();
  const auto string_after = [&all](const std::string& key, std::size_t from, std::size_t& at) {
    at = all.find("\"" + key + "\": \"", from);
    if (at == std::string::npos) return std::string();
    const std::size_t begins = at + key.size() + 5;
    return all.substr(begins, all.find('"', begins) - begins);
  };
  std::vector<GoldenFrame> rows;
  std::size_t at = all.find("\"frames\": [");
  while (at != std::string::npos) {
    std::size_t name_at = 0, hex_at = 0, next_at = 0;
    const std::string name = string_after("name", at, name_at);
    if (name_at == std::string::npos) break;
    string_after("name", name_at + 1, next_at);
    const std::string hex = string_after("hex", name_at, hex_at);
    const std::size_t made_at = all.find("\"dir\": \"c-node -> OTP25", name_at);
    if (hex_at < next_at) rows.push_back({name, made_at > hex_at, from_hex(hex)});
    at = next_at;
  }
  return rows;
}

}  // namespace supervisorring::dist_test
