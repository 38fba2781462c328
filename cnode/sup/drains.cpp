#include "sup/drains.h"

#include <algorithm>

namespace supervisorring {

bool Drains::drained(const Term& node) const {
  return node == self_ ? own_.drained : drained_others_.contains(node);
}

bool Drains::set_self(bool drained) {
  if (own_.drained == drained) return false;
  own_.drained = drained;
  if (own_.number < kMaxDrainNumber) ++own_.number;
  return true;
}

void Drains::know(const Term& node, Known& known, std::uint64_t number, bool drained) {
  if (drained) drained_others_.insert(node);
  else if (known.drained) drained_others_.erase(node);
  numbered_others_ += number > 0;
  numbered_others_ -= known.number > 0;
  known.number = number, known.drained = drained;
}

bool Drains::heard(const Term& from, const std::vector<DrainWord>& words) {
  Known& sender = others_[from];
  know(from, sender, 0, false);  // unless it says otherwise
  sender.said_itself = true;
  bool contested = false;
  for (const DrainWord& word : words) {
    if (word.node == from) {
      know(from, sender, word.number, word.drained);
    } else if (word.node == self_) {
      const bool ours = word.number < own_.number || (word.number == own_.number && word.drained == own_.drained);
      if (ours || own_.number >= kMaxDrainNumber) continue;
      own_.number = std::min(word.number + 1, kMaxDrainNumber);
      contested = true;
    } else {
      Known& known = others_[word.node];
      if (!known.said_itself && word.number > known.number) know(word.node, known, word.number, word.drained);
    }
  }
  return contested;
}

void Drains::gone(const Term& node) {
  if (const auto it = others_.find(node); it != others_.end()) it->second.said_itself = false;
}

void Drains::forget_if(const std::function<bool(const Term& node)>& stranger) {
  std::erase_if(others_, [&](const auto& each) {
    if (!stranger(each.first)) return false;
    if (each.second.drained) drained_others_.erase(each.first);
    numbered_others_ -= each.second.number > 0;
    return true;
  });
}

std::vector<DrainWord> Drains::words() const {
  std::vector<DrainWord> out;
  if (own_.number > 0) out.push_back(own_);
  if (numbered_others_ == 0) return out;
  for (const auto& [node, known] : others_)
    if (known.number > 0) out.push_back({node, known.number, known.drained});
  std::ranges::sort(out, [](const DrainWord& a, const DrainWord& b) { return compare(a.node, b.node) < 0; });
  return out;
}

}  // namespace supervisorring
