#include "dist/epmd.h"

#include "dist/wire.h"
#include "term/check.h"

namespace supervisorring {
namespace {

using namespace detail;

enum EpmdTag : std::uint8_t {
  NAMES_REQ = 110,
  ALIVE2_X_RESP = 118,
  PORT2_RESP = 119,
  ALIVE2_REQ = 120,
  ALIVE2_RESP = 121,
  PORT_PLEASE2_REQ = 122,
};

std::uint8_t byte_at(BytesView bytes, std::size_t at) { return static_cast<std::uint8_t>(bytes[at]); }

Error unexpected(const char* expected, BytesView bytes) {
  return Error{std::string("epmd: expected ") + expected + ", got \"" + show_bytes(bytes) + "\""};
}

Bytes request_body(const EpmdAliveRequest& request) {
  require(request.name.size() <= kMaxEpmdName && request.extra.size() <= kMaxEpmdExtra, "epmd name and extra within limits",
          static_cast<long long>(request.name.size()), static_cast<long long>(request.extra.size()));
  Bytes body;
  body.push_back(static_cast<char>(ALIVE2_REQ));
  put16(body, request.port);
  body.push_back(static_cast<char>(request.type));
  body.push_back(0);  // protocol: TCP over IPv4
  put16(body, request.highest_version);
  put16(body, request.lowest_version);
  put16(body, static_cast<std::uint16_t>(request.name.size()));
  body += request.name;
  put16(body, static_cast<std::uint16_t>(request.extra.size()));
  body += request.extra;
  return body;
}

Bytes request_body(const EpmdPortRequest& request) {
  require(request.name.size() <= kMaxEpmdName, "epmd name within the limit", static_cast<long long>(request.name.size()));
  return static_cast<char>(PORT_PLEASE2_REQ) + request.name;
}

Bytes request_body(const EpmdNamesRequest&) { return Bytes(1, static_cast<char>(NAMES_REQ)); }

}  // namespace

void encode_request(const EpmdRequest& request, Bytes& out) {
  const Bytes body = std::visit([](const auto& r) { return request_body(r); }, request);
  put16(out, static_cast<std::uint16_t>(body.size()));
  out += body;
}

void encode_answer(const EpmdAliveAnswer& answer, std::uint16_t highest_version, Bytes& out) {
  const bool wide = highest_version >= 6;
  out.push_back(static_cast<char>(wide ? ALIVE2_X_RESP : ALIVE2_RESP));
  out.push_back(static_cast<char>(answer.result));
  put_big_endian(out, answer.creation, wide ? 4 : 2);
}

void encode_answer(const EpmdPortAnswer& answer, Bytes& out) {
  require(answer.name.size() <= kMaxEpmdName && answer.extra.size() <= kMaxEpmdExtra, "epmd name and extra within limits",
          static_cast<long long>(answer.name.size()), static_cast<long long>(answer.extra.size()));
  out.push_back(static_cast<char>(PORT2_RESP));
  out.push_back(static_cast<char>(answer.result));
  if (answer.result != 0) return;
  put16(out, answer.port);
  out.push_back(static_cast<char>(answer.type));
  out.push_back(0);  // protocol: TCP over IPv4
  put16(out, answer.highest_version);
  put16(out, answer.lowest_version);
  put16(out, static_cast<std::uint16_t>(answer.name.size()));
  out += answer.name;
  put16(out, static_cast<std::uint16_t>(answer.extra.size()));
  out += answer.extra;
}

void encode_answer(const EpmdNamesAnswer& answer, Bytes& out) {
  put32(out, answer.epmd_port);
  for (const auto& entry : answer.entries) {
    out += "name " + entry.name + " at port " + std::to_string(entry.port) + "\n";
  }
}

Result<std::optional<EpmdAliveAnswer>> EpmdAliveReader::feed(BytesView bytes) {
  buffer_.append(bytes.substr(0, 7));  // an answer is 6 bytes at most; a seventh shows that this is none
  if (buffer_.empty()) return std::optional<EpmdAliveAnswer>();
  const std::uint8_t tag = byte_at(buffer_, 0);
  if (tag != ALIVE2_X_RESP && tag != ALIVE2_RESP) return unexpected("ALIVE2_X_RESP (118) or ALIVE2_RESP (121)", buffer_);
  const std::size_t size = tag == ALIVE2_X_RESP ? 6 : 4;
  if (buffer_.size() > size) return unexpected("nothing after the answer to ALIVE2_REQ", buffer_);
  if (buffer_.size() < 2) return std::optional<EpmdAliveAnswer>();
  EpmdAliveAnswer answer;
  answer.result = byte_at(buffer_, 1);
  if (buffer_.size() < size) return std::optional<EpmdAliveAnswer>();
  if (answer.result == 0) answer.creation = static_cast<std::uint32_t>(get_big_endian(buffer_, 2, size - 2));
  buffer_.clear();
  return std::optional(answer);
}

Result<std::optional<EpmdPortAnswer>> EpmdPortReader::feed(BytesView bytes) {
  constexpr std::size_t kFixed = 12;  // tag, result, port, type, protocol, versions, name length
  constexpr std::size_t kLargest = kFixed + kMaxEpmdName + 2 + kMaxEpmdExtra;
  buffer_.append(bytes.substr(0, kLargest + 1));
  if (buffer_.empty()) return std::optional<EpmdPortAnswer>();
  if (byte_at(buffer_, 0) != PORT2_RESP) return unexpected("PORT2_RESP (119)", buffer_);
  if (buffer_.size() < 2) return std::optional<EpmdPortAnswer>();
  EpmdPortAnswer answer;
  answer.result = byte_at(buffer_, 1);
  if (answer.result != 0) return std::optional(answer);
  if (buffer_.size() < kFixed) return std::optional<EpmdPortAnswer>();
  answer.port = get16(buffer_, 2);
  answer.type = byte_at(buffer_, 4);
  answer.highest_version = get16(buffer_, 6);
  answer.lowest_version = get16(buffer_, 8);
  const std::size_t name_size = get16(buffer_, 10);
  if (name_size > kMaxEpmdName) return Error{"epmd: PORT2_RESP with a name of " + std::to_string(name_size) + " bytes"};
  const std::size_t extra_at = kFixed + name_size;
  if (buffer_.size() < extra_at + 2) return std::optional<EpmdPortAnswer>();
  const std::size_t extra_size = get16(buffer_, extra_at);
  if (extra_size > kMaxEpmdExtra) return Error{"epmd: PORT2_RESP with " + std::to_string(extra_size) + " bytes of extra"};
  const std::size_t size = extra_at + 2 + extra_size;
  if (buffer_.size() < size) return std::optional<EpmdPortAnswer>();
  if (buffer_.size() > size) return unexpected("nothing after PORT2_RESP", BytesView(buffer_).substr(size));
  answer.name = buffer_.substr(kFixed, name_size);
  answer.extra = buffer_.substr(extra_at + 2, extra_size);
  return std::optional(std::move(answer));
}

Result<std::optional<EpmdNamesAnswer>> EpmdNamesReader::feed(BytesView bytes) {
  if (buffer_.size() + bytes.size() > kMaxEpmdNames) {
    return Error{"epmd: the answer to NAMES_REQ is over " + std::to_string(kMaxEpmdNames) + " bytes"};
  }
  buffer_.append(bytes);
  return std::optional<EpmdNamesAnswer>();
}

namespace {

// "name x at port 4000"
std::optional<EpmdNamesAnswer::Entry> names_entry(BytesView line) {
  constexpr BytesView kBefore = "name ", kBetween = " at port ";
  if (!line.starts_with(kBefore)) return std::nullopt;
  line.remove_prefix(kBefore.size());
  const std::size_t at = line.rfind(kBetween);
  if (at == BytesView::npos || at == 0 || at > kMaxEpmdName) return std::nullopt;
  const BytesView digits = line.substr(at + kBetween.size());
  if (digits.empty() || digits.size() > 5) return std::nullopt;
  std::uint32_t port = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    port = port * 10 + static_cast<std::uint32_t>(c - '0');
  }
  if (port > 65535) return std::nullopt;
  return EpmdNamesAnswer::Entry{std::string(line.substr(0, at)), static_cast<std::uint16_t>(port)};
}

}  // namespace

