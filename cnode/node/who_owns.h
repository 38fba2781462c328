// WhoOwns: by which ring each supervisor's children are placed, when `members` in its flags names a set of members (sup/owner_set.h).
//
// One for a node. The set of a supervisor counts as long as every up member that runs it keeps to it:
//
//   - A member that runs it and knows nothing of `members` (legacy, or an older version of ours) places by all members: then the others do, too, until it has gone.
//   - Members of ours whose definitions give different sets go by that of the member whose name sorts first. All of them know the sets of all, so they agree; each logs it.
//
// A legacy member is asked every kAskLegacy whether it runs a supervisor of which any member has announced a set. What a member has announced counts
// while it is a member or connected, so that a broken connection changes nothing.
//
// Before a supervisor with a set is placed for the first time every up member has said hello, or what it runs: until then its children wait, and there is no answer to who
// owns them. In drop-in a successor of the program goes by its predecessor's ring until then, which the estate keeps.
//
// The peer process calls heard(), is_legacy(), look() and sweep(), on the node's thread as all of supervision. For `all`, the default, the ring is the view's own and nothing is kept.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "node/process.h"
#include "sup/cordons.h"
#include "sup/owner_rings.h"
#include "sup/peer_messages.h"

namespace supervisorring {

struct SupervisionState;
struct SupervisorState;
enum class SupervisorPhase : std::uint8_t;

inline constexpr Duration kAskLegacy = std::chrono::seconds(1);
inline constexpr Duration kForgetStrangersInterval = std::chrono::seconds(10);  // of looks at everybody that was ever heard
inline constexpr Duration kLegacyAnswer = std::chrono::seconds(2);

// What a decision follows from, besides the supervisor's own history: while it is the same, so is the decision.
struct OwnersDecidedBy {
  std::shared_ptr<const Ring> ring;                   // of all up members
  bool settled;
  std::uint64_t kinds, said, excluded, kept;          // versions
  SupervisorPhase phase;
  OwnerSet defined;

  bool operator==(const OwnersDecidedBy&) const = default;
};

// Of one supervisor. WhoOwns writes.
struct OwnersDecided {
  std::optional<OwnersDecidedBy> by;                  // nullopt: not decided yet
  OwnerSet set;                                       // by which its children are placed
  std::vector<Term> without_sets;                     // up members that run it and know no sets: the reason for all
  std::vector<std::pair<Term, OwnerSet>> disagree;    // what each up member that runs it says, when they differ
  bool nobody = false;                                // no member of the set is up
  bool surveyed = false;                              // each up member had said hello or what it runs, once
  std::optional<OwnerSet> previous;                   // drop-in: those that the predecessor placed by, until then
  std::shared_ptr<const KeptIds> kept;                // what cordoned members keep (cordoning.h); null: nothing
  std::uint64_t kept_version = 0;
  std::shared_ptr<const Ring> kept_of;                // the ring of those that might
  std::vector<Term> told;                             // drop-in: the members of the ring that the BEAM looks up by
  enum class Told : std::uint8_t { all, listed, asked, unknown } told_kind = Told::all;

  // Why the children are not placed as the definition says, or nowhere; empty: they are.
  std::string note(const OwnerSet& defined) const;
};

class WhoOwns {
 public:
  explicit WhoOwns(SupervisionState& all) : all_(all) {}

  // ---- asking -----------------------------------------------------------------------------------------
  // Never null; empty when no member of the set is up, and before the supervisor is placed for the first time.
  std::shared_ptr<const Ring> ring_of(const SupervisorState&);
  // Who keeps which of its children, whatever that ring says; null: nobody.
  static const std::shared_ptr<const KeptIds>& kept_of(const SupervisorState&);
  // Children may run.
  bool settled(const SupervisorState&);
  // The member, or why there is none: {no_member_up, Set}, or a text as a binary.
  struct Owner { std::optional<Term> node; Term why; };
  Owner owner_of(const SupervisorState&, const Term& id);
  // With these members up, by the set that counts now.
  std::shared_ptr<const Ring> would_be(const SupervisorState&, const std::shared_ptr<const Ring>& up) const;
  MemberKind kind_of(const Term& node) const { return rings_.kind_of(node); }
  // Every up member is one of ours, and no other member is known for a legacy one.
  bool all_are_ours() const;
  // Members that run it, are up and would not keep to a set, as far as is known now.
  std::vector<Term> without_sets(const Term& supervisor) const;

  // ---- telling ----------------------------------------------------------------------------------------
  void started(ProcessContext&);
  void heard(const Term& node, const PeerHello&);
  void is_legacy(const Term& node);
  // After any of these: decides anew for all supervisors, logs what changed.
  void look(ProcessContext&);
  // After a change of the ring, and now and then: looks at every member first.
  void sweep(ProcessContext&);
  // Who is neither a member nor connected any more, every kForgetStrangersInterval at most.
  void forget_strangers(ProcessContext&);
  // The same for one that is about to start here.
  void decide(ProcessContext&, SupervisorState&);
  // Asks legacy members what they run, when it matters and time has passed. Their answers come back into the peer process.
  void ask_legacy(ProcessContext&);
  // Before a supervisor with a set starts on a BEAM: which of the up members run it and know no sets? `then` gets them.
  void find_without_sets(ProcessContext&, const Term& supervisor, std::function<void(ProcessContext&, std::vector<Term>)> then);
  void ended(SupervisorState&);

 private:
  // What a member of ours said last.
  struct Said {
    bool knows_sets = false;
    std::vector<Term> supervisors;
    std::vector<std::pair<Term, OwnerSet>> members;
  };
  std::vector<std::pair<Term, OwnerSet>> runners(const SupervisorState&) const;
  bool any_set(const SupervisorState&) const;
  static bool is_placed(const OwnersDecided&);
  bool everybody_is_known(const Term& supervisor) const;
  void forget_said(const Term& node);
  void report(ProcessContext&, const SupervisorState&, const OwnersDecided& before) const;
  void tell_beam(SupervisorState&);
  std::shared_ptr<const Ring> with_all(const SupervisorState&);  // with members that are drained or cordoned
  void find_kept(SupervisorState&);

  SupervisionState& all_;
  OwnerRings rings_;
  std::unordered_map<Term, Said> said_;                        // by node
  std::size_t announce_sets_ = 0;                              // of said_: nodes that announce any set but all
  std::map<std::pair<std::string, std::string>, bool> legacy_runs_;  // by supervisor and node that was asked
  std::uint64_t said_version_ = 0;                             // of both
  std::optional<Instant> asked_at_, forgot_at_;
};

}  // namespace supervisorring
