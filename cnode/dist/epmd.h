// EPMD: requests to the port mapper and its answers, both ways.
//
// Follows "EPMD Protocol" of OTP's Distribution Protocol chapter. A request is a 2-byte length and a body; answers have
// no length. A registration lasts as long as its connection; every other answer ends with epmd closing it. Names are the
// part before the '@'. Readers take bytes in any pieces.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "dist/limits.h"
#include "supervisorring/result.h"
#include "supervisorring/term.h"

namespace supervisorring {

inline constexpr std::uint16_t kDistVersion = 6;  // the only version of the handshake that is spoken here

enum class EpmdNodeType : std::uint8_t { hidden = 72, normal = 77 };

// ALIVE2_REQ
struct EpmdAliveRequest {
  std::string name;
  std::uint16_t port = 0;
  EpmdNodeType type = EpmdNodeType::hidden;
  std::uint16_t highest_version = kDistVersion;
  std::uint16_t lowest_version = kDistVersion;
  std::string extra;
};
struct EpmdPortRequest { std::string name; };  // PORT_PLEASE2_REQ
struct EpmdNamesRequest {};                    // NAMES_REQ
using EpmdRequest = std::variant<EpmdAliveRequest, EpmdPortRequest, EpmdNamesRequest>;

// ALIVE2_X_RESP, or ALIVE2_RESP of an epmd before OTP 23
struct EpmdAliveAnswer {
  std::uint8_t result = 0;     // 0: registered; otherwise refused, nearly always since the name is taken
  std::uint32_t creation = 0;  // when registered
};
// PORT2_RESP
struct EpmdPortAnswer {
  std::uint8_t result = 0;     // 0: found; the rest is set only then
  std::uint16_t port = 0;
  std::uint8_t type = 0;
  std::uint16_t highest_version = 0;
  std::uint16_t lowest_version = 0;
  std::string name;
  std::string extra;
};
// NAMES_RESP
struct EpmdNamesAnswer {
  std::uint32_t epmd_port = 0;
  struct Entry { std::string name; std::uint16_t port; };
  std::vector<Entry> entries;
};

// Appends a request, length included. REQUIRES: names and extra within the limits.
void encode_request(const EpmdRequest& request, Bytes& out);
// Appends an answer. ALIVE2_X_RESP when the request's highest version is 6 or above, as epmd does it.
void encode_answer(const EpmdAliveAnswer& answer, std::uint16_t highest_version, Bytes& out);
void encode_answer(const EpmdPortAnswer& answer, Bytes& out);
void encode_answer(const EpmdNamesAnswer& answer, Bytes& out);

// Each feed(): nullopt while bytes are missing, the answer once, an Error when the bytes are no such answer.
class EpmdAliveReader {
 public:
  Result<std::optional<EpmdAliveAnswer>> feed(BytesView bytes);
 private:
  Bytes buffer_;
};

class EpmdPortReader {
 public:
  Result<std::optional<EpmdPortAnswer>> feed(BytesView bytes);
 private:
  Bytes buffer_;
};

// The answer's end is the end of the connection: closed().
class EpmdNamesReader {
 public:
  Result<std::optional<EpmdNamesAnswer>> feed(BytesView bytes);  // always nullopt, or an Error over the limit
  Result<EpmdNamesAnswer> closed();
 private:
  Bytes buffer_;
};

// The server's side.
class EpmdRequestReader {
 public:
  Result<std::optional<EpmdRequest>> feed(BytesView bytes);
 private:
  Bytes buffer_;
};

}  // namespace supervisorring
