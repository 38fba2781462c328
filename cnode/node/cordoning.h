// Cordoning: members that are up, keep the children that they have and get no new ones, because their operator has said so (`ringnode cordon`, `supervisorring:cordon/0,1`).
//
// What a cordoned member has said of itself, and which children it keeps, is agreed by sup/cordons.h. It keeps those that belong to it at the moment of the cordon: they run there, are about
// to start, or are on their way. For all others the ring is looked up without it (draining.h excludes it). A child that has ended for good, or was deleted, is off the list within kTrimKept.
// It counts only while every up member of the ring knows of it, as draining does: refused beside a legacy member, and over when one comes up. A member that is not up keeps nothing.
//
// One for a node, on its thread. The peer process tells it what it hears; draining.h has it look, who_owns.h asks it who keeps what.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "node/process.h"
#include "ring/consistent_hash.h"
#include "sup/cordons.h"
#include "sup/peer_messages.h"

namespace supervisorring {

struct SupervisionState;

inline constexpr Duration kTrimKept = std::chrono::seconds(10);

class Cordoning {
 public:
  explicit Cordoning(SupervisionState& all);

  // ---- asking -----------------------------------------------------------------------------------------
  // Up members that are cordoned and whose list is known, in the order of their names.
  const std::vector<Term>& in_effect() const { return in_effect_; }
  bool cordoned(const Term& node) const { return cordons_.cordoned(node); }
  // Somebody is, or was when look() looked last.
  bool any() const { return cordons_.any_cordoned() || !in_effect_.empty() || !silent_.empty(); }
  bool self_cordoned() const { return cordons_.self_cordoned(); }
  std::size_t own_children() const { return count_ids(cordons_.own_list()); }
  // Another number: kept() gives something else.
  std::uint64_t version() const { return version_; }
  // Who of `may_own` keeps which children of a supervisor; null: nobody.
  std::shared_ptr<const KeptIds> kept(const Term& supervisor, const Ring& may_own) const;
  // Why this member is cordoned no more, though nobody has said so; empty: it is, or was told.
  const std::string& note() const { return note_; }
  std::vector<DrainWord> words() const { return cordons_.words(); }
  // What this member keeps, for the others; none: it is not cordoned.
  std::vector<PeerKept> own_parts() const;

  // ---- telling ----------------------------------------------------------------------------------------
  void started();
  void heard(ProcessContext&, const Term& node, const PeerHello&);
  void heard(ProcessContext&, const Term& node, PeerKept);
  void gone(const Term& node) { cordons_.gone(node); }
  void forget_if(const std::function<bool(const Term& node)>& stranger) { cordons_.forget_if(stranger); }
  // `blockers`: up members that know of no cordon. True: something else is kept, or by others.
  bool look(ProcessContext&, const std::vector<Term>& blockers);
  void sweep(ProcessContext&);
  // Of this member; drain.h says what may be answered besides. {error, {too_many_children, N, Max}}, {error, drained}.
  Term cordon(ProcessContext&);
  // False: it was not cordoned.
  bool lift(ProcessContext&);

 private:
  void changed(ProcessContext&);

  SupervisionState& all_;
  Cordons cordons_;
  std::vector<Term> in_effect_, silent_;
  std::vector<Cordons::Listed> lists_;  // of in_effect_
  std::uint64_t version_ = 0;
  std::string note_;
  Instant next_trim_{};
};

}  // namespace supervisorring
