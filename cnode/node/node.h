// Node: one Erlang node without its sockets, clock, files and threads.
//
// It owns the process table, the connections to other nodes, the names, and the services that every node has
// (net_kernel, rex, erpc). It is fed inputs with the time and answers with Effects (effect.h). The same class runs under the
// Asio driver (io/) and under the simulator (test/sim). One thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "node/effect.h"
#include "node/kept_files.h"
#include "node/process.h"
#include "supervisorring/result.h"
#include "supervisorring/time.h"

namespace supervisorring {

struct PortAttach;  // port_attach.h
class WorkerPool;  // worker_pool.h: where native children run

struct NodeConfig {
  std::string name;                      // "cpp1@127.0.0.1": name and host
  std::string cookie;
  std::uint16_t listen_port = 0;         // what the driver listens on
  std::string epmd_host = "127.0.0.1";
  std::uint16_t epmd_port = 4369;        // 0: no epmd (the peers are told by `static_ports`)
  std::map<std::string, std::uint16_t> static_ports;  // node name -> port, asked before any epmd
  bool published = false;                // true: appears in nodes(); false: hidden
  std::uint32_t creation = 1;            // used until epmd gives one
  Duration tick_time = std::chrono::seconds(60);       // net_ticktime: a silent peer is dropped after it
  Duration handshake_timeout = std::chrono::seconds(7);  // net_setuptime
  std::uint64_t seed = 1;                // of every random choice; the program takes it from the system
  std::shared_ptr<const PortAttach> port;  // drop-in: the BEAM beside which this node lives; no cookie, port or epmd then
  LogLevel port_log_level = LogLevel::info;  // drop-in: lines below it are not sent
};

// A function that rpc, erpc and rex can call: arguments in, value out, now or later.
// `done` may be called once, at any time while the node lives.
struct RpcError { Term kind; Term reason; };  // kind: error | exit | throw
using RpcDone = std::function<void(std::variant<Term, RpcError>)>;
using RpcFunction = std::function<void(ProcessContext&, std::vector<Term> arguments, RpcDone done)>;

class Node {
 public:
  Node(NodeConfig config, WorkerPool* workers);  // `workers` may be null (no native children); not owned
  ~Node();

  // ---- setting up, before start() --------------------------------------------------------------
  // Makes Module:Function/Arity callable from other nodes. REQUIRES: not yet defined.
  void define_function(std::string module, std::string function, std::size_t arity, RpcFunction);
  // Runs inside the node's thread at start(), in order of addition: spawn what the program consists of.
  void at_start(std::function<void(ProcessContext&)>);

  // ---- inputs -----------------------------------------------------------------------------------
  void start(Time);
  void connection_accepted(ConnectionId, const std::string& peer_address, Time);
  void connection_opened(ConnectionId, Time);
  void connection_failed(ConnectionId, const Error&, Time);
  void bytes_received(ConnectionId, BytesView, Time);
  void bytes_written(ConnectionId, std::size_t count, Time);   // of what SendBytes handed over
  void connection_closed(ConnectionId, const std::string& why, Time);  // by the peer or by a fault
  void file_written(const std::string& name, Time);                    // a PersistFile
  void file_failed(const std::string& name, const Error&, Time);       // a PersistFile or RemoveFile that did not work
  void data_directory_changed(Time);              // it is not the one of the writes before
  void workers_ready(Time);                       // the worker pool has something in its outbox
  void timeout(Time);                             // next_timeout() has come
  void port_received(BytesView, Time);            // drop-in: from the BEAM, cut anywhere
  // Runs `what` as if in a process of the node's own (spawn, send, call, define supervisors): for the embedding program.
  void run(std::function<void(ProcessContext&)> what, Time);

  // ---- drop-in, on the node's thread -----------------------------------------------------------------
  // What comes over the port and is not the node's own affair (port_link.h); before start().
  void on_port_input(std::function<void(ProcessContext&, const Term& input)>);
  void log(LogLevel, const std::string&);             // as a process of the node
  void order(const Term&);                            // for the BEAM, in this step's frame
  const RpcFunction* function(const Term& module, const Term& name, std::size_t arity) const;  // null: not defined
  void stand_in(const Term& name, const Term& pid);   // processes of this name have this pid from here on

  // ---- outputs ----------------------------------------------------------------------------------
  Effects take_effects();
  std::optional<Instant> next_timeout() const;

  // ---- looking ----------------------------------------------------------------------------------
  const Term& name() const;
  bool registered_with_epmd() const;
  std::vector<Term> connected_nodes() const;
  std::vector<UnwrittenFile> unwritten_files() const;
  std::size_t process_count() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace supervisorring
