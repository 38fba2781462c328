// Context: the node as one process sees it during one callback. Implements ProcessContext on the Kernel.
#pragma once

#include "node/process_table.h"

namespace supervisorring {

class Kernel;

class Context final : public ProcessContext {
 public:
  Context(Kernel& kernel, ProcessEntry& self) : kernel_(kernel), self_(self) {}

  const Term& self() const override { return self_.pid; }
  const Term& node_name() const override;
  Time time() const override;
  std::uint64_t random() override;

  void send(const Term& to, const Term& message) override;
  void send_noconnect(const Term& to, const Term& message) override;
  void call(const Term& to, const Term& request, CallOptions options, CallContinuation then) override;
  void erpc(const Term& node, const Term& module, const Term& function, std::vector<Term> arguments, Duration timeout,
            CallContinuation then) override;
  void run_in(const Term& pid, ProcessWork work) override;

  Term send_after(Duration delay, const Term& to, const Term& message) override;
  bool cancel_timer(const Term& timer) override;

  void link(const Term& pid) override;
  void unlink(const Term& pid) override;
  Term monitor(const Term& target) override;
  void demonitor(const Term& reference) override;
  void exit_signal(const Term& to, const Term& reason) override;
  void trap_exit(TrapExit trap) override { self_.trap_exit = trap == TrapExit::yes; }
  void monitor_nodes() override;
  bool register_name(const Term& name) override;
  std::optional<Term> whereis(const Term& name) const override;
  bool is_alive(const Term& local_pid) const override;
  bool is_connected(const Term& node) const override;
  Term make_ref() override;

  std::optional<Term> spawn(std::unique_ptr<Process> process, SpawnOptions options) override;
  void exit(const Term& reason) override;

  void log(LogLevel level, std::string text) override;
  void persist(const std::string& name, Bytes content) override;
  void remove_file(const std::string& name) override;
  void halt(int status, const std::string& why) override;
  void connect(const Term& node) override;

 private:
  Kernel& kernel_;
  ProcessEntry& self_;
};

}  // namespace supervisorring
