#include "sup/drains.h"

#include <algorithm>

namespace supervisorring {

bool Drains::drained(const Term& node) const {
  if (node == self_) return own_.drained;
  const auto it = others_.find(node);
  return it != others_.end() && it->second.drained;
}

bool Drains::set_self(bool drained) {
  if (own_.drained == drained) return false;
  own_.drained = drained;
  if (own_.number < kMaxDrainNumber) ++own_.number;
  return true;
}

bool Drains::heard(const Term& from, const std::vector<DrainWord>& words) {
  Known& sender = others_[from];
  sender = {0, false, true};  // unless it says otherwise
  bool contested = false;
  for (const DrainWord& word : words) {
    if (word.node == from) {
      sender.number = word.number, sender.drained = word.drained;
    } else if (word.node == self_) {
      const bool ours = word.number < own_.number || (word.number == own_.number && word.drained == own_.drained);
      if (ours || own_.number >= kMaxDrainNumber) continue;
      own_.number = std::min(word.number + 1, kMaxDrainNumber);
      contested = true;
    } else {
      Known& known = others_[word.node];
      if (!known.said_itself && word.number > known.number) known.number = word.number, known.drained = word.drained;
    }
  }
  return contested;
}

void Drains::gone(const Term& node) {
  if (const auto it = others_.find(node); it != others_.end()) it->second.said_itself = false;
}

void Drains::forget_if(const std::function<bool(const Term& node)>& stranger) {
  std::erase_if(others_, [&](const auto& each) { return stranger(each.first); });
}

std::vector<DrainWord> Drains::words() const {
  std::vector<DrainWord> out;
  if (own_.number > 0) out.push_back(own_);
  for (const auto& [node, known] : others_)
    if (known.number > 0) out.push_back({node, known.number, known.drained});
  std::ranges::sort(out, [](const DrainWord& a, const DrainWord& b) { return compare(a.node, b.node) < 0; });
  return out;
}

}  // namespace supervisorring