Result<EpmdNamesAnswer> EpmdNamesReader::closed() {
  if (buffer_.size() < 4) return Error{"epmd: the answer to NAMES_REQ ended after " + std::to_string(buffer_.size()) + " bytes"};
  EpmdNamesAnswer answer;
  answer.epmd_port = get32(buffer_, 0);
  BytesView rest = BytesView(buffer_).substr(4);
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    if (end == BytesView::npos) return unexpected("a whole line \"name N at port P\"", rest);
    auto entry = names_entry(rest.substr(0, end));
    if (!entry) return unexpected("\"name N at port P\"", rest.substr(0, end));
    answer.entries.push_back(std::move(*entry));
    rest.remove_prefix(end + 1);
  }
  return answer;
}

namespace {

Result<std::optional<EpmdRequest>> decode_alive_request(BytesView body) {
  constexpr std::size_t kFixed = 11;  // tag, port, type, protocol, versions, name length
  if (body.size() < kFixed + 2) return unexpected("an ALIVE2_REQ of 13 bytes or more", body);
  EpmdAliveRequest request;
  request.port = get16(body, 1);
  const std::uint8_t type = byte_at(body, 3);
  if (type != 77 && type != 72) return Error{"epmd: ALIVE2_REQ with node type " + std::to_string(type) + ", expected 77 or 72"};
  request.type = static_cast<EpmdNodeType>(type);
  request.highest_version = get16(body, 5);
  request.lowest_version = get16(body, 7);
  const std::size_t name_size = get16(body, 9);
  if (name_size == 0 || name_size > kMaxEpmdName || body.size() < kFixed + name_size + 2) {
    return Error{"epmd: ALIVE2_REQ of " + std::to_string(body.size()) + " bytes with a name of " + std::to_string(name_size)};
  }
  const std::size_t extra_size = get16(body, kFixed + name_size);
  if (extra_size > kMaxEpmdExtra || body.size() != kFixed + name_size + 2 + extra_size) {
    return Error{"epmd: ALIVE2_REQ of " + std::to_string(body.size()) + " bytes with " + std::to_string(extra_size) +
                 " bytes of extra"};
  }
  request.name = body.substr(kFixed, name_size);
  request.extra = body.substr(kFixed + name_size + 2);
  return std::optional<EpmdRequest>(std::move(request));
}

Result<std::optional<EpmdRequest>> decode_port_request(BytesView body) {
  const BytesView name = body.substr(1);
  if (name.empty() || name.size() > kMaxEpmdName) {
    return Error{"epmd: PORT_PLEASE2_REQ with a name of " + std::to_string(name.size()) + " bytes"};
  }
  return std::optional<EpmdRequest>(EpmdPortRequest{std::string(name)});
}

}  // namespace

Result<std::optional<EpmdRequest>> EpmdRequestReader::feed(BytesView bytes) {
  buffer_.append(bytes.substr(0, kMaxEpmdRequest + 3));
  if (buffer_.size() < 2) return std::optional<EpmdRequest>();
  const std::size_t size = get16(buffer_, 0);
  if (size == 0 || size > kMaxEpmdRequest) return Error{"epmd: request of " + std::to_string(size) + " bytes"};
  if (buffer_.size() < 2 + size) return std::optional<EpmdRequest>();
  if (buffer_.size() > 2 + size) return unexpected("one request a connection", BytesView(buffer_).substr(2 + size));
  const Bytes body = buffer_.substr(2);
  buffer_.clear();
  switch (byte_at(body, 0)) {
    case ALIVE2_REQ: return decode_alive_request(body);
    case PORT_PLEASE2_REQ: return decode_port_request(body);
    case NAMES_REQ:
      if (size != 1) return unexpected("nothing after NAMES_REQ", body);
      return std::optional<EpmdRequest>(EpmdNamesRequest{});
    default: return unexpected("ALIVE2_REQ (120), PORT_PLEASE2_REQ (122) or NAMES_REQ (110)", body);
  }
}

}  // namespace supervisorring
