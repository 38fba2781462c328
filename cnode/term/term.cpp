// Term: life and looking. The factories are in make.cpp.
#include "supervisorring/term.h"

#include "term/check.h"
#include "term/term_node.h"
#include "term/utf8.h"

namespace supervisorring {

using detail::behind;
using detail::Node;
using detail::require;

namespace detail {
namespace {

std::span<Term> held_terms(Node* node) noexcept {
  switch (node->type) {
    case TermType::tuple: return {behind<Term>(node), node->size};
    case TermType::list: return {behind<Term>(node), std::size_t{node->size} + 1};
    case TermType::map: return {behind<Term>(node), std::size_t{node->size} * 2};
    case TermType::pid:
    case TermType::port:
    case TermType::reference: return {behind<Term>(node), 1};
    case TermType::export_fun: return {behind<Term>(node), 2};
    default: return {};
  }
}

}  // namespace

void free_node(Node* first) noexcept {
  first->refs.store(0, std::memory_order_relaxed);
  for (Node* node = first; node != nullptr;) {
    Node* waiting = reinterpret_cast<Node*>(node->refs.load(std::memory_order_relaxed));
    for (const Term& term : held_terms(node)) {
      if (!TermAccess::has_node(term)) continue;
      Node* child = TermAccess::node(term);
      if (!drop_reference(child)) continue;
      if (holds_terms(child->type)) {
        child->refs.store(reinterpret_cast<std::uint64_t>(waiting), std::memory_order_relaxed);
        waiting = child;
      } else {
        delete_node(child);
      }
    }
    delete_node(node);
    node = waiting;
  }
}

}  // namespace detail

void Term::retain() const noexcept { detail::retain_node(u_.node); }

void Term::release() noexcept {
  if (detail::drop_reference(u_.node)) detail::free_node(u_.node);
}

namespace {

const Term kNil;

const Node* node_of(const Term& term, TermType type, const char* wanted) {
  require(term.type() == type, wanted, static_cast<long long>(term.type()));
  return TermAccess::node(term);
}

}  // namespace

bool Term::is_atom(std::string_view name) const noexcept { return is_atom() && detail::atom_text(u_.node) == name; }

bool Term::is_tagged(std::string_view tag, std::size_t arity) const noexcept {
  return arity != 0 && is_tuple(arity) && behind<Term>(u_.node)->is_atom(tag);
}

bool Term::is_proper_list() const noexcept {
  return is_nil() || (type_ == TermType::list && behind<Term>(u_.node)->is_nil());
}

bool Term::is_binary() const noexcept { return type_ == TermType::bitstring && u_.node->flag == 8; }

std::int64_t Term::to_int64() const {
  require(type_ == TermType::integer, "to_int64() of a term that is no 64-bit integer", static_cast<long long>(type_));
  return u_.integer;
}

std::optional<std::int64_t> Term::as_int64() const noexcept {
  if (type_ != TermType::integer) return std::nullopt;
  return u_.integer;
}

double Term::to_double() const {
  require(type_ == TermType::real, "to_double() of a term that is no float", static_cast<long long>(type_));
  return u_.real;
}

bool Term::is_negative() const {
  if (type_ == TermType::integer) return u_.integer < 0;
  return node_of(*this, TermType::big_integer, "is_negative() of a term that is no integer")->flag != 0;
}

BytesView Term::magnitude() const {
  const Node* node = node_of(*this, TermType::big_integer, "magnitude() of a term that is no big integer");
  return {behind<char>(node), node->size};
}

std::string_view Term::atom_name() const {
  return detail::atom_text(node_of(*this, TermType::atom, "atom_name() of a term that is no atom"));
}

std::size_t Term::size() const {
  if (is_nil()) return 0;
  require(type_ == TermType::tuple || type_ == TermType::list || type_ == TermType::map,
          "size() of a term that is no tuple, list or map", static_cast<long long>(type_));
  return u_.node->size;
}

const Term& Term::operator[](std::size_t i) const {
  const std::span<const Term> all = elements();
  require(i < all.size(), "element out of bounds", static_cast<long long>(i), static_cast<long long>(all.size()));
  return all[i];
}

std::span<const Term> Term::elements() const {
  if (is_nil()) return {};
  require(type_ == TermType::tuple || type_ == TermType::list, "elements() of a term that is no tuple or list",
          static_cast<long long>(type_));
  return {behind<Term>(u_.node) + (type_ == TermType::list ? 1 : 0), u_.node->size};
}

const Term& Term::tail() const {
  if (is_nil()) return kNil;
  return *behind<Term>(node_of(*this, TermType::list, "tail() of a term that is no list"));
}

std::span<const Term::Pair> Term::pairs() const {
  const Node* node = node_of(*this, TermType::map, "pairs() of a term that is no map");
  return {behind<Pair>(node), node->size};
}

namespace {

// The value whose key `order` finds equal: order(Key) is below, at or above 0 as Key stands before, at or behind what is looked for.
template <class Order>
const Term* find_in_map(const Node* node, Order&& order) {
  std::size_t low = 0;
  std::size_t high = node->size;
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    const Term::Pair& pair = detail::map_pair(node, middle);
    const int side = order(pair.first);
    if (side == 0) return &pair.second;
    (side < 0 ? low : high) = side < 0 ? middle + 1 : middle;
  }
  return nullptr;
}

}  // namespace

