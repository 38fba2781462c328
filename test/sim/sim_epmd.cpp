#include "sim_epmd.h"

namespace supervisorring::sim {

std::optional<SimEpmd::Answer> SimEpmd::receive(std::uint64_t connection, BytesView bytes) {
  if (silent) return std::nullopt;
  const auto request = readers_[connection].feed(bytes);
  if (!request) return Answer{{}, true};
  if (!request->has_value()) return std::nullopt;
  return std::visit([&](const auto& asked) { return answer(connection, asked); }, **request);
}

SimEpmd::Answer SimEpmd::answer(std::uint64_t connection, const EpmdAliveRequest& request) {
  Answer answer{{}, false};
  EpmdAliveAnswer alive;
  if (names_.contains(request.name)) {
    alive.result = 1;
    answer.close = true;
  } else {
    names_[request.name] = {request.port, connection};
    alive.creation = ++last_creation_;
  }
  encode_answer(alive, request.highest_version, answer.bytes);
  return answer;
}

SimEpmd::Answer SimEpmd::answer(std::uint64_t, const EpmdPortRequest& request) {
  Answer answer{{}, true};
  EpmdPortAnswer port;
  const auto found = names_.find(request.name);
  if (found == names_.end()) {
    port.result = 1;
  } else {
    port.port = found->second.port;
    port.type = static_cast<std::uint8_t>(EpmdNodeType::hidden);
    port.highest_version = port.lowest_version = kDistVersion;
    port.name = request.name;
  }
  encode_answer(port, answer.bytes);
  return answer;
}

SimEpmd::Answer SimEpmd::answer(std::uint64_t, const EpmdNamesRequest&) {
  Answer answer{{}, true};
  EpmdNamesAnswer names;
  for (const auto& [name, registration] : names_) names.entries.push_back({name, registration.port});
  encode_answer(names, answer.bytes);
  return answer;
}

void SimEpmd::closed(std::uint64_t connection) {
  readers_.erase(connection);
  std::erase_if(names_, [&](const auto& item) { return item.second.connection == connection; });
}

void SimEpmd::stop() {
  running = false;
  names_.clear();
  readers_.clear();
}

}  // namespace supervisorring::sim
