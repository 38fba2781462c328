// RunningNode: a Node under the Driver, on a thread of its own, with real sockets on loopback.
#pragma once

#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "io/driver.h"

namespace supervisorring::testing {

class RunningNode {
 public:
  RunningNode(const std::string& name, std::uint16_t epmd_port, DataDirectory* files = nullptr, std::size_t max_connections = 100)
      : driver_(DriverOptions{.max_connections = max_connections, .log = [this](LogLevel, const std::string& text) { log(text); }}) {
    port_ = driver_.listen("127.0.0.1", 0).value();
    NodeConfig config;
    config.name = name;
    config.cookie = "secret";
    config.listen_port = port_;
    config.epmd_port = epmd_port;
    node_ = std::make_unique<Node>(config, nullptr);
    thread_ = std::thread([this, files] {
      status_ = driver_.run(*node_, files);
      ended_ = true;
    });
  }
  ~RunningNode() { stop(0); }

  std::uint16_t port() const { return port_; }
  Driver& driver() { return driver_; }
  bool ended() const { return ended_; }
  int stop(int status) {
    driver_.stop(status, "the test is over");
    if (thread_.joinable()) thread_.join();
    return status_;
  }

  // On the node's thread; waits for the result.
  template <class Function>
  auto look(Function function) -> decltype(function(std::declval<Node&>())) {
    std::promise<decltype(function(std::declval<Node&>()))> promise;
    auto future = promise.get_future();
    driver_.post([&] { promise.set_value(function(*node_)); });
    return future.get();
  }
  void run(std::function<void(ProcessContext&)> what) {
    driver_.post([this, what = std::move(what)] { node_->run(what, Driver::now()); });
  }
  bool registered() { return look([](Node& node) { return node.registered_with_epmd(); }); }
  bool connected() { return look([](Node& node) { return !node.connected_nodes().empty(); }); }

  // gen_server:call from this node, in text; "not ok: reason" where there is no reply.
  std::string call(const Term& to, const Term& request, Duration timeout = std::chrono::seconds(5)) {
    auto promise = std::make_shared<std::promise<std::string>>();
    auto future = promise->get_future();
    run([=](ProcessContext& context) {
      context.call(to, request, {.timeout = timeout}, [promise](ProcessContext&, CallResult result) {
        promise->set_value((result.ok ? "" : "not ok: ") + to_text(result.value));
      });
    });
    return future.get();
  }

  std::string logged() {
    std::lock_guard guard(mutex_);
    return log_;
  }

 private:
  void log(const std::string& text) {
    std::lock_guard guard(mutex_);
    log_ += text + "\n";
  }

  std::mutex mutex_;
  std::string log_;
  Driver driver_;
  std::uint16_t port_ = 0;
  std::unique_ptr<Node> node_;
  int status_ = -1;
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

}  // namespace supervisorring::testing
