// EiClient: the program's administrative commands talk to a running node as any stock C program would, with erl_interface.
//
// That they work proves that stock clients are served. A client has a node name of its own for each run, is hidden, and is
// registered nowhere. Every step has a time limit.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "io/node_name.h"
#include "supervisorring/result.h"
#include "supervisorring/term.h"

namespace supervisorring {

class EiClient {
 public:
  static Result<EiClient> connect(const NodeName& node, const std::string& cookie, std::uint16_t epmd_port, std::chrono::milliseconds timeout);
  EiClient(EiClient&&) noexcept;
  EiClient& operator=(EiClient&&) noexcept;
  ~EiClient();

  // rpc:call(Node, Module, Function, Arguments): the value, {badrpc, Reason} included.
  Result<Term> rpc(const std::string& module, const std::string& function, const std::vector<Term>& arguments, std::chrono::milliseconds timeout);
  // Waits until the node closes the connection. False: it has not within the time.
  bool wait_closed(std::chrono::milliseconds timeout);

 private:
  struct Impl;
  explicit EiClient(std::unique_ptr<Impl>);
  std::unique_ptr<Impl> impl_;
};

}  // namespace supervisorring
