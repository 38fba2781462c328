// cnode: one Erlang node in C++, a member of a supervisorring cluster, inside a program of yours.
//
//     int main() {
//       supervisorring::cnode node({.name = "cpp1@127.0.0.1", .join = {"dev1@127.0.0.1"}});
//       node.workers().add<counter>("Elixir.Counter");
//       node.define_supervisor(atom("my_sup"), parse_term("{one_for_one, 10, 5}").value(),
//                              {parse_term("{c1, {gen_server, start_link, [{local, c1}, 'Elixir.Counter', [], []]}, "
//                                          "permanent, 2000, worker, ['Elixir.Counter']}").value()});
//       return node.run();
//     }
//
// The program `ringnode` is this class behind flags. Everything is set up before run(), on one thread; run() blocks until the
// node has ended and returns the exit status (node/exit_status.h). What may be called while it runs, from any thread, is said below.
// A program may hold several nodes, each run() on a thread of its own; then at most one may have handle_signals.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "supervisorring/factory.h"
#include "supervisorring/gen_server.h"
#include "supervisorring/result.h"
#include "supervisorring/term.h"
#include "supervisorring/time.h"

namespace supervisorring {

struct cnode_options {
  std::string name;                      // name@host
  std::string cookie_file = {};          // else the environment's RELEASE_COOKIE, else ~/.erlang.cookie
  std::vector<std::string> join = {};    // members of the cluster, tried until one answers; none: a ring of one, or the ring file's
  std::string data_dir = {};             // empty: data/<name> below the working directory
  std::string listen = {};               // address[:port]; empty: the name's host where it is an address, loopback for localhost, else any
  unsigned threads = 0;                  // that run native children; 0: one less than the machine has processors, at least one
  int otp = 0;                           // placement format: 25 (and below) or 26 (and above); 0: learnt from the cluster
  bool force = false;                    // join although this node cannot run what the cluster runs
  std::chrono::milliseconds join_timeout{5000};  // how long a silent member of the ring file is waited for
  bool quorum = false;                   // a side with fewer than half of the members runs nothing; else every side of a partition runs everything
  std::chrono::seconds tick_time{60};    // a node from which nothing comes for so long is given up; the same on every node (net_ticktime)
  std::chrono::milliseconds migrate_timeout{10000};  // of a child's migrate when it moves; one that takes longer stays, and is tried again later
  std::chrono::milliseconds leave_timeout{30000};  // for handing children over when this node leaves; what is left then ends with it
  // Names that are no members and were not used for so long are forgotten while all members are ours; 0: never.
  std::chrono::seconds forget_names_after{30 * 24 * 3600};
  // A supervisor that ended here is started again; more than so many ends within so many seconds, and the node leaves and run() returns 11.
  unsigned max_concurrent_starts = 256;  // of one supervisor: children that start at once; the others wait their turn
  int top_restarts = 3;                  // negative: none is started again until other members run it again
  std::chrono::seconds top_period{5};
  bool published = false;                // visible in nodes(); otherwise hidden
  std::uint16_t epmd_port = 0;           // 0: the environment's ERL_EPMD_PORT, else 4369
  std::string log_level = "info";        // debug, info, notice, warning or error; lines go to stderr
  bool handle_signals = true;            // SIGTERM and SIGINT leave; a second one ends at once. SIGPIPE is ignored
};

// Members as text, in the order of their names.
struct ring_change {
  std::vector<std::string> old_up, new_up;
  std::vector<std::string> members;  // up or not
  bool settled = false;              // false: no child is started yet
};

class cnode {
 public:
  explicit cnode(cnode_options options);
  ~cnode();
  cnode(const cnode&) = delete;
  cnode& operator=(const cnode&) = delete;

  // ---- before run() -------------------------------------------------------------------------------
  // Which classes can be started as children here.
  worker_registry& workers();
  // Adds those of a shared object (SUPERVISORRING_WORKERS); its path, or why not.
  Result<std::string> load_workers(const std::string& path);
  // A supervisor of the cluster: `flags` and `specs` as Module:init/1 returns them; a flag map may say by `members` which members own its children. Every member defines it with the same specs.
  // What is malformed makes run() refuse, with OTP's own term for it.
  void define_supervisor(const Term& name, const Term& flags, std::vector<Term> specs);
  // One whose definition is asked for over erpc: Module:init(Argument) at `node`, until it answers.
  void supervisor_from(const Term& name, const Term& module, const Term& node, const Term& argument);
  // Called on the node's thread: do little there.
  void on_ring_change(std::function<void(const ring_change&)>);
  // This member was removed from the ring (del_node). Without a hook the node leaves and run() returns.
  void on_removed(std::function<void()>);
  // The node is registered with epmd and serves: on its thread.
  void on_started(std::function<void()>);

  int run();

  // ---- while it runs, any thread ------------------------------------------------------------------
  // Hands the children over, tells the others, ends. `forget`: leaves the ring for good and deletes the ring file.
  void leave(bool forget = false);
  // Ends at once, as if killed, with exit status 0: the others find out by themselves.
  void stop();
  // Runs on the node's thread.
  void post(std::function<void()> work);
  // To a pid, a name or {Name, Node}.
  void send(const Term& to, const Term& message);
  void cast(const Term& to, const Term& request);
  // gen_server:call; `then` runs on the node's thread with the reply, or with why there is none.
  void call(const Term& to, const Term& request, std::chrono::milliseconds timeout, std::function<void(bool ok, const Term& value)> then);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace supervisorring
