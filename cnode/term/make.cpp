// Term's factories.
#include <algorithm>
#include <memory>
#include <numeric>

#include "term/atom_cache.h"
#include "term/check.h"
#include "term/term_node.h"

namespace supervisorring {

using detail::behind;
using detail::new_node;
using detail::Node;
using detail::require;

namespace {

constexpr std::size_t kMaxSize = 0xFFFF'FFFF;  // what the external format's 32-bit sizes can say

void check_size(std::size_t size) {
  require(size <= kMaxSize, "a term of more than 2^32 - 1 elements", static_cast<long long>(size));
}

void check_atom(const Term& term, const char* what) {
  require(term.is_atom(), what, static_cast<long long>(term.type()));
}

Term tuple_of(Term* elements, std::size_t count) {
  check_size(count);
  Node* node = new_node(TermType::tuple, count, count * sizeof(Term));
  std::uninitialized_move_n(elements, count, behind<Term>(node));
  return TermAccess::adopt(node);
}

Term list_of(Term* elements, std::size_t count, Term tail) {
  if (count == 0) return tail;
  const std::span<const Term> more = tail.is_list() ? tail.elements() : std::span<const Term>();
  check_size(count + more.size());
  Node* node = new_node(TermType::list, count + more.size(), (count + more.size() + 1) * sizeof(Term));
  Term* place = behind<Term>(node);
  std::uninitialized_move_n(elements, count, place + 1);
  std::uninitialized_copy_n(more.begin(), more.size(), place + 1 + count);
  std::construct_at(place, tail.is_list() ? tail.tail() : tail);
  return TermAccess::adopt(node);
}

Term bytes_of(TermType type, BytesView bytes, std::uint8_t flag) {
  check_size(bytes.size());
  Node* node = new_node(type, bytes.size(), bytes.size(), flag);
  if (!bytes.empty()) std::memcpy(behind<char>(node), bytes.data(), bytes.size());
  return TermAccess::adopt(node);
}

}  // namespace

Term Term::integer(std::int64_t value) noexcept {
  Term term;
  term.type_ = TermType::integer;
  term.u_.integer = value;
  return term;
}

Term Term::unsigned_integer(std::uint64_t value) {
  if (value <= static_cast<std::uint64_t>(INT64_MAX)) return integer(static_cast<std::int64_t>(value));
  char magnitude[8];
  for (char& byte : magnitude) {
    byte = static_cast<char>(value & 0xFF);
    value >>= 8;
  }
  return bytes_of(TermType::big_integer, BytesView(magnitude, sizeof magnitude), 0);
}

Term Term::big(bool negative, BytesView magnitude) {
  while (!magnitude.empty() && magnitude.back() == 0) magnitude.remove_suffix(1);
  if (magnitude.size() <= 8) {
    std::uint64_t value = 0;
    for (std::size_t i = magnitude.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(magnitude[i]);
    constexpr std::uint64_t kMost = static_cast<std::uint64_t>(INT64_MAX);
    if (value <= kMost + (negative ? 1 : 0)) return integer(static_cast<std::int64_t>(negative ? 0 - value : value));
  }
  return bytes_of(TermType::big_integer, magnitude, negative ? 1 : 0);
}

Term Term::real(double value) noexcept {
  Term term;
  term.type_ = TermType::real;
  term.u_.real = value;
  return term;
}

Term Term::atom(std::string_view utf8) {
  detail::AtomFault fault;
  Term atom = detail::atom_from_utf8(utf8, fault);
  require(fault == detail::AtomFault::none, "an atom of invalid UTF-8 or of more than 255 characters", static_cast<long long>(utf8.size()));
  return atom;
}

Term Term::boolean(bool value) { return atom(value ? "true" : "false"); }

Term Term::tuple(std::vector<Term> elements) { return tuple_of(elements.data(), elements.size()); }

Term Term::tuple(std::initializer_list<Term> elements) {
  Node* node = new_node(TermType::tuple, elements.size(), elements.size() * sizeof(Term));
  std::uninitialized_copy(elements.begin(), elements.end(), behind<Term>(node));
  return TermAccess::adopt(node);
}

Term Term::tuple_taking(std::span<Term> elements) { return tuple_of(elements.data(), elements.size()); }

Term Term::list(std::vector<Term> elements, Term tail) {
  return list_of(elements.data(), elements.size(), std::move(tail));
}

Term Term::list(std::initializer_list<Term> elements) { return list(std::vector<Term>(elements)); }

Term Term::string(std::string_view latin1) {
  std::vector<Term> elements;
  elements.reserve(latin1.size());
  for (const char c : latin1) elements.push_back(integer(static_cast<unsigned char>(c)));
  return list(std::move(elements));
}

Term Term::binary(BytesView bytes) { return bytes_of(TermType::bitstring, bytes, 8); }

Term Term::bits(BytesView bytes, unsigned bits_in_last_byte) {
  require(bits_in_last_byte >= 1 && bits_in_last_byte <= 8, "bits in the last byte: 1 to 8", bits_in_last_byte);
  if (bytes.empty()) bits_in_last_byte = 8;
  Term term = bytes_of(TermType::bitstring, bytes, static_cast<std::uint8_t>(bits_in_last_byte));
  if (!bytes.empty()) behind<unsigned char>(term.u_.node)[bytes.size() - 1] &= static_cast<unsigned char>(0xFF << (8 - bits_in_last_byte));
  return term;
}

Term Term::map(std::vector<Pair> pairs) {
  const auto by_key = [](const Pair& a, const Pair& b) { return compare_exact(a.first, b.first) < 0; };
  std::stable_sort(pairs.begin(), pairs.end(), by_key);
  std::size_t kept = 0;
  for (Pair& pair : pairs) {
    if (kept != 0 && compare_exact(pairs[kept - 1].first, pair.first) == 0) --kept;
    if (&pairs[kept] != &pair) pairs[kept] = std::move(pair);
    ++kept;
  }
  return map_as_received(std::vector<Pair>(std::make_move_iterator(pairs.begin()), std::make_move_iterator(pairs.begin() + static_cast<std::ptrdiff_t>(kept))));
}

Term Term::map_as_received(std::vector<Pair> pairs) {
  Node* node = detail::new_map_node(pairs.data(), pairs.size());
  require(node != nullptr, "a map with two equal keys", static_cast<long long>(pairs.size()));
  return TermAccess::adopt(node);
}

namespace detail {

Node* new_map_node(Term::Pair* pairs, std::size_t count) {
  check_size(count);
  bool in_order = true;
  for (std::size_t i = 1; i < count && in_order; ++i) in_order = compare_exact(pairs[i - 1].first, pairs[i].first) < 0;
  std::vector<std::uint32_t> positions;
  if (!in_order) {
    positions.resize(count);
    std::iota(positions.begin(), positions.end(), 0u);
    std::sort(positions.begin(), positions.end(),
              [pairs](std::uint32_t a, std::uint32_t b) { return compare_exact(pairs[a].first, pairs[b].first) < 0; });
    for (std::size_t i = 1; i < count; ++i) {
      if (compare_exact(pairs[positions[i - 1]].first, pairs[positions[i]].first) == 0) return nullptr;
    }
  }
  const std::size_t behind_pairs = positions.size() * sizeof(std::uint32_t);
  Node* node = new_node(TermType::map, count, count * sizeof(Term::Pair) + behind_pairs, in_order ? 1 : 0);
  std::uninitialized_move_n(pairs, count, behind<Term::Pair>(node));
  if (behind_pairs != 0) std::memcpy(behind<char>(node, count * sizeof(Term::Pair)), positions.data(), behind_pairs);
  return node;
}

}  // namespace detail

Term Term::pid(Term node, std::uint32_t id, std::uint32_t serial, std::uint32_t creation) {
  check_atom(node, "a pid's node is an atom");
  Node* made = new_node(TermType::pid, 0, sizeof(Term) + sizeof(detail::PidTail));
  std::construct_at(behind<Term>(made), std::move(node));
  *behind<detail::PidTail>(made, sizeof(Term)) = {id, serial, creation};
  return TermAccess::adopt(made);
}

Term Term::port(Term node, std::uint64_t id, std::uint32_t creation) {
  check_atom(node, "a port's node is an atom");
  Node* made = new_node(TermType::port, 0, sizeof(Term) + sizeof(detail::PortTail));
  std::construct_at(behind<Term>(made), std::move(node));
  *behind<detail::PortTail>(made, sizeof(Term)) = {id, creation};
  return TermAccess::adopt(made);
}

Term Term::reference(Term node, std::uint32_t creation, std::span<const std::uint32_t> words) {
  check_atom(node, "a reference's node is an atom");
  require(!words.empty() && words.size() <= 5, "a reference has 1 to 5 words", static_cast<long long>(words.size()));
  Node* made = new_node(TermType::reference, words.size(), sizeof(Term) + sizeof(std::uint32_t) * (1 + words.size()));
  std::construct_at(behind<Term>(made), std::move(node));
  std::uint32_t* numbers = behind<std::uint32_t>(made, sizeof(Term));
  numbers[0] = creation;
  std::copy(words.begin(), words.end(), numbers + 1);
  return TermAccess::adopt(made);
}

Term Term::export_fun(Term module, Term function, std::uint32_t arity) {
  check_atom(module, "fun M:F/A: M is an atom");
  check_atom(function, "fun M:F/A: F is an atom");
  Node* made = new_node(TermType::export_fun, 0, 2 * sizeof(Term) + sizeof(std::uint32_t));
  std::construct_at(behind<Term>(made), std::move(module));
  std::construct_at(behind<Term>(made) + 1, std::move(function));
  *behind<std::uint32_t>(made, 2 * sizeof(Term)) = arity;
  return TermAccess::adopt(made);
}

Term Term::fun(BytesView external) { return bytes_of(TermType::fun, external, 0); }

}  // namespace supervisorring
