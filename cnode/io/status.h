// What supervisorring:status/0 answers: what this node sees, as a map for people and tools.
//
//   #{node => Node, version => <<"0.1.0">>, uptime => Seconds, epmd => boolean(), published => boolean(),
//     otp => 25 | 26, settled => boolean(), leaving => boolean(), degraded => boolean(),
//     members => [#{node => Node, up => boolean(), connected => boolean(), share => Float}],
//     supervisors => [#{name => Name, state => Text, known => N, owned => N, running => N, moving => N,
//                       children => [#{id => Id, pid => Pid | undefined, state => Atom}]}],
//     stuck => [#{pid => Pid, module => Module, name => Name, reason => Reason, seconds => N}]}
//
// `share` is the part of all keys that the member owns; `known` are the children in the cluster, `owned` those that the ring gives to this node,
// `running` those that run here. A stuck child is dead to the cluster, and its code has not returned. Readers skip keys that they do not know.
#pragma once

#include <unordered_map>
#include <string>
#include <vector>

#include "node/native_process.h"
#include "node/node.h"
#include "ring/ring_view.h"

namespace supervisorring {

inline constexpr std::size_t kMaxStatusChildren = 10'000;  // of one supervisor: an answer of about a megabyte

struct ChildStatus {
  Term id;
  Term pid;    // or the atom undefined
  Term state;  // an atom
};

struct SupervisorStatus {
  Term name;
  Term state;  // an atom
  std::size_t known = 0;
  std::size_t owned = 0;
  std::size_t running = 0;
  std::size_t moving = 0;
  std::vector<ChildStatus> children;  // at most kMaxStatusChildren
};

struct NodeStatus {
  const ProcessContext* context = nullptr;
  const Node* node = nullptr;
  const RingView* ring = nullptr;
  Duration uptime{};
  bool published = false;
  bool degraded = false;
  std::vector<SupervisorStatus> supervisors;
  std::vector<StuckChild> stuck;
};

Term status_term(const NodeStatus&);
// The part of all keys that each member owns.
std::unordered_map<Term, double> ring_shares(const Ring&);

}  // namespace supervisorring
