// Composition: what one node of this library consists of, wired together on the node's thread.
//
// NanoRing (membership), the supervisors, their peer process, and the functions that others may call:
//   supervisorring:status/0           node/status.h
//   supervisorring:leave/0, leave/1   ok at once, then as SIGTERM; options: forget, which also leaves the ring's members, and {timeout_ms, N} for handing over
// and what the supervision offers (node/supervision.h).
//
// Leaving: children are handed over first, then the others are told, then the node halts. It also leaves when the supervisors here end too often
// (ExitStatus::top_intensity).
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "node/native_process.h"
#include "node/node.h"
#include "node/top_sup.h"
#include "ring/membership.h"
#include "supervisorring/cnode.h"
#include "node/sup_definition.h"

namespace supervisorring {

struct CompositionConfig {
  MembershipConfig ring;
  bool force = false;
  bool published = false;
  std::vector<std::function<void(const RingChange&)>> on_ring_change;
  std::function<void()> on_removed;  // empty: leaves, forgets and ends
  std::function<void()> on_started;
  Duration migrate_timeout = kMigrateTimeout;  // of a child's migrate, C++ or migrate/3; one that takes longer stays where it is, and is tried again later
  Duration leave_timeout = kLeaveTimeout;      // for handing children over when this node leaves
  std::optional<TopIntensity> top_intensity;  // none: a supervisor that has ended is not started again here
  std::size_t max_concurrent_starts = 0;      // of one supervisor; 0: as many as is usual
  std::shared_ptr<RingStore> rings;        // of several nodes in one thread of one program; none: its own
  std::shared_ptr<const PortAttach> port;  // drop-in: the BEAM beside which the node lives, as in NodeConfig
};

class Composition {
 public:
  // Defines functions and adds what is to be spawned. Before node.start(). Outlives the node's processes, as all that is given does.
  Composition(Node& node, const worker_registry& registry, NativeRuntime& runtime, CompositionConfig config);
  ~Composition();
  Composition(const Composition&) = delete;
  Composition& operator=(const Composition&) = delete;

  // Before node.start(). Error: the name is defined already.
  Result<bool> define(SupervisorDefinition);
  // On the node's thread. A second call changes nothing.
  void leave(ProcessContext&, bool forget);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace supervisorring
