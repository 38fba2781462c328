// Kernel: the parts of one node, wired together. What Node (node.h) hides.
//
// Every part holds a reference to the Kernel and calls its neighbours through it; each part's header says what it owns.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dist/flags.h"
#include "node/calls.h"
#include "node/connections.h"
#include "node/context.h"
#include "node/effect.h"
#include "node/epmd_client.h"
#include "node/function_table.h"
#include "node/identity.h"
#include "node/kept_files.h"
#include "node/node.h"
#include "node/process_table.h"
#include "node/run_queue.h"
#include "node/signals.h"
#include "node/system_message.h"
#include "node/timers.h"

namespace supervisorring {

class PortLink;

class Kernel {
 public:
  Kernel(NodeConfig config, WorkerPool* workers);
  ~Kernel();
  Kernel(const Kernel&) = delete;

  // ---- used by every part -------------------------------------------------------------------------
  NodeConfig config;
  WorkerPool* workers;
  Identity identity;
  Time time{};
  Effects effects;  // of this step, without the bytes that still sit in the connections
  ProcessTable processes;
  RunQueue queue;
  Timers timers;
  Signals signals;
  Calls calls;
  FunctionTable functions;
  Connections connections;
  EpmdClient epmd;
  KeptFiles files;
  const std::unique_ptr<PortLink> port;  // drop-in: instead of connections and epmd; else null

  std::uint64_t random();
  void log(LogLevel level, std::string text);
  void halt(int status, const std::string& why);
  bool halted() const { return halted_; }
  // nullopt: the name is taken or the table is full. The process starts when its `start` signal is performed.
  std::optional<Term> spawn(std::unique_ptr<Process> process, const SpawnOptions& options);
  // A message from this node to `to` (pid, alias, name or {Name, Node}).
  void send(const Term& from, const Term& to, const Term& message, Connect connect);

  // Runs a callback of the process, then ends it when it called exit().
  template <class Callback>
  void enter(ProcessEntry& self, Callback&& callback) {
    {
      Context context(*this, self);
      callback(static_cast<ProcessContext&>(context));
    }
    if (self.exit_reason && !self.ending) end_by_own_exit(self);
  }
  void deliver(ProcessEntry& self, Term message) {
    enter(self, [&](ProcessContext& context) {
      if (is_system_message(message) && !self.process->handles_system_messages()) {
        answer_system_message(context, *self.process, message);
      } else {
        self.process->take_message(context, std::move(message));
      }
    });
  }

  // ---- used by Node ---------------------------------------------------------------------------------
  bool started() const { return started_; }
  bool live() const { return live_; }
  void start(Time now);
  void go_live();  // the creation is final: the services and the program's processes are spawned
  void add_at_start(std::function<void(ProcessContext&)> what) { at_start_.push_back(std::move(what)); }
  void run(std::function<void(ProcessContext&)> what);
  void step();     // performs queued signals, up to the limit of one step
  void fire_timers();
  Effects take_effects();
  std::optional<Instant> next_timeout() const;

 private:
  void perform(Signal& signal);
  void end_by_own_exit(ProcessEntry& self);
  ProcessEntry* add_service(std::unique_ptr<Process> process, const char* name);
  void limit_reading();

  std::uint64_t random_state_;
  bool started_ = false;
  bool live_ = false;
  bool halted_ = false;
  bool reading_limited_ = false;
  std::optional<HaltNode> halt_;
  std::vector<std::function<void(ProcessContext&)>> at_start_;  // and what run() was given before the node was live
  ProcessEntry* own_ = nullptr;  // the process that at_start and run() work as
};

}  // namespace supervisorring
