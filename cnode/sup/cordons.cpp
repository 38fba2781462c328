#include "sup/cordons.h"

#include <algorithm>

namespace supervisorring {

std::size_t count_ids(const KeptList& list) {
  std::size_t count = 0;
  for (const auto& [supervisor, ids] : list) count += ids.size();
  return count;
}

Term to_term(const KeptList& list) {
  std::vector<Term> out;
  for (const auto& [supervisor, ids] : list) out.push_back(tuple(supervisor, Term::list(ids)));
  return Term::list(std::move(out));
}

std::optional<KeptList> read_kept_list(const Term& term) {
  if (!term.is_proper_list()) return std::nullopt;
  KeptList out;
  for (const Term& each : term.elements()) {
    if (!each.is_tuple(2) || !each[0].is_atom() || !each[1].is_proper_list()) return std::nullopt;
    out.emplace_back(each[0], std::vector<Term>(each[1].elements().begin(), each[1].elements().end()));
  }
  return out;
}

std::vector<PeerKept> in_parts(const KeptList& list, std::size_t ids_a_part) {
  std::vector<PeerKept> out(1);
  std::size_t room = ids_a_part;
  for (const auto& [supervisor, ids] : list) {
    for (std::size_t at = 0; at < ids.size();) {
      if (room == 0) out.emplace_back(), room = ids_a_part;
      const std::size_t end = std::min(ids.size(), at + room);
      out.back().ids.emplace_back(supervisor, std::vector<Term>(ids.begin() + static_cast<std::ptrdiff_t>(at), ids.begin() + static_cast<std::ptrdiff_t>(end)));
      room -= end - at;
      at = end;
    }
  }
  for (std::size_t part = 0; part < out.size(); ++part) out[part].part = part + 1, out[part].parts = out.size();
  return out;
}

Cordons::Listed Cordons::list_of(const Term& node) const {
  if (!cordoned(node)) return nullptr;
  if (node == own().node) return own_list_;
  const auto it = lists_.find(node);
  return it == lists_.end() ? nullptr : it->second;
}

void Cordons::cordon(KeptList list) {
  own_list_ = std::make_shared<const KeptList>(std::move(list));
  words_.set_self(true);
}

bool Cordons::lift() {
  own_list_ = std::make_shared<const KeptList>();
  return words_.set_self(false);
}

void Cordons::resume(std::uint64_t number, bool cordoned, KeptList list) {
  words_.resume(number, cordoned);
  own_list_ = std::make_shared<const KeptList>(std::move(list));
}

bool Cordons::heard(const Term& from, const std::vector<DrainWord>& words) {
  const bool contested = words_.heard(from, words);
  if (!cordoned(from)) forget_list(from);
  return contested;
}

Result<bool> Cordons::heard(const Term& from, PeerKept part) {
  if (part.part == 1) {
    drop_arriving(from);  // one that was never completed
    arriving_[from].parts = part.parts;
  }
  const auto it = arriving_.find(from);
  if (it == arriving_.end() || it->second.parts != part.parts || it->second.next != part.part) return false;  // of a list that was dropped
  Arriving& arriving = it->second;
  const std::size_t more = count_ids(part.ids);
  const auto before = lists_.find(from);
  const std::size_t replaced = before == lists_.end() ? 0 : count_ids(*before->second);
  if (arriving.ids + more > kMaxKeptIds || ids_ + more > kMaxKeptIdsInAll + replaced) {
    ids_ -= arriving.ids;
    arriving_.erase(it);
    return Error{to_text(from, 200) + " keeps more children than " + std::to_string(kMaxKeptIds) + ", or all members more than " + std::to_string(kMaxKeptIdsInAll)};
  }
  ++arriving.next;
  arriving.ids += more;
  ids_ += more;
  std::ranges::move(part.ids, std::back_inserter(arriving.list));
  if (part.part < part.parts) return false;
  ids_ -= replaced;
  lists_.insert_or_assign(from, std::make_shared<const KeptList>(std::move(arriving.list)));
  arriving_.erase(it);
  return true;
}

void Cordons::gone(const Term& node) {
  words_.gone(node);
  drop_arriving(node);
}

void Cordons::drop_arriving(const Term& node) {
  const auto it = arriving_.find(node);
  if (it == arriving_.end()) return;
  ids_ -= it->second.ids;
  arriving_.erase(it);
}

void Cordons::forget_list(const Term& node) {
  const auto it = lists_.find(node);
  if (it == lists_.end()) return;
  ids_ -= count_ids(*it->second);
  lists_.erase(it);
}

void Cordons::forget_if(const std::function<bool(const Term& node)>& stranger) {
  words_.forget_if(stranger);
  std::vector<Term> strangers;
  for (const auto& [node, list] : lists_)
    if (stranger(node)) strangers.push_back(node);
  for (const Term& node : strangers) forget_list(node);
}

}  // namespace supervisorring
