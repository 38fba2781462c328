// LegacyMember: a member that runs the Elixir libraries nano_ring 0.0.3 and supervisorring 0.0.4, as other members see it, for SimCluster.
//
// Kept, with the originals' defects: gossip that blocks for 100 ms; whoever does not ack in time is dropped; nobody is put back but the sender of a gossip,
// never itself; timestamps of the wall clock alone; all members of the ring file count as up; 5 s after it sees its own removal it deletes the file and stops.
// sync_children moves one child after the other over erpc without a time-out and kills the old copy whether or not the new one started.
//
// Not kept: that sets grow (their entries are the newest here), crashes by unknown casts, exec, handlers, and how supervisors end.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "crdt/lww_set.h"
#include "node/node.h"
#include "ring/ring_view.h"

namespace supervisorring::sim {

struct LegacyConfig {
  std::string supervisor;                           // the name of the one that it runs
  Term specs;                                       // its children: 6-tuples of gen_servers with a local name
  std::optional<LwwSet> ring_file;
  std::shared_ptr<std::multiset<std::string>> copies;  // that it keeps up to date: ids of the children that exist here
  RingChange* view;                                 // the same; outlives the node
};

// Before the node starts. The node's processes keep what they need.
void make_legacy(Node& node, LegacyConfig config);

}  // namespace supervisorring::sim
