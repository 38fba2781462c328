// compare(), compare_exact(), == and hash(): walks with a stack of their own, safe at any depth.
#include <algorithm>
#include <bit>
#include <cmath>

#include "term/atom_cache.h"
#include "term/fun_header.h"
#include "term/small_stack.h"
#include "term/term_node.h"

namespace supervisorring {
namespace {

using detail::behind;
using detail::Node;

template <class T>
int order_of(T a, T b) noexcept {
  return a < b ? -1 : a > b ? 1 : 0;
}

int sign(int order) noexcept { return order_of(order, 0); }

// number < atom < reference < fun < port < pid < tuple < map < [] < list < bitstring
int rank(TermType type) noexcept {
  switch (type) {
    case TermType::integer:
    case TermType::big_integer:
    case TermType::real: return 0;
    case TermType::atom: return 1;
    case TermType::reference: return 2;
    case TermType::fun:
    case TermType::export_fun: return 3;
    case TermType::port: return 4;
    case TermType::pid: return 5;
    case TermType::tuple: return 6;
    case TermType::map: return 7;
    case TermType::nil: return 8;
    case TermType::list: return 9;
    case TermType::bitstring: return 10;
  }
  return 11;
}

int compare_magnitudes(BytesView a, BytesView b) noexcept {
  if (a.size() != b.size()) return order_of(a.size(), b.size());
  for (std::size_t i = a.size(); i-- > 0;) {
    if (a[i] != b[i]) return order_of(static_cast<unsigned char>(a[i]), static_cast<unsigned char>(b[i]));
  }
  return 0;
}

int compare_integers(const Term& a, const Term& b) noexcept {
  if (a.is_small() && b.is_small()) return order_of(TermAccess::integer(a), TermAccess::integer(b));
  if (a.is_small()) return b.is_negative() ? 1 : -1;
  if (b.is_small()) return a.is_negative() ? -1 : 1;
  if (a.is_negative() != b.is_negative()) return a.is_negative() ? -1 : 1;
  const int order = compare_magnitudes(a.magnitude(), b.magnitude());
  return a.is_negative() ? -order : order;
}

int compare_small_with_real(std::int64_t a, double b) noexcept {
  constexpr double kTwoTo63 = 9223372036854775808.0;
  if (b >= kTwoTo63) return -1;
  if (b < -kTwoTo63) return 1;
  const std::int64_t whole = static_cast<std::int64_t>(b);
  if (a != whole) return order_of(a, whole);
  return order_of(static_cast<double>(whole), b);
}

// Exactly: by the number of bits, then bit by bit.
int compare_big_with_real(const Term& a, double b) noexcept {
  const bool negative = a.is_negative();
  if (std::isinf(b)) return b < 0 ? 1 : -1;
  if (b == 0 || negative != (b < 0)) return negative ? -1 : 1;
  const BytesView magnitude = a.magnitude();
  const unsigned top_bits = static_cast<unsigned>(std::bit_width(static_cast<unsigned>(static_cast<unsigned char>(magnitude.back()))));
  const long long bits_a = static_cast<long long>(magnitude.size() - 1) * 8 + top_bits;
  int exponent = 0;
  const double fraction = std::frexp(std::fabs(b), &exponent);  // in [0.5, 1)
  int order = order_of(bits_a, static_cast<long long>(exponent));
  if (order == 0) {
    // The 53 bits of b against the same number of leading bits of a; any other bit of a set makes it the larger.
    auto bits_b = static_cast<std::uint64_t>(std::ldexp(fraction, 53));
    for (long long bit = bits_a - 1; bit >= 0 && order == 0; --bit) {
      const int bit_a = (static_cast<unsigned char>(magnitude[static_cast<std::size_t>(bit / 8)]) >> (bit % 8)) & 1;
      const long long place = 52 - (bits_a - 1 - bit);
      const int bit_b = place < 0 ? 0 : static_cast<int>((bits_b >> place) & 1);
      order = order_of(bit_a, bit_b);
    }
  }
  return negative ? -order : order;
}

int compare_numbers(const Term& a, const Term& b, bool exact) noexcept {
  if (a.is_real() && b.is_real()) return order_of(TermAccess::real(a), TermAccess::real(b));
  if (!a.is_real() && !b.is_real()) return compare_integers(a, b);
  if (exact) return a.is_real() ? 1 : -1;
  if (a.is_real()) return -compare_numbers(b, a, false);
  return a.is_small() ? compare_small_with_real(TermAccess::integer(a), TermAccess::real(b))
                      : compare_big_with_real(a, TermAccess::real(b));
}

int compare_atoms(const Term& a, const Term& b) noexcept {
  if (TermAccess::node(a) == TermAccess::node(b)) return 0;
  return sign(a.atom_name().compare(b.atom_name()));
}

int compare_nodes(const Term& a, const Term& b) noexcept {
  const int order = compare_atoms(a.node(), b.node());
  return order != 0 ? order : order_of(a.creation(), b.creation());
}

// A missing word counts as 0, the last word is the most significant.
int compare_references(const Term& a, const Term& b) noexcept {
  if (const int order = compare_nodes(a, b)) return order;
  const auto words_a = a.reference_words();
  const auto words_b = b.reference_words();
  for (std::size_t i = 5; i-- > 0;) {
    const std::uint32_t word_a = i < words_a.size() ? words_a[i] : 0;
    const std::uint32_t word_b = i < words_b.size() ? words_b[i] : 0;
    if (word_a != word_b) return order_of(word_a, word_b);
  }
  return 0;
}

int compare_pids(const Term& a, const Term& b) noexcept {
  if (a.pid_serial() != b.pid_serial()) return order_of(a.pid_serial(), b.pid_serial());
  if (a.pid_id() != b.pid_id()) return order_of(a.pid_id(), b.pid_id());
  return compare_nodes(a, b);
}

int compare_ports(const Term& a, const Term& b) noexcept {
  const int order = compare_nodes(a, b);
  return order != 0 ? order : order_of(a.port_id(), b.port_id());
}

int compare_bitstrings(const Term& a, const Term& b) noexcept {
  const BytesView bytes_a = a.bytes();
  const BytesView bytes_b = b.bytes();
  const std::size_t bits_a = bytes_a.size() * 8 + a.bits_in_last_byte();
  const std::size_t bits_b = bytes_b.size() * 8 + b.bits_in_last_byte();
  // The unused bits are 0, so that bytes may be compared whole unless a byte is only partly there in the shorter.
  const std::size_t shorter = std::min(bytes_a.size(), bytes_b.size());
  if (shorter == 0) return order_of(bytes_a.size(), bytes_b.size());
  if (const int order = std::memcmp(bytes_a.data(), bytes_b.data(), shorter - 1)) return sign(order);
  const unsigned partial_a = bytes_a.size() == shorter ? a.bits_in_last_byte() : 8;
  const unsigned partial_b = bytes_b.size() == shorter ? b.bits_in_last_byte() : 8;
  const unsigned mask = 0xFFu << (8 - std::min(partial_a, partial_b)) & 0xFFu;
  const unsigned last_a = static_cast<unsigned char>(bytes_a[shorter - 1]) & mask;
  const unsigned last_b = static_cast<unsigned char>(bytes_b[shorter - 1]) & mask;
  return last_a != last_b ? order_of(last_a, last_b) : order_of(bits_a, bits_b);
}

int compare_funs(const Term& a, const Term& b) {
  if (a.type() != b.type()) return a.type() == TermType::export_fun ? 1 : -1;
  if (a.type() == TermType::fun) return detail::compare_closures(a.bytes(), b.bytes());
  if (const int order = compare_atoms(a.fun_module(), b.fun_module())) return order;
  if (const int order = compare_atoms(a.fun_function(), b.fun_function())) return order;
  return order_of(a.fun_arity(), b.fun_arity());
}

// Pairs of terms still to be compared, as runs.
struct Run {
  enum Kind : std::uint8_t { terms, keys, values, verdict } kind;
  bool exact;
  int order;           // verdict: what the comparison gives when it comes this far
  std::size_t left;    // terms
  const Term* a;
  const Term* b;
  const Node* map_a;   // keys, values: the next pair in key order
  const Node* map_b;
  std::size_t next;
};

class Comparison {
 public:
  int run(const Term& a, const Term& b, bool exact) {
    if (const int order = step(a, b, exact)) return order;
    while (!runs_.empty()) {
      Run& run = runs_.top();
      if (run.left == 0) {
        if (run.kind == Run::verdict) return run.order;
        runs_.pop();
        continue;
      }
      --run.left;
      const Term* x = run.a;
      const Term* y = run.b;
      if (run.kind == Run::terms) {
        ++run.a;
        ++run.b;
      } else {
        const Term::Pair& pair_a = detail::map_pair(run.map_a, run.next);
        const Term::Pair& pair_b = detail::map_pair(run.map_b, run.next);
        ++run.next;
        x = run.kind == Run::keys ? &pair_a.first : &pair_a.second;
        y = run.kind == Run::keys ? &pair_b.first : &pair_b.second;
      }
      if (const int order = step(*x, *y, run.exact)) return order;
    }
    return 0;
  }

