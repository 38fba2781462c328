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

// What ALIVE2_REQ and PORT2_RESP say of a node, in the same order: port, type, protocol, versions, name, extra.
template <class Message>
void put_node(Bytes& out, const Message& node) {
  require(node.name.size() <= kMaxEpmdName && node.extra.size() <= kMaxEpmdExtra, "epmd name and extra within limits",
          static_cast<long long>(node.name.size()), static_cast<long long>(node.extra.size()));
  put16(out, node.port);
  out.push_back(static_cast<char>(node.type));
  out.push_back(0);  // protocol: TCP over IPv4
  put16(out, node.highest_version);
  put16(out, node.lowest_version);
  put16(out, static_cast<std::uint16_t>(node.name.size()));
  out += node.name;
  put16(out, static_cast<std::uint16_t>(node.extra.size()));
  out += node.extra;
}

// How many of the bytes it takes; 0: more are missing. `what`: the message's name, for errors.
template <class Message>
Result<std::size_t> read_node(BytesView bytes, const char* what, Message& node) {
  constexpr std::size_t kFixed = 10;  // port, type, protocol, versions, name length
  const auto too_long = [what](std::size_t size, const char* of) { return Error{std::string("epmd: ") + what + " with " + of + " of " + std::to_string(size) + " bytes"}; };
  if (bytes.size() < kFixed) return std::size_t{0};
  const std::size_t name_size = get16(bytes, 8);
  if (name_size > kMaxEpmdName) return too_long(name_size, "a name");
  const std::size_t extra_at = kFixed + name_size;
  if (bytes.size() < extra_at + 2) return std::size_t{0};
  const std::size_t extra_size = get16(bytes, extra_at);
  if (extra_size > kMaxEpmdExtra) return too_long(extra_size, "an extra");
  const std::size_t size = extra_at + 2 + extra_size;
  if (bytes.size() < size) return std::size_t{0};
  node.port = get16(bytes, 0);
  node.type = static_cast<decltype(node.type)>(byte_at(bytes, 2));
  node.highest_version = get16(bytes, 4);
  node.lowest_version = get16(bytes, 6);
  node.name = bytes.substr(kFixed, name_size);
  node.extra = bytes.substr(extra_at + 2, extra_size);
  return size;
}

Bytes request_body(const EpmdAliveRequest& request) {
  Bytes body(1, static_cast<char>(ALIVE2_REQ));
  put_node(body, request);
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
  out.push_back(static_cast<char>(PORT2_RESP));
  out.push_back(static_cast<char>(answer.result));
  if (answer.result == 0) put_node(out, answer);
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
  constexpr std::size_t kHead = 2;  // tag, result
  constexpr std::size_t kLargest = kHead + 10 + kMaxEpmdName + 2 + kMaxEpmdExtra;
  buffer_.append(bytes.substr(0, kLargest + 1));
  if (buffer_.empty()) return std::optional<EpmdPortAnswer>();
  if (byte_at(buffer_, 0) != PORT2_RESP) return unexpected("PORT2_RESP (119)", buffer_);
  if (buffer_.size() < kHead) return std::optional<EpmdPortAnswer>();
  EpmdPortAnswer answer;
  answer.result = byte_at(buffer_, 1);
  if (answer.result != 0) return std::optional(answer);
  const BytesView rest = BytesView(buffer_).substr(kHead);
  const auto size = read_node(rest, "PORT2_RESP", answer);
  if (!size) return Error{size.error()};
  if (*size == 0) return std::optional<EpmdPortAnswer>();
  if (rest.size() > *size) return unexpected("nothing after PORT2_RESP", rest.substr(*size));
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
  EpmdAliveRequest request;
  const auto size = read_node(body.substr(1), "ALIVE2_REQ", request);
  if (!size) return Error{size.error()};
  if (*size != body.size() - 1 || request.name.empty()) return unexpected("an ALIVE2_REQ whose lengths fit, with a name", body);
  if (request.type != EpmdNodeType::normal && request.type != EpmdNodeType::hidden)
    return Error{"epmd: ALIVE2_REQ with node type " + std::to_string(static_cast<int>(request.type)) + ", expected 77 or 72"};
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
