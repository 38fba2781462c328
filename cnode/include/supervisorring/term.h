// Term: an immutable Erlang term.
//
// Follows OTP's "External Term Format" chapter for what can be represented, and the
// "Term Comparisons" section of the Reference Manual for the order of terms.
//
// A Term is 16 bytes. Integers of up to 64 bits, floats and [] are held inline; everything else is a
// shared, reference-counted, never-changing heap node. Copying is cheap; a Term may be read and
// copied from any thread.
//
// Building never fails: the factories clamp nothing and accept what the type can hold. What comes
// from outside goes through decode() (external_format.h) or parse_term() (below), which refuse.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "supervisorring/result.h"

namespace supervisorring {

using Bytes = std::string;           // raw bytes, owned
using BytesView = std::string_view;  // raw bytes, borrowed

enum class TermType : std::uint8_t {
  nil,          // []
  integer,      // fits std::int64_t
  big_integer,  // does not
  real,         // a float
  atom,
  reference,
  export_fun,   // fun M:F/A
  fun,          // a closure, kept as its external bytes
  port,
  pid,
  tuple,
  map,
  list,         // one element or more; the tail is [] unless improper
  bitstring,    // a binary is a bitstring of whole bytes
};

namespace detail { struct Node; }

class Term {
 public:
  using Pair = std::pair<Term, Term>;

  Term() noexcept : type_(TermType::nil) { u_.integer = 0; }
  Term(const Term& other) noexcept : type_(other.type_), u_(other.u_) { if (type_ >= TermType::big_integer && shared()) retain(); }
  Term(Term&& other) noexcept : type_(other.type_), u_(other.u_) { other.type_ = TermType::nil; }
  Term& operator=(const Term& other) noexcept { Term copy(other); swap(copy); return *this; }
  Term& operator=(Term&& other) noexcept { swap(other); return *this; }
  ~Term() { if (type_ >= TermType::big_integer && shared()) release(); }
  void swap(Term& other) noexcept { std::swap(type_, other.type_); std::swap(u_, other.u_); }

  // ---- making ---------------------------------------------------------------------------------
  static Term nil() noexcept { return Term(); }
  static Term integer(std::int64_t value) noexcept;
  static Term unsigned_integer(std::uint64_t value);
  // `magnitude`: little-endian bytes. Becomes an `integer` when it fits one; leading zeros are dropped.
  static Term big(bool negative, BytesView magnitude);
  static Term real(double value) noexcept;
  static Term atom(std::string_view utf8);  // REQUIRES: valid UTF-8 of at most 255 code points
  static Term boolean(bool value);
  static Term tuple(std::vector<Term> elements);
  static Term tuple(std::initializer_list<Term> elements);
  static Term tuple_taking(std::span<Term> elements);  // moved out of `elements`
  // An empty `elements` gives `tail` itself. A list as tail is joined, so equal lists are equal however built.
  static Term list(std::vector<Term> elements, Term tail = Term());
  static Term list(std::initializer_list<Term> elements);
  static Term string(std::string_view latin1);   // a list of bytes, as "abc" is in Erlang
  static Term binary(BytesView bytes);
  static Term bits(BytesView bytes, unsigned bits_in_last_byte);  // 1..8; unused low bits are cleared
  // Pairs put in OTP's key order; of equal keys the last wins.
  static Term map(std::vector<Pair> pairs);
  // Pairs kept in the order given. REQUIRES: no two keys equal.
  static Term map_as_received(std::vector<Pair> pairs);
  static Term pid(Term node, std::uint32_t id, std::uint32_t serial, std::uint32_t creation);
  static Term port(Term node, std::uint64_t id, std::uint32_t creation);
  static Term reference(Term node, std::uint32_t creation, std::span<const std::uint32_t> words);  // 1..5 words
  static Term export_fun(Term module, Term function, std::uint32_t arity);
  static Term fun(BytesView external);  // the whole NEW_FUN_EXT or FUN_EXT, tag included

  // ---- looking --------------------------------------------------------------------------------
  TermType type() const noexcept { return type_; }
  bool is_nil() const noexcept { return type_ == TermType::nil; }
  bool is_integer() const noexcept { return type_ == TermType::integer || type_ == TermType::big_integer; }
  bool is_small() const noexcept { return type_ == TermType::integer; }
  bool is_atom() const noexcept { return type_ == TermType::atom; }
  bool is_atom(std::string_view name) const noexcept;
  bool is_tuple() const noexcept { return type_ == TermType::tuple; }
  bool is_tuple(std::size_t arity) const noexcept { return is_tuple() && size() == arity; }
  // A tuple of `arity` whose first element is the atom `tag`.
  bool is_tagged(std::string_view tag, std::size_t arity) const noexcept;
  bool is_list() const noexcept { return type_ == TermType::list || type_ == TermType::nil; }  // [] too
  bool is_proper_list() const noexcept;
  bool is_pid() const noexcept { return type_ == TermType::pid; }
  bool is_reference() const noexcept { return type_ == TermType::reference; }
  bool is_port() const noexcept { return type_ == TermType::port; }
  bool is_map() const noexcept { return type_ == TermType::map; }
  bool is_binary() const noexcept;  // a bitstring of whole bytes
  bool is_real() const noexcept { return type_ == TermType::real; }

