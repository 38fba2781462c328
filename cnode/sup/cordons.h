// Cordons: which members keep the children that they have and get no new ones, and which children those are, as far as a member knows.
//
// Each member decides for itself. That it is cordoned it says in its hello, by the rule of drains.h; which children it keeps it lists in messages of their own, before the hello
// where it can. The list is what counts:
//   - it comes from the member itself, in parts over one connection, and the last part of a list puts it in the place of the one before;
//   - a member that is cordoned, and whose list has not come, is not treated as cordoned yet;
//   - the list of one that says that it is not cordoned is forgotten, as is that of a member that is no more.
// Nothing is kept on disk: a member that starts is not cordoned.
//
// Pure. Who is asked, told and logged: the node's cordoning.h.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "sup/drains.h"
#include "supervisorring/result.h"
#include "supervisorring/term.h"

namespace supervisorring {

inline constexpr std::size_t kMaxKeptIds = 100'000;        // that one member may keep: every other member holds them in memory
inline constexpr std::size_t kMaxKeptIdsInAll = 1'000'000;
inline constexpr std::size_t kMaxKeptParts = 1'000;        // of one list

// By supervisor. In the order in which they were listed.
using KeptList = std::vector<std::pair<Term, std::vector<Term>>>;
std::size_t count_ids(const KeptList&);
// [{Sup, [Id]}]; nullopt: no such list.
Term to_term(const KeptList&);
std::optional<KeptList> read_kept_list(const Term&);

// {kept, Part, Parts, [{Sup, [Id]}]}: the sender keeps these children while it is cordoned. Part: 1 to Parts.
struct PeerKept {
  std::size_t part = 1;
  std::size_t parts = 1;
  KeptList ids;
};
// At most `ids_a_part` in each part; at least one part.
std::vector<PeerKept> in_parts(const KeptList&, std::size_t ids_a_part);

// Of one supervisor: who keeps which of its children.
struct KeptIds {
  std::unordered_map<Term, Term> at;  // id, member
  std::vector<Term> silent;           // cordoned members whose list has not come: nothing is begun to be moved there

  const Term* keeper(const Term& id) const {
    const auto it = at.find(id);
    return it == at.end() ? nullptr : &it->second;
  }
};

class Cordons {
 public:
  using Listed = std::shared_ptr<const KeptList>;

  explicit Cordons(Term self) : words_(std::move(self)) {}

  bool cordoned(const Term& node) const { return words_.drained(node); }
  bool any_cordoned() const { return words_.any_drained(); }
  bool self_cordoned() const { return words_.self_drained(); }
  const DrainWord& own() const { return words_.own(); }
  std::vector<DrainWord> words() const { return words_.words(); }
  const KeptList& own_list() const { return *own_list_; }
  // What it keeps; null: it has not said.
  Listed list_of(const Term& node) const;

  // Of this member, which keeps these; again: another list. REQUIRES: at most kMaxKeptIds
  void cordon(KeptList);
  // False: it was not cordoned.
  bool lift();
  // What this member's predecessor in drop-in has said.
  void resume(std::uint64_t number, bool cordoned, KeptList);

  // What `from` says of itself and others. True: others are to hear how it is with this member.
  bool heard(const Term& from, const std::vector<DrainWord>& words);
  // True: a list is complete. Error: more than may be kept; that list is dropped.
  Result<bool> heard(const Term& from, PeerKept part);
  // The connection to it has closed.
  void gone(const Term& node);
  void forget_if(const std::function<bool(const Term& node)>& stranger);

 private:
  struct Arriving { std::size_t parts = 0, next = 1, ids = 0; KeptList list; };
  void forget_list(const Term& node);
  void drop_arriving(const Term& node);

  Drains words_;  // `drained` says cordoned
  Listed own_list_ = std::make_shared<const KeptList>();
  std::unordered_map<Term, Listed> lists_;
  std::size_t ids_ = 0;  // in lists_ and arriving_
  std::unordered_map<Term, Arriving> arriving_;
};

}  // namespace supervisorring
