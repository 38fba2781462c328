#include "describe.h"

#include <cstdio>

#include "dist/control.h"

namespace supervisorring::sim {
namespace {

constexpr std::size_t kWidth = 110;  // of a printed message

std::string describe(BytesView frame) {
  const auto message = decode_control(frame);
  if (!message) return "a frame that is none: " + message.error();
  std::string text = name_of(*message);
  if (const auto* send = std::get_if<Send>(&*message)) return text + " " + to_text(send->message, kWidth);
  if (const auto* send = std::get_if<RegSend>(&*message)) return text + " " + to_text(send->to_name) + " " + to_text(send->message, kWidth);
  if (const auto* send = std::get_if<AliasSend>(&*message)) return text + " " + to_text(send->message, kWidth);
  if (const auto* exit = std::get_if<MonitorPExit>(&*message)) return text + " " + to_text(exit->from) + " " + to_text(exit->reason, kWidth);
  if (const auto* monitor = std::get_if<MonitorP>(&*message)) return text + " " + to_text(monitor->target);
  if (const auto* spawn = std::get_if<SpawnRequest>(&*message)) return text + " " + to_text(spawn->arguments, kWidth);
  return text;
}

std::vector<std::string> describe(const std::string& to, const SendBytes& effect) {
  std::vector<std::string> lines;
  BytesView rest = effect.bytes;
  while (rest.size() >= 4) {
    std::uint32_t length = 0;
    for (int i = 0; i < 4; ++i) length = length << 8 | static_cast<unsigned char>(rest[static_cast<std::size_t>(i)]);
    if (length == 0) {
      lines.push_back("-> " + to + " tick");
    } else if (length > rest.size() - 4 || rest[4] != 'p') {
      break;
    } else {
      lines.push_back("-> " + to + " " + describe(rest.substr(4, length)));
    }
    rest.remove_prefix(4 + length);
  }
  if (!rest.empty()) lines.push_back("-> " + to + " " + std::to_string(rest.size()) + " bytes of epmd or handshake");
  return lines;
}

}  // namespace

std::string short_name(const std::string& node) { return node.substr(0, node.find('@')); }

std::string stamp(Instant instant) {
  const auto now = std::chrono::duration_cast<std::chrono::microseconds>(instant.time_since_epoch()).count();
  char text[40];
  std::snprintf(text, sizeof text, "%3lld.%06lld", static_cast<long long>(now / 1'000'000), static_cast<long long>(now % 1'000'000));
  return text;
}

std::vector<std::string> describe(const SimNetwork& network, const std::string& node, const Effect& effect) {
  const auto peer = [&](ConnectionId id) { return short_name(network.peer_of(node, id)); };
  if (const auto* log = std::get_if<LogLine>(&effect)) {
    if (log->level >= LogLevel::info) return {"log: " + log->text};
  } else if (const auto* halt = std::get_if<HaltNode>(&effect)) {
    return {"halts: " + std::to_string(halt->status) + " " + halt->why};
  } else if (const auto* bytes = std::get_if<SendBytes>(&effect)) {
    return describe(peer(bytes->id), *bytes);
  } else if (const auto* open = std::get_if<OpenConnection>(&effect)) {
    return {"opens a connection to " + open->host + " port " + std::to_string(open->port)};
  } else if (const auto* close = std::get_if<CloseConnection>(&effect)) {
    return {"closes its connection to " + peer(close->id)};
  } else if (const auto* file = std::get_if<PersistFile>(&effect)) {
    return {"writes " + file->name + ", " + std::to_string(file->content.size()) + " bytes"};
  } else if (const auto* removed = std::get_if<RemoveFile>(&effect)) {
    return {"removes " + removed->name};
  }
  return {};
}

}  // namespace supervisorring::sim
