// Draining: members that are up and own no children, or no new ones (cordoning.h), because their operator has said so (`ringnode drain`, `supervisorring:drain/0,1`).
//
// What each member has said of itself is agreed by sup/drains.h. It counts only while every up member of the ring knows of it: a legacy member, or an older
// one of ours, places children by all up members. So drain is refused beside one, and when one comes up later every drained member is drained no more, and says
// why. Where all members that could own a child are drained, they own it as if none were.
//
// Children of a drained member move to their new owners like those of one that leaves, at most so many a second (sup/move_rate.h) when the operator says so.
//
// One for a node, on its thread. The peer process tells it what it hears; who_owns.h asks it for the rings.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "node/process.h"
#include "ring/consistent_hash.h"
#include "sup/drains.h"
#include "sup/peer_messages.h"

namespace supervisorring {

struct SupervisionState;

inline constexpr Duration kSilentIsLegacy = std::chrono::seconds(5);  // a member without a hello for so long, though it has a process that could say it
inline constexpr std::size_t kMaxDrainedRings = 64;

class Draining {
 public:
  explicit Draining(SupervisionState& all);

  // ---- asking -----------------------------------------------------------------------------------------
  // The ring without drained members; the same object while nothing has changed. REQUIRES: not null.
  std::shared_ptr<const Ring> placed(const std::shared_ptr<const Ring>& ring);
  std::shared_ptr<const Ring> would_be(const std::shared_ptr<const Ring>& ring) const;
  bool excludes(const Term& node) const;
  std::uint64_t version() const { return version_; }               // another number: others are excluded
  const std::vector<Term>& excluded() const { return excluded_; }  // drained and cordoned ones, in the order of their names
  const std::vector<Term>& drained() const { return drained_; }    // those of them that are drained
  bool self_drained() const { return drains_.self_drained(); }
  // Why this member is drained no more, though nobody has said so; empty: it is, or was told.
  const std::string& note() const { return note_; }
  std::vector<DrainWord> words() const { return drains_.words(); }

  // ---- telling ----------------------------------------------------------------------------------------
  void started(ProcessContext&);
  void heard(ProcessContext&, const Term& node, const PeerHello&);
  void gone(const Term& node) { drains_.gone(node); }
  void forget_strangers();
  // After any of these, or a change of the ring. Costs nothing while nobody is drained. True: other members are excluded than before.
  bool look(ProcessContext&);
  // Why members may not be drained, or cordoned, now; [] when they may. As below.
  Term refusal(ProcessContext&, const Term& feature) const;
  // ok, or {error, Why}: {legacy_members, [Node]}, {older_members, [Node]}, {not_heard_yet, [Node]}, no_other_member, not_up.
  Term drain(ProcessContext&, std::optional<std::int64_t> moves_a_second);
  Term undrain(ProcessContext&);

 private:
  void changed(ProcessContext&);

  SupervisionState& all_;
  Drains drains_;
  std::vector<Term> excluded_, drained_;
  std::uint64_t version_ = 0;  // of excluded_
  std::string note_;
  std::vector<std::pair<std::shared_ptr<const Ring>, std::shared_ptr<const Ring>>> rings_;  // with and without
};

}  // namespace supervisorring
