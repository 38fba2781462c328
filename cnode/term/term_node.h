// The heap nodes behind Term: one allocation each, a count of references, never changed once shared.
//
// Every node begins with Node. The Terms that it holds follow at once (so that one loop can release
// any of them), then its numbers or bytes:
//
//   atom        u64 hash, the UTF-8 bytes            big_integer  magnitude, little-endian
//   tuple       elements                             bitstring    bytes
//   list        tail, elements                       fun          external bytes
//   map         key, value, key, value ..., u32 positions in key order (absent when held in key order)
//   pid         node, PidTail                        port         node, PortTail
//   reference   node, u32 creation, u32 words        export_fun   module, function, u32 arity
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>

#include "supervisorring/term.h"
#include "term/node_pool.h"

namespace supervisorring::detail {

enum AtomCharacters : std::uint8_t { kAscii, kLatin1, kUnicode };

struct Node {
  std::atomic<std::uint64_t> refs;  // of a dead node that waits to be freed: the address of the next one
  std::uint32_t size;               // elements, pairs, words or bytes
  TermType type;
  std::uint8_t flag;                // atom: AtomCharacters; big: negative; bitstring: bits in the last byte; map: held in key order
  std::uint16_t steps;              // of its block, see node_pool.h; 0: a larger one
};
static_assert(sizeof(Node) == 16 && sizeof(Term) == 16 && sizeof(Term::Pair) == 32);

struct PidTail { std::uint32_t id, serial, creation; };
struct PortTail { std::uint64_t id; std::uint32_t creation; };

inline Node* new_node(TermType type, std::size_t size, std::size_t bytes_behind, std::uint8_t flag = 0) {
  const std::size_t bytes = sizeof(Node) + bytes_behind;
  const bool small = bytes <= kMostBytes;
  void* place = small ? take_block(steps_of(bytes)) : ::operator new(bytes);
  return ::new (place) Node{{1}, static_cast<std::uint32_t>(size), type, flag, static_cast<std::uint16_t>(small ? steps_of(bytes) : 0)};
}
// REQUIRES: nothing refers to the node, and what it refers to has been let go.
inline void delete_node(Node* node) noexcept {
  const std::size_t steps = node->steps;
  if (steps != 0) return give_block(node, steps);
  ::operator delete(node);
}

template <class T>
T* behind(Node* node, std::size_t offset = 0) noexcept {
  return reinterpret_cast<T*>(reinterpret_cast<char*>(node + 1) + offset);
}
template <class T>
const T* behind(const Node* node, std::size_t offset = 0) noexcept {
  return reinterpret_cast<const T*>(reinterpret_cast<const char*>(node + 1) + offset);
}

inline constexpr std::size_t kAtomText = sizeof(std::uint64_t);
inline std::uint64_t atom_hash(const Node* node) noexcept { return *behind<std::uint64_t>(node); }
inline std::string_view atom_text(const Node* node) noexcept { return {behind<char>(node, kAtomText), node->size}; }

inline const std::uint32_t* map_positions(const Node* node) noexcept {
  return behind<std::uint32_t>(node, std::size_t{node->size} * sizeof(Term::Pair));
}
// The i-th pair in key order.
inline const Term::Pair& map_pair(const Node* node, std::size_t i) noexcept {
  return behind<Term::Pair>(node)[node->flag ? i : map_positions(node)[i]];
}

inline bool holds_terms(TermType type) noexcept {
  return type != TermType::atom && type != TermType::big_integer && type != TermType::bitstring && type != TermType::fun;
}

// Frees a node whose last reference is gone, and what only it referred to, at any depth.
void free_node(Node* node) noexcept;

inline void retain_node(Node* node) noexcept { node->refs.fetch_add(1, std::memory_order_relaxed); }
// True when that was the last reference.
inline bool drop_reference(Node* node) noexcept {
  if (node->refs.load(std::memory_order_acquire) == 1) return true;
  return node->refs.fetch_sub(1, std::memory_order_acq_rel) == 1;
}

// A map node of `count` pairs, moved from `pairs` and kept in that order; nullptr (and nothing moved)
// when two keys are equal.
Node* new_map_node(Term::Pair* pairs, std::size_t count);

}  // namespace supervisorring::detail

namespace supervisorring {

// The door for the encoder, the decoder and the orders into a Term.
class TermAccess {
 public:
  // Takes over one reference.
  static Term adopt(detail::Node* node) noexcept {
    Term term;
    term.type_ = node->type;
    term.u_.node = node;
    return term;
  }
  // REQUIRES: a type with a node.
  static detail::Node* node(const Term& term) noexcept { return term.u_.node; }
  static std::int64_t integer(const Term& term) noexcept { return term.u_.integer; }
  static double real(const Term& term) noexcept { return term.u_.real; }
  static bool has_node(const Term& term) noexcept { return term.type_ >= TermType::big_integer && term.shared(); }
};

}  // namespace supervisorring
