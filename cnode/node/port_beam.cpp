#include "node/port_beam.h"

#include <algorithm>

namespace supervisorring {

Beam::Beam(Node& node, const PortAttach& attach) : elixir(attach.elixir), node_(node), generation_(attach.generation) {
  for (const auto& [key, value] : attach.kept) kept_.insert_or_assign(key, value);
}

StartToken Beam::next_token_base() { return (generation_ & 0x7fff) << 48 | (++token_bases_ & 0xffff) << 32; }

void Beam::keep(const Term& key, const Term& value) {
  const auto [place, added] = kept_.try_emplace(key, value);
  if (!added && place->second == value) return;
  place->second = value;
  order(tuple(atom("keep"), key, value));
}

void Beam::unkeep(const Term& key) {
  if (kept_.erase(key) > 0) order(tuple(atom("unkeep"), key));
}

const Term* Beam::kept(const Term& key) const {
  const auto found = kept_.find(key);
  return found == kept_.end() ? nullptr : &found->second;
}

std::vector<Beam::KeptChild> Beam::kept_children(const Term& supervisor) const {
  std::vector<KeptChild> children;
  for (const auto& [key, value] : kept_)
    if (key.is_tagged("child", 3) && key[1] == supervisor && value.is_tuple(3))
      children.push_back({key[2], value[0], value[1], static_cast<std::uint64_t>(std::max<std::int64_t>(0, value[2].as_int64().value_or(0)))});
  std::sort(children.begin(), children.end(), [](const KeptChild& a, const KeptChild& b) { return compare_exact(a.id, b.id) < 0; });
  return children;
}

void Beam::forget(const Term& supervisor) { forget(supervisor, {"child", "history", "ending", "handler", "owners"}); }

void Beam::forget_children(const Term& supervisor) { forget(supervisor, {"child", "history", "ending"}); }

void Beam::forget(const Term& supervisor, std::initializer_list<const char*> kinds) {
  std::vector<Term> keys;
  for (const auto& [key, value] : kept_) {
    const bool of_it = std::ranges::any_of(kinds, [&key](const char* kind) { return key.is_tuple() && key.size() >= 2 && key[0].is_atom(kind); });
    if (of_it && key[1] == supervisor) keys.push_back(key);
  }
  std::sort(keys.begin(), keys.end(), [](const Term& a, const Term& b) { return compare_exact(a, b) < 0; });
  for (const Term& key : keys) unkeep(key);
}

}  // namespace supervisorring