const Term* Term::find(const Term& key) const {
  return find_in_map(node_of(*this, TermType::map, "find() in a term that is no map"), [&](const Term& each) { return compare_exact(each, key); });
}

// Atoms stand behind numbers and before everything else.
const Term* Term::find(std::string_view atom_key) const {
  return find_in_map(node_of(*this, TermType::map, "find() in a term that is no map"), [&](const Term& each) {
    return each.is_atom() ? each.atom_name().compare(atom_key) : each.is_integer() || each.is_real() ? -1 : 1;
  });
}

BytesView Term::bytes() const {
  if (type_ != TermType::fun) require(type_ == TermType::bitstring, "bytes() of a term that is no bitstring or fun", static_cast<long long>(type_));
  return {behind<char>(u_.node), u_.node->size};
}

unsigned Term::bits_in_last_byte() const {
  return node_of(*this, TermType::bitstring, "bits_in_last_byte() of a term that is no bitstring")->flag;
}

const Term& Term::node() const {
  require(is_pid() || is_port() || is_reference(), "node() of a term that is no pid, port or reference", static_cast<long long>(type_));
  return *behind<Term>(u_.node);
}

std::uint32_t Term::creation() const {
  require(is_pid() || is_port() || is_reference(), "creation() of a term that is no pid, port or reference", static_cast<long long>(type_));
  if (is_pid()) return behind<detail::PidTail>(u_.node, sizeof(Term))->creation;
  if (is_port()) return behind<detail::PortTail>(u_.node, sizeof(Term))->creation;
  return *behind<std::uint32_t>(u_.node, sizeof(Term));
}

std::uint32_t Term::pid_id() const {
  return behind<detail::PidTail>(node_of(*this, TermType::pid, "pid_id() of a term that is no pid"), sizeof(Term))->id;
}

std::uint32_t Term::pid_serial() const {
  return behind<detail::PidTail>(node_of(*this, TermType::pid, "pid_serial() of a term that is no pid"), sizeof(Term))->serial;
}

std::uint64_t Term::port_id() const {
  return behind<detail::PortTail>(node_of(*this, TermType::port, "port_id() of a term that is no port"), sizeof(Term))->id;
}

std::span<const std::uint32_t> Term::reference_words() const {
  const Node* node = node_of(*this, TermType::reference, "reference_words() of a term that is no reference");
  return {behind<std::uint32_t>(node, sizeof(Term)) + 1, node->size};
}

const Term& Term::fun_module() const {
  return behind<Term>(node_of(*this, TermType::export_fun, "fun_module() of a term that is no fun M:F/A"))[0];
}

const Term& Term::fun_function() const {
  return behind<Term>(node_of(*this, TermType::export_fun, "fun_function() of a term that is no fun M:F/A"))[1];
}

std::uint32_t Term::fun_arity() const {
  return *behind<std::uint32_t>(node_of(*this, TermType::export_fun, "fun_arity() of a term that is no fun M:F/A"), 2 * sizeof(Term));
}

std::optional<std::string> Term::as_text() const {
  std::string text;
  if (is_atom()) return std::string(atom_name());
  if (is_binary()) {
    if (detail::count_code_points(bytes()) < 0) return std::nullopt;
    return std::string(bytes());
  }
  if (!is_proper_list()) return std::nullopt;
  for (const Term& element : elements()) {
    if (!element.is_small() || !detail::is_code_point(element.u_.integer)) return std::nullopt;
    detail::append_utf8(text, static_cast<std::uint32_t>(element.u_.integer));
  }
  return text;
}

}  // namespace supervisorring
