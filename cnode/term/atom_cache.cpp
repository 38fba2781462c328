#include "term/atom_cache.h"

#include <algorithm>

#include "term/term_node.h"
#include "term/utf8.h"

namespace supervisorring::detail {
namespace {

constexpr std::size_t kSlots = 1024;         // a power of two; 24 KiB a thread
constexpr std::uint32_t kCredit = 1u << 12;  // references taken at once, so that most hits need no atomic operation

struct Slot {
  std::uint64_t hash;
  Node* node;
  std::uint32_t credit;  // references of `node` that this slot still holds
};

struct Cache {
  Slot slots[kSlots] = {};
  ~Cache();
};

thread_local bool cache_is_gone = false;  // terms may be made after this thread's cache was destroyed
thread_local Cache cache;

void give_back(Slot& slot) noexcept {
  if (slot.node == nullptr) return;
  if (slot.node->refs.fetch_sub(slot.credit, std::memory_order_acq_rel) == slot.credit) free_node(slot.node);
  slot.node = nullptr;
}

Cache::~Cache() {
  cache_is_gone = true;
  for (Slot& slot : slots) give_back(slot);
}

bool is_slot_of(const Slot& slot, std::uint64_t hash, std::string_view bytes) noexcept {
  return slot.hash == hash && slot.node != nullptr && atom_text(slot.node) == bytes;
}

Term hand_out(Slot& slot) noexcept {
  if (slot.credit == 1) {
    slot.node->refs.fetch_add(kCredit, std::memory_order_relaxed);
    slot.credit += kCredit;
  }
  --slot.credit;
  return TermAccess::adopt(slot.node);
}

bool is_ascii(std::string_view bytes) noexcept {
  unsigned char all = 0;
  for (const char c : bytes) all |= static_cast<unsigned char>(c);
  return all < 0x80;
}

Node* new_atom(std::string_view utf8, std::uint64_t hash, AtomFault& fault) {
  AtomCharacters characters = kAscii;
  std::size_t count = utf8.size();
  if (!is_ascii(utf8)) {
    characters = kLatin1;
    count = 0;
    for (std::size_t at = 0; at < utf8.size(); ++count) {
      const std::int32_t point = next_code_point(utf8, at);
      if (point < 0) {
        fault = AtomFault::not_utf8;
        return nullptr;
      }
      if (point > 0xFF) characters = kUnicode;
    }
  }
  if (count > kMaxAtomCharacters) {
    fault = AtomFault::too_long;
    return nullptr;
  }
  Node* node = new_node(TermType::atom, utf8.size(), kAtomText + utf8.size(), characters);
  *behind<std::uint64_t>(node) = hash;
  std::memcpy(behind<char>(node, kAtomText), utf8.data(), utf8.size());
  return node;
}

}  // namespace

std::uint64_t hash_bytes(std::string_view bytes) noexcept {
  constexpr std::uint64_t kMultiplier = 0x9E3779B97F4A7C15;
  std::uint64_t hash = bytes.size() * kMultiplier;
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  const auto mix = [&hash](std::uint64_t word) {
    hash = (hash ^ word) * kMultiplier;
    hash ^= hash >> 29;
  };
  for (; left >= 8; at += 8, left -= 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    mix(word);
  }
  std::uint64_t last = 0;
  if (left >= 4) {  // two halves that overlap cover 4 to 7 bytes
    std::uint32_t head, tail;
    std::memcpy(&head, at, 4);
    std::memcpy(&tail, at + left - 4, 4);
    last = std::uint64_t{head} << 32 | tail;
  } else {
    for (std::size_t i = 0; i < left; ++i) last = last << 8 | static_cast<unsigned char>(at[i]);
  }
  mix(last);
  return hash ^ (hash >> 32);
}

Term atom_from_utf8(std::string_view bytes, AtomFault& fault) {
  fault = AtomFault::none;
  const std::uint64_t hash = hash_bytes(bytes);
  if (cache_is_gone) {
    Node* node = new_atom(bytes, hash, fault);
    return node == nullptr ? Term() : TermAccess::adopt(node);
  }
  Slot* pair = &cache.slots[hash & (kSlots - 2)];
  if (is_slot_of(pair[0], hash, bytes)) return hand_out(pair[0]);
  if (is_slot_of(pair[1], hash, bytes)) return hand_out(pair[1]);
  Node* node = new_atom(bytes, hash, fault);
  if (node == nullptr) return Term();
  give_back(pair[1]);
  pair[1] = pair[0];
  node->refs.store(kCredit, std::memory_order_relaxed);
  pair[0] = Slot{hash, node, kCredit};
  return hand_out(pair[0]);
}

Term atom_from_latin1(std::string_view bytes, AtomFault& fault) {
  if (is_ascii(bytes)) return atom_from_utf8(bytes, fault);
  if (bytes.size() > kMaxAtomCharacters) {
    fault = AtomFault::too_long;
    return Term();
  }
  std::string utf8;
  utf8.reserve(bytes.size() * 2);
  for (const char c : bytes) append_utf8(utf8, static_cast<unsigned char>(c));
  return atom_from_utf8(utf8, fault);
}

}  // namespace supervisorring::detail
