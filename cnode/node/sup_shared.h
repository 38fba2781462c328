// What the processes of supervision share: one SupervisionState a node, one SupervisorState a supervisor.
//
// On the node's thread only. Who may change a member is said beside it; everybody may read.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "node/native_process.h"
#include "node/cordoning.h"
#include "node/draining.h"
#include "node/port_attach.h"
#include "node/sup_definition.h"
#include "node/sup_post.h"
#include "node/who_owns.h"
#include "ring/partition.h"
#include "ring/ring_view.h"
#include "sup/child_manager.h"
#include "sup/ordered_table.h"
#include "sup/progress.h"
#include "sup/supervisor.h"
#include "supervisorring/factory.h"

namespace supervisorring {

// `<Sup>.GlobalSup`, `<Sup>.ChildManager`
inline Term name_of_global_sup(const Term& sup) { return atom(std::string(sup.atom_name()) + ".GlobalSup"); }
inline Term name_of_child_manager(const Term& sup) { return atom(std::string(sup.atom_name()) + ".ChildManager"); }
inline const Term& super_sup_name() { static const Term name = atom("Elixir.Supervisorring.App.Sup.SuperSup"); return name; }
// Announced by members beside a BEAM: calls and casts by {Sup, Id} are held there while the child moves (erl/supervisorring_gate.erl).
inline const Term& gate_feature() { static const Term name = atom("calls"); return name; }
// Announced by members that go by who is drained; and by who is cordoned.
inline const Term& drain_feature() { static const Term name = atom("drain"); return name; }
inline const Term& cordon_feature() { static const Term name = atom("cordon"); return name; }
// Announced by members that take {news, ...}.
inline const Term& news_feature() { static const Term name = atom("news"); return name; }
// Announced by members that take {digest, ...} in the place of a round's gossip.
inline const Term& digest_feature() { static const Term name = atom("digest"); return name; }
inline const Term& peer_name() { static const Term name = atom("supervisorring_peer"); return name; }

// For handing over: a move takes milliseconds, a `migrate` of the user's and one more try may take 30 s.
inline constexpr Duration kLeaveTimeout = std::chrono::seconds(30);

class Beam;
class LocalSup;
class NanoRing;
class TopSup;

enum class SupervisorPhase : std::uint8_t { reading, running, restarting, down };

struct SupervisorState {
  const SupervisorDefinition definition;
  const Term name;

  // Global supervisor.
  SupervisorPhase phase = SupervisorPhase::reading;
  std::string why;                          // reading: what the last attempt said; down: what ended it
  SupervisorFlags flags;
  SharedSpecs static_children;
  std::vector<Term> handlers;               // modules on the definition's node
  bool ended_by_intensity = false;
  SupEndCause local_end = SupEndCause::stopped;  // the local supervisor's process writes: why the last one ended
  std::optional<Instant> down_since;        // when the global supervisor ended

  // Local supervisor's process.
  std::unique_ptr<Supervisor> local;        // null while it does not run
  LocalSup* local_process = nullptr;        // the same
  PostBox local_box;

  // Child manager's process.
  std::unique_ptr<ChildManager> manager;    // from the first start on; lives on while the local supervisor restarts
  PostBox manager_box;
  Progress progress;                        // of its starts and moves
  std::map<std::string, SharedSpecs> handler_lists;  // by module: what each handler said last
  SharedSpecs dynamic_children;  // all of them

  OwnersDecided owners;                     // by whom the children are owned now (who_owns.h)

  // Drop-in: what the local supervisor takes over when it starts.
  std::vector<PortChild> takeover;
  bool gone = false;                        // drop-in: its top process on the BEAM has ended, and all that runs for it here is about to
  std::optional<Instant> up_until;          // drop-in: the BEAM's start_link waits for the first children, until then at most

  bool runs() const { return phase == SupervisorPhase::running; }
};

// What a member of ours announced, or that it announced nothing.
struct PeerInfo {
  bool connected = false;
  std::optional<PeerHello> hello;
  Instant since{};        // of the connection
  bool legacy = false;    // has no supervisorring_peer, or was connected long enough without a hello
  Term monitor;           // of its supervisorring_peer
  bool has_no_such_process = false;  // as that monitor says
  bool leaving = false;   // it hands its children over

  bool has(const Term& feature) const { return hello && std::ranges::count(hello->features, feature) > 0; }
  bool has_gate() const { return has(gate_feature()); }
  // REQUIRES: hello or legacy
  PeerKind kind_for(const Term& supervisor) const {
    if (!hello) return PeerKind::legacy;
    if (std::ranges::count(hello->supervisors, supervisor) == 0) return PeerKind::lacks_it;
    return std::ranges::count(hello->features, atom("move")) ? PeerKind::runs_it : PeerKind::by_hand;
  }
};

struct SupervisionState {
  SupervisionState(RingView& view, const worker_registry& registry, NativeRuntime& runtime) : ring(view), workers(registry), native(runtime) {}

  RingView& ring;
  const worker_registry& workers;
  NativeRuntime& native;
  std::size_t max_starts = kMaxStartsInFlight;  // of one supervisor; set before the node starts
  std::map<std::string, std::shared_ptr<SupervisorState>> supervisors;  // by name
  OrderedTable<Term, PeerInfo> peers;                                      // the peer process writes
  PostBox peer_box;
  PostBox super_sup_box;
  PostBox top_sup_box;
  TopSup* top_sup = nullptr;  // while its box is open
  Duration migrate_timeout = kMigrateTimeout;
  Duration leave_timeout = kLeaveTimeout;  // for handing children over before this node ends
  PartitionPolicy partitions = PartitionPolicy::keep_all;
  Beam* beam = nullptr;  // drop-in only; not owned
  NanoRing* nano_ring = nullptr;  // not owned; set before the node starts, where the node has a ring of its own
  std::optional<Instant> supervisors_start_by;  // drop-in: from the first question of the join guard on; its
  MoveRate move_rate;         // of children that move away, while this member is drained
  Draining draining{*this};
  Cordoning cordoning{*this};
  WhoOwns who_owns{*this};

  SupervisorState* find(const Term& name) const {
    if (!name.is_atom()) return nullptr;
    const auto it = supervisors.find(std::string(name.atom_name()));
    return it == supervisors.end() ? nullptr : it->second.get();
  }
  const PeerInfo* peer(const Term& node) const {
    const auto it = peers.find(node);
    return it == peers.end() ? nullptr : &it->second;
  }
  bool can_start(const ChildSpec& spec) const { return !workers.empty() && workers.resolve(spec.start); }
};

}  // namespace supervisorring
