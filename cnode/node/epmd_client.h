// Epmd client: keeps this node registered with its epmd.
//
// ALIVE2_REQ on a connection that stays open; the registration lasts as long as it does. At start it must succeed: a name that is
// taken halts the node with ExitStatus::name_taken, no epmd after kEpmdAttemptsAtStart with ExitStatus::no_epmd. The first
// answer's creation is the node's for its whole life, as on a BEAM. Later losses are repaired for ever, with back-off.
#pragma once

#include <optional>
#include <string>

#include "dist/epmd.h"
#include "node/effect.h"
#include "supervisorring/time.h"

namespace supervisorring {

class Kernel;

class EpmdClient {
 public:
  explicit EpmdClient(Kernel& kernel) : kernel_(kernel) {}

  void start();  // without an epmd (epmd_port 0) the node is live at once
  bool owns(ConnectionId id) const { return id == connection_ && id != 0; }
  bool registered() const { return state_ == State::registered; }

  void handle_opened();
  void handle_failed(const std::string& why);
  void handle_bytes(BytesView bytes);
  void handle_closed(const std::string& why);
  void handle_timeout();
  std::optional<Instant> next_timeout() const { return deadline_; }

 private:
  enum class State { idle, opening, asking, registered, waiting };

  void open();
  void handle_answer(const EpmdAliveAnswer& answer);
  void try_again(const std::string& why);
  void close();
  std::string address() const;

  Kernel& kernel_;
  State state_ = State::idle;
  ConnectionId connection_ = 0;
  std::optional<Instant> deadline_;  // opening, asking: epmd is too slow; waiting: the next attempt
  EpmdAliveReader reader_;
  Duration back_off_{};
  int attempts_ = 0;
  bool was_registered_ = false;
};

}  // namespace supervisorring
