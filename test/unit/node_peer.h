// NodePeer: one Node and a peer played by the test, which sends and sees single control messages.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dist/connection.h"
#include "node/node.h"

namespace supervisorring {

class NodePeer : public testing::Test, protected ConnectionSink {
 protected:
  static constexpr ConnectionId kConnection = 2;

  void SetUp() override {
    node.start(now);
    connect(kOurFlags);
  }
  // A new connection of the peer; the one before is forgotten without a word.
  void connect(DistFlags flags, ConnectionId id = kConnection) {
    ConnectionConfig config;
    config.role = HandshakeRole::initiator;
    config.self = {"peer@h", 7, "secret", flags};
    config.peer = "node@h";
    config.random = [] { return std::uint64_t{5}; };
    peer = std::make_unique<Connection>(config, now.now);
    id_ = id;
    node.connection_accepted(id, "h", now);
    exchange();
  }
  // Everything that both have to say to each other.
  void exchange() {
    for (bool more = true; more;) {
      more = false;
      if (peer->has_output()) {
        node.bytes_received(id_, peer->take_output(now.now), now);
        more = true;
      }
      for (const Effect& effect : node.take_effects()) {
        if (const auto* close = std::get_if<CloseConnection>(&effect)) closed.push_back(close->id);
        if (const auto* pause = std::get_if<PauseReading>(&effect)) pauses.push_back(pause->paused);
        if (const auto* line = std::get_if<LogLine>(&effect)) log += line->text + "\n";
        const auto* send = std::get_if<SendBytes>(&effect);
        if (send == nullptr || send->id != id_) continue;
        sent_bytes += send->bytes.size();
        if (acknowledge_writes) node.bytes_written(id_, send->bytes.size(), now);
        if (!peer->closed()) peer->receive(send->bytes, now.now, *this);
        more = true;
      }
    }
  }
  void send(const ControlMessage& message) {
    ASSERT_TRUE(peer->send(message));
    exchange();
  }
  void run(std::function<void(ProcessContext&)> what) {
    node.run(std::move(what), now);
    exchange();
  }
  // What came since the last time, as "NAME" lists.
  std::string names() {
    std::string all;
    for (const ControlMessage& message : got) all += (all.empty() ? "" : " ") + std::string(name_of(message));
    return all;
  }
  template <class T>
  const T& only() {
    EXPECT_EQ(got.size(), 1u) << names();
    return std::get<T>(got.at(0));
  }
  static Term peer_pid(std::uint32_t id) { return Term::pid(atom("peer@h"), id, 0, 7); }
  static Term peer_ref(std::uint32_t n) {
    const std::uint32_t words[] = {n, 2, 3, 4, 5};
    return Term::reference(atom("peer@h"), 7, words);
  }

  void on_name(const Peer&) override {}
  void on_up(const Peer&) override { ++ups; }
  void on_control(ControlMessage&& message) override { got.push_back(std::move(message)); }
  void on_error(const Error& error) override { failure = error.text; }

  static NodeConfig config() {
    NodeConfig config;
    config.name = "node@h";
    config.cookie = "secret";
    config.epmd_port = 0;
    return config;
  }

  Time now{};
  Node node{config(), nullptr};
  std::unique_ptr<Connection> peer;
  std::vector<ControlMessage> got;
  std::vector<ConnectionId> closed;
  std::vector<bool> pauses;
  std::string failure, log;
  int ups = 0;
  std::size_t sent_bytes = 0;
  bool acknowledge_writes = true;

 private:
  ConnectionId id_ = kConnection;
};

}  // namespace supervisorring