 private:
  // The order of two terms when it can be told at once; 0 when equal so far (what they hold is then on the stack).
  int step(const Term& a, const Term& b, bool exact) {
    const int rank_a = rank(a.type());
    const int rank_b = rank(b.type());
    if (rank_a != rank_b) return order_of(rank_a, rank_b);
    if (rank_a == 0) return compare_numbers(a, b, exact);
    if (a.is_nil() || TermAccess::node(a) == TermAccess::node(b)) return 0;
    switch (a.type()) {
      case TermType::atom: return compare_atoms(a, b);
      case TermType::reference: return compare_references(a, b);
      case TermType::port: return compare_ports(a, b);
      case TermType::pid: return compare_pids(a, b);
      case TermType::bitstring: return compare_bitstrings(a, b);
      case TermType::tuple: return enter_tuples(a, b, exact);
      case TermType::map: return enter_maps(a, b, exact);
      case TermType::list: return enter_lists(a, b, exact);
      default: return compare_funs(a, b);
    }
  }

  void push_terms(const Term* a, const Term* b, std::size_t count, bool exact) {
    if (count != 0) runs_.push(Run{Run::terms, exact, 0, count, a, b, nullptr, nullptr, 0});
  }

  int enter_tuples(const Term& a, const Term& b, bool exact) {
    if (a.size() != b.size()) return order_of(a.size(), b.size());
    push_terms(a.elements().data(), b.elements().data(), a.size(), exact);
    return 0;
  }

