#include "node/epmd_client.h"

#include <algorithm>

#include "node/exit_status.h"
#include "node/kernel.h"

namespace supervisorring {

std::string EpmdClient::address() const {
  return "epmd at " + kernel_.config.epmd_host + ":" + std::to_string(kernel_.config.epmd_port);
}

void EpmdClient::start() {
  if (kernel_.config.epmd_port == 0) return kernel_.go_live();
  back_off_ = kEpmdBackOffFirst;
  open();
}

void EpmdClient::open() {
  ++attempts_;
  state_ = State::opening;
  reader_ = EpmdAliveReader();
  connection_ = kernel_.connections.new_id();
  deadline_ = kernel_.time.now + kEpmdTimeout;
  kernel_.effects.emplace_back(OpenConnection{connection_, kernel_.config.epmd_host, kernel_.config.epmd_port});
}

void EpmdClient::close() {
  if (connection_ != 0) kernel_.effects.emplace_back(CloseConnection{connection_});
  connection_ = 0;
}

void EpmdClient::handle_opened() {
  if (state_ != State::opening) return;
  state_ = State::asking;
  const NodeConfig& config = kernel_.config;
  EpmdAliveRequest request;
  request.name = config.name.substr(0, config.name.find('@'));
  request.port = config.listen_port;
  request.type = config.published ? EpmdNodeType::normal : EpmdNodeType::hidden;
  Bytes bytes;
  encode_request(request, bytes);
  kernel_.effects.emplace_back(SendBytes{connection_, std::move(bytes)});
}

void EpmdClient::handle_bytes(BytesView bytes) {
  if (state_ != State::asking) return;
  const auto answer = reader_.feed(bytes);
  if (!answer) return try_again(answer.error());
  if (answer->has_value()) handle_answer(**answer);
}

void EpmdClient::handle_answer(const EpmdAliveAnswer& answer) {
  if (answer.result != 0) {
    const std::string why = address() + " has refused the name " + kernel_.config.name.substr(0, kernel_.config.name.find('@')) +
                            ": a living node is registered under it (result " + std::to_string(answer.result) + ")";
    if (was_registered_) return try_again(why);
    return kernel_.halt(to_int(ExitStatus::name_taken), why);
  }
  state_ = State::registered;
  deadline_.reset();
  back_off_ = kEpmdBackOffFirst;
  kernel_.log(LogLevel::info, "registered with " + address());
  if (was_registered_) return;
  was_registered_ = true;
  kernel_.identity.set_creation(std::max<std::uint32_t>(answer.creation, 1));
  kernel_.go_live();
}

void EpmdClient::handle_failed(const std::string& why) {
  connection_ = 0;
  try_again("no answer from " + address() + ": " + why);
}

void EpmdClient::handle_closed(const std::string& why) {
  connection_ = 0;
  if (state_ == State::registered) back_off_ = kEpmdBackOffFirst;
  try_again(address() + " has closed the connection: " + why);
}

void EpmdClient::try_again(const std::string& why) {
  close();
  if (!was_registered_ && attempts_ >= kEpmdAttemptsAtStart) {
    return kernel_.halt(to_int(ExitStatus::no_epmd), why + " (" + std::to_string(attempts_) + " attempts)");
  }
  kernel_.log(LogLevel::warning, why);
  state_ = State::waiting;
  deadline_ = kernel_.time.now + back_off_;
  if (was_registered_) back_off_ = std::min(2 * back_off_, kEpmdBackOffLast);
}

void EpmdClient::handle_timeout() {
  if (!deadline_ || *deadline_ > kernel_.time.now) return;
  if (state_ == State::waiting) return open();
  try_again("no answer from " + address() + " within " +
            std::to_string(std::chrono::duration_cast<std::chrono::seconds>(kEpmdTimeout).count()) + " s");
}

}  // namespace supervisorring
