// Driver: runs one Node: sockets, timers, files, signals, the clock.
//
// The rule (node/effect.h): whatever happens outside is an input to the Node, its effects are performed in the order given; the driver
// decides nothing. All inputs that are ready at once are handed over before the effects are taken, so that the
// replies to a batch of calls leave in one write. Only the node's thread touches the Node, the one
// that holds the Baton (baton.h) while run() runs; post(), wake_workers() and stop() are for every thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "io/data_directory.h"
#include "io/limits.h"
#include "node/node.h"
#include "node/thread_worker_pool.h"

namespace supervisorring {

struct DriverOptions {
  std::size_t max_connections = io_limits::kConnections;
  std::function<void(LogLevel, const std::string&)> log = [](LogLevel, const std::string&) {};
};

class Driver {
 public:
  explicit Driver(DriverOptions options);
  ~Driver();

  // Binds and listens; connections are accepted from run() on. `address` is literal; port 0 takes a free one. Returns the
  // port. Once, before run().
  Result<std::uint16_t> listen(const std::string& address, std::uint16_t port);
  // SIGTERM and SIGINT call `handle` on the node's thread instead of ending the program. Before run().
  void on_signal(std::function<void(int signal)> handle);

  // Drop-in: the link to the BEAM, in place of listen(). `came`: what was read already. `closed`: the link has ended; on the node's thread. Before run().
  void use_port(int in, int out, Bytes came, std::function<void(const std::string& why)> closed);

  // Starts the node and blocks until it halts; returns its status. `files`: null keeps nothing on disk. `pool`, where the node's children
  // run: its quick strands are run by the node's thread; may be null. Once.
  int run(Node& node, DataDirectory* files, ThreadWorkerPool* pool = nullptr);
  // False: a child's code has not returned within `grace`; the thread it runs on still uses it. REQUIRES: run() has returned.
  bool wait_for_children(std::chrono::milliseconds grace);

  // ---- any thread -----------------------------------------------------------------------------
  void post(std::function<void()> work);  // on the node's thread; dropped when the node has halted
  void wake_workers();                    // Node::workers_ready soon; cheap when called often
  void stop(int status, const std::string& why);  // as HaltNode

  static Time now();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace supervisorring