  int enter_maps(const Term& a, const Term& b, bool exact) {
    if (a.size() != b.size()) return order_of(a.size(), b.size());
    const Node* map_a = TermAccess::node(a);
    const Node* map_b = TermAccess::node(b);
    runs_.push(Run{Run::values, exact, 0, a.size(), nullptr, nullptr, map_a, map_b, 0});
    runs_.push(Run{Run::keys, true, 0, a.size(), nullptr, nullptr, map_a, map_b, 0});
    return 0;
  }

  int enter_lists(const Term& a, const Term& b, bool exact) {
    const std::size_t common = std::min(a.size(), b.size());
    if (a.size() == b.size()) {
      push_terms(&a.tail(), &b.tail(), 1, exact);
    } else {
      // After the shorter one's elements its tail, which is no list, meets a list.
      const Term& tail = a.size() < b.size() ? a.tail() : b.tail();
      const int order = order_of(rank(tail.type()), rank(TermType::list));
      runs_.push(Run{Run::verdict, exact, a.size() < b.size() ? order : -order, 0, nullptr, nullptr, nullptr, nullptr, 0});
    }
    push_terms(a.elements().data(), b.elements().data(), common, exact);
    return 0;
  }

  detail::SmallStack<Run, 12> runs_;
};

bool is_container(TermType type) noexcept {
  return type == TermType::tuple || type == TermType::map || type == TermType::list;
}

}  // namespace

int compare(const Term& a, const Term& b) { return Comparison().run(a, b, false); }

int compare_exact(const Term& a, const Term& b) {
  if (a.is_small() && b.is_small()) return order_of(TermAccess::integer(a), TermAccess::integer(b));
  if (a.is_atom() && b.is_atom()) return compare_atoms(a, b);
  return Comparison().run(a, b, true);
}

bool operator==(const Term& a, const Term& b) noexcept {
  if (a.type() != b.type()) return false;
  if (a.is_nil()) return true;
  if (a.is_small()) return TermAccess::integer(a) == TermAccess::integer(b);
  if (a.is_real()) return TermAccess::real(a) == TermAccess::real(b);
  if (TermAccess::node(a) == TermAccess::node(b)) return true;
  if (a.is_atom()) {
    return detail::atom_hash(TermAccess::node(a)) == detail::atom_hash(TermAccess::node(b)) && a.atom_name() == b.atom_name();
  }
  if (is_container(a.type()) && a.size() != b.size()) return false;
  return Comparison().run(a, b, true) == 0;
}

}  // namespace supervisorring