  // Each REQUIRES the type that it names (checked in every build; abort).
  std::int64_t to_int64() const;                       // integer
  std::optional<std::int64_t> as_int64() const noexcept;   // nullopt when not a 64-bit integer
  double to_double() const;                            // real
  bool is_negative() const;                            // integer, big_integer
  BytesView magnitude() const;                         // big_integer: little-endian
  std::string_view atom_name() const;                  // atom: UTF-8
  std::size_t size() const;                            // tuple, list (elements before the tail; [] is 0), map (pairs)
  const Term& operator[](std::size_t i) const;         // tuple, list
  std::span<const Term> elements() const;              // tuple, list, []: the elements
  const Term& tail() const;                            // list: [] when proper
  std::span<const Pair> pairs() const;                 // map
  const Term* find(const Term& key) const;             // map: nullptr when absent
  const Term* find(std::string_view atom_key) const;   // map: nullptr when absent
  BytesView bytes() const;                             // bitstring; fun: its external bytes
  unsigned bits_in_last_byte() const;                  // bitstring: 8 for a binary (also an empty one)
  const Term& node() const;                            // pid, port, reference: an atom
  std::uint32_t creation() const;                      // pid, port, reference
  std::uint32_t pid_id() const;                        // pid
  std::uint32_t pid_serial() const;                    // pid
  std::uint64_t port_id() const;                       // port
  std::span<const std::uint32_t> reference_words() const;  // reference
  const Term& fun_module() const;                      // export_fun
  const Term& fun_function() const;                    // export_fun
  std::uint32_t fun_arity() const;                     // export_fun

  // A list of bytes or code points (or a binary, or an atom) as UTF-8 text; nullopt for anything else.
  std::optional<std::string> as_text() const;

  // OTP's =:=. Maps are equal whatever their order.
  friend bool operator==(const Term& a, const Term& b) noexcept;
  std::size_t hash() const noexcept;

 private:
  bool shared() const noexcept { return type_ != TermType::real; }
  void retain() const noexcept;
  void release() noexcept;
  friend struct detail::Node;
  friend class TermAccess;  // term/term_access.h: the encoder and decoder

  TermType type_;
  union Payload { std::int64_t integer; double real; detail::Node* node; } u_;
};

// OTP's order of terms (`<`, lists:sort/1): -1, 0, 1. 1 and 1.0 compare equal.
int compare(const Term& a, const Term& b);
// The order of keys in a map: as compare(), but an integer sorts before every float.
int compare_exact(const Term& a, const Term& b);

// Erlang syntax, as io_lib:format("~tp", [Term]) writes it but on one line. Pids, references, ports and
// closures print as <node.id.serial>, #Ref<node.w.w.w>, #Port<node.id>, #Fun<...>: for people, not for reading back.
std::string to_text(const Term& term);
// At most `limit` bytes and "..." after them: for log lines.
std::string to_text(const Term& term, std::size_t limit);

// Reads one Erlang term ("{ok, [1, 2.5, \"s\", <<1,2:3>>, #{a => b}, 'Quoted', 16#FF, $a, fun m:f/1]}").
// A final dot is allowed. Errors say where and what was expected. Depth and length are limited.
Result<Term> parse_term(std::string_view text);

// Shorthands that make code read like Erlang.
inline Term atom(std::string_view name) { return Term::atom(name); }
template <class... T> Term tuple(T&&... elements) {
  std::array<Term, sizeof...(T)> all{Term(std::forward<T>(elements))...};
  return Term::tuple_taking(all);
}
inline Term list(std::initializer_list<Term> elements) { return Term::list(elements); }
inline Term integer(std::int64_t value) { return Term::integer(value); }
inline Term binary(BytesView bytes) { return Term::binary(bytes); }

}  // namespace supervisorring

template <>
struct std::hash<supervisorring::Term> {
  // Not noexcept: tables of the GNU library then keep the hash beside each key, and do not walk a term again for each neighbour in its bucket.
  std::size_t operator()(const supervisorring::Term& term) const { return term.hash(); }
};
