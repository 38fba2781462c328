// Term::hash(): equal terms give equal numbers. For tables of this process only: never sent, never stored.
#include "term/atom_cache.h"
#include "term/small_stack.h"
#include "term/term_node.h"

namespace supervisorring {
namespace {

using detail::behind;
using detail::Node;

constexpr std::uint64_t kSeed = 0x51ED270B9F3C1A77;

std::uint64_t mixed(std::uint64_t hash, std::uint64_t word) noexcept {
  hash = (hash ^ word) * 0x9E3779B97F4A7C15;
  return hash ^ (hash >> 32);
}

class Hasher {
 public:
  std::size_t run(const Term& term) {
    step(term);
    while (!runs_.empty()) {
      Run& run = runs_.top();
      if (run.next == run.end) {
        runs_.pop();
      } else if (run.map == nullptr) {
        step(run.terms[run.next++]);
      } else {
        const Term::Pair& pair = detail::map_pair(run.map, run.next++);
        step_pair(pair);
      }
    }
    return static_cast<std::size_t>(hash_);
  }

 private:
  struct Run {
    const Term* terms;
    const Node* map;  // when set, its pairs in key order
    std::size_t next, end;
  };

  void mix(std::uint64_t word) noexcept { hash_ = mixed(hash_, word); }

  void step_pair(const Term::Pair& pair) {
    // Pushed first, so that the key's own elements are walked before the value's.
    runs_.push(Run{&pair.second, nullptr, 0, 1});
    step(pair.first);
  }

  void step(const Term& term) {
    mix(static_cast<std::uint64_t>(term.type()));
    switch (term.type()) {
      case TermType::nil: return;
      case TermType::integer: return mix(static_cast<std::uint64_t>(TermAccess::integer(term)));
      case TermType::real: return mix(std::bit_cast<std::uint64_t>(TermAccess::real(term) + 0.0));  // -0.0 equals 0.0
      case TermType::atom: return mix(detail::atom_hash(TermAccess::node(term)));
      case TermType::big_integer: mix(term.is_negative()); return mix(detail::hash_bytes(term.magnitude()));
      case TermType::bitstring: mix(term.bits_in_last_byte()); return mix(detail::hash_bytes(term.bytes()));
      case TermType::fun: return mix(detail::hash_bytes(term.bytes()));
      case TermType::export_fun:
        step(term.fun_module());
        step(term.fun_function());
        return mix(term.fun_arity());
      case TermType::pid:
      case TermType::port:
      case TermType::reference: return step_identifier(term);
      case TermType::tuple: mix(term.size()); return push(term.elements());
      case TermType::list:
        mix(term.size());
        runs_.push(Run{&term.tail(), nullptr, 0, 1});
        return push(term.elements());
      case TermType::map:
        mix(term.size());
        runs_.push(Run{nullptr, TermAccess::node(term), 0, term.size()});
        return;
    }
  }

  void push(std::span<const Term> terms) {
    if (!terms.empty()) runs_.push(Run{terms.data(), nullptr, 0, terms.size()});
  }

  void step_identifier(const Term& term) {
    step(term.node());
    mix(term.creation());
    if (term.is_pid()) mix(std::uint64_t{term.pid_serial()} << 32 | term.pid_id());
    if (term.is_port()) mix(term.port_id());
    if (!term.is_reference()) return;
    for (const std::uint32_t word : term.reference_words()) {
      if (word != 0) mix(word);  // a missing word equals 0
    }
  }

  std::uint64_t hash_ = kSeed;
  detail::SmallStack<Run, 16> runs_;
};

// What follows the type. False: it is none of the simplest.
bool mix_simple(const Term& term, std::uint64_t& hash) noexcept {
  if (term.type() == TermType::integer) hash = mixed(hash, static_cast<std::uint64_t>(TermAccess::integer(term)));
  else if (term.type() == TermType::atom) hash = mixed(hash, detail::atom_hash(TermAccess::node(term)));
  else return term.type() == TermType::nil;
  return true;
}

}  // namespace

std::size_t Term::hash() const noexcept {
  // Names, nodes, pids and ids are looked up with every message: as Hasher does it, without its stack.
  std::uint64_t hash = mixed(kSeed, static_cast<std::uint64_t>(type_));
  if (mix_simple(*this, hash)) return static_cast<std::size_t>(hash);
  if (type_ == TermType::pid) {
    const auto& tail = *behind<detail::PidTail>(u_.node, sizeof(Term));
    hash = mixed(mixed(hash, static_cast<std::uint64_t>(TermType::atom)), detail::atom_hash(TermAccess::node(*behind<Term>(u_.node))));
    return static_cast<std::size_t>(mixed(mixed(hash, tail.creation), std::uint64_t{tail.serial} << 32 | tail.id));
  }
  if (type_ == TermType::tuple) {
    hash = mixed(hash, u_.node->size);
    const Term* const elements = behind<Term>(u_.node);
    for (std::uint32_t i = 0; i < u_.node->size; ++i) {
      hash = mixed(hash, static_cast<std::uint64_t>(elements[i].type()));
      if (!mix_simple(elements[i], hash)) return Hasher().run(*this);
    }
    return static_cast<std::size_t>(hash);
  }
  return Hasher().run(*this);
}

}  // namespace supervisorring
