// External bytes to terms: one pass, one loop, a stack of open containers instead of recursion.
//
// `owed_` counts the terms that the open containers still wait for. Each needs a byte at least, so a
// count that the remaining bytes cannot pay is refused before anything is made of it.
#include <bit>
#include <charconv>
#include <cmath>
#include <memory>

#include "supervisorring/external_format.h"
#include "term/atom_cache.h"
#include "term/fun_header.h"
#include "term/small_stack.h"
#include "term/tags.h"
#include "term/term_node.h"

static_assert(std::endian::native == std::endian::little, "number() turns the bytes round");

namespace supervisorring {
namespace {

using namespace detail;

class Decoder {
 public:
  explicit Decoder(BytesView bytes)
      : start_(reinterpret_cast<const unsigned char*>(bytes.data())), at_(start_), end_(start_ + bytes.size()) {}

  bool run() {
    for (;;) {
      switch (read_term()) {
        case Step::failed: return false;
        case Step::opened: continue;
        case Step::value: break;
      }
      while (!frames_.empty() && --frames_.top().left == 0) {
        if (!close_frame()) return false;
      }
      if (frames_.empty()) return true;
    }
  }

  Term take_term() { return values_.take(); }
  std::size_t used() const { return static_cast<std::size_t>(at_ - start_); }
  Error error(std::size_t skipped) const {
    return Error{"external term: " + fault_ + " at byte " + std::to_string(used() + skipped)};
  }

 private:
  enum class Step : std::uint8_t { failed, opened, value };
  enum class Kind : std::uint8_t { tuple, list, map, fun };
  struct Frame {
    Kind kind;
    std::size_t left;  // terms still to come
    std::size_t base;  // where its terms begin in values_
    const unsigned char* begins;  // fun: its tag
  };

  Step fail(std::string fault) {
    fault_ = std::move(fault);
    return Step::failed;
  }
  Step give(Term&& term) {
    values_.push(std::move(term));
    return Step::value;
  }

  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  [[gnu::always_inline]] bool has(std::size_t size) { return left() >= size ? true : lacks(size); }
  [[gnu::noinline, gnu::cold]] bool lacks(std::size_t size) {
    fault_ = "cut short: expected " + std::to_string(size) + " more bytes, there are " + std::to_string(left());
    return false;
  }
  template <class T>
  T number() {  // big-endian; REQUIRES: has(sizeof(T))
    T value;
    std::memcpy(&value, at_, sizeof(T));
    at_ += sizeof(T);
    if constexpr (sizeof(T) == 2) return __builtin_bswap16(value);
    if constexpr (sizeof(T) == 4) return __builtin_bswap32(value);
    if constexpr (sizeof(T) == 8) return __builtin_bswap64(value);
    return value;
  }
  BytesView take(std::size_t size) {  // REQUIRES: has(size)
    const BytesView bytes(reinterpret_cast<const char*>(at_), size);
    at_ += size;
    return bytes;
  }

  Step read_term() {
    if (!has(1)) return Step::failed;
    --owed_;
    const unsigned char* begins = at_;
    const unsigned tag = *at_++;
    switch (tag) {
      case SMALL_INTEGER_EXT: return read_small_integer();
      case INTEGER_EXT: return read_integer();
      case FLOAT_EXT: return read_text_float();
      case NEW_FLOAT_EXT: return read_float();
      case ATOM_EXT:
      case ATOM_UTF8_EXT:
      case SMALL_ATOM_EXT:
      case SMALL_ATOM_UTF8_EXT: {
        --at_;
        Term atom;
        return read_atom(atom) ? give(std::move(atom)) : Step::failed;
      }
      case REFERENCE_EXT: return read_old_reference();
      case NEW_REFERENCE_EXT:
      case NEWER_REFERENCE_EXT: return read_reference(tag);
      case PORT_EXT:
      case NEW_PORT_EXT:
      case V4_PORT_EXT: return read_port(tag);
      case PID_EXT:
      case NEW_PID_EXT: return read_pid(tag);
      case SMALL_TUPLE_EXT: return has(1) ? open_tuple(number<std::uint8_t>()) : Step::failed;
      case LARGE_TUPLE_EXT: return has(4) ? open_tuple(number<std::uint32_t>()) : Step::failed;
      case MAP_EXT: return read_map();
      case NIL_EXT: return give(Term());
      case STRING_EXT: return read_string();
      case LIST_EXT: return read_list();
      case BINARY_EXT: return read_binary();
      case BIT_BINARY_EXT: return read_bit_binary();
      case SMALL_BIG_EXT: return has(1) ? read_big(number<std::uint8_t>()) : Step::failed;
      case LARGE_BIG_EXT: return has(4) ? read_big(number<std::uint32_t>()) : Step::failed;
      case NEW_FUN_EXT: return read_new_fun(begins);
      case FUN_EXT: return read_fun(begins);
      case EXPORT_EXT: return read_export();
      case COMPRESSED: return fail("COMPRESSED (80) is not accepted");
      case ATOM_CACHE_REF: return fail("ATOM_CACHE_REF (82) is not accepted: no atom cache was agreed on");
      default: return fail("unknown tag " + std::to_string(tag));
    }
  }

  Step read_small_integer() {
    if (!has(1)) return Step::failed;
    return give(Term::integer(number<std::uint8_t>()));
  }
  Step read_integer() {
    if (!has(4)) return Step::failed;
    return give(Term::integer(static_cast<std::int32_t>(number<std::uint32_t>())));
  }
  Step read_float() {
    if (!has(8)) return Step::failed;
    const double value = std::bit_cast<double>(number<std::uint64_t>());
    if (!std::isfinite(value)) return fail("a float that is not finite");
    return give(Term::real(value));
  }
  Step read_text_float() {  // "%.20e" in 31 bytes, zeros behind
    if (!has(31)) return Step::failed;
    BytesView text = take(31);
    text = text.substr(0, text.find('\0'));
    double value = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return fail("FLOAT_EXT that is no finite float");
    return give(Term::real(value));
  }
  Step read_big(std::size_t size) {
    if (!has(1 + size)) return Step::failed;
    const bool negative = number<std::uint8_t>() != 0;
    return give(Term::big(negative, take(size)));
  }

  bool read_atom(Term& atom) {
    if (!has(1)) return false;
    const unsigned tag = *at_++;
    const bool is_small = tag == SMALL_ATOM_EXT || tag == SMALL_ATOM_UTF8_EXT;
    if (!is_small && tag != ATOM_EXT && tag != ATOM_UTF8_EXT) {
      fault_ = "expected an atom, found tag " + std::to_string(tag);
      return false;
    }
    if (!has(is_small ? 1 : 2)) return false;
    const std::size_t size = is_small ? number<std::uint8_t>() : number<std::uint16_t>();
    if (!has(size)) return false;
    AtomFault fault;
    const BytesView text = take(size);
    atom = tag == ATOM_EXT || tag == SMALL_ATOM_EXT ? atom_from_latin1(text, fault) : atom_from_utf8(text, fault);
    if (fault == AtomFault::none) [[likely]] return true;
    fault_ = fault == AtomFault::too_long ? "an atom of more than 255 characters" : "an atom that is not UTF-8";
    return false;
  }

  Step read_old_reference() {
    Term node;
    if (!read_atom(node) || !has(5)) return Step::failed;
    const std::uint32_t word = number<std::uint32_t>();
    return give(Term::reference(std::move(node), number<std::uint8_t>(), std::span(&word, 1)));
  }
  Step read_reference(unsigned tag) {
    if (!has(2)) return Step::failed;
    const std::size_t count = number<std::uint16_t>();
    if (count < 1 || count > 5) return fail("a reference of " + std::to_string(count) + " words, expected 1 to 5");
    Term node;
    const bool newer = tag == NEWER_REFERENCE_EXT;
    if (!read_atom(node) || !has((newer ? 4 : 1) + 4 * count)) return Step::failed;
    const std::uint32_t creation = newer ? number<std::uint32_t>() : number<std::uint8_t>();
    std::uint32_t words[5];
    for (std::size_t i = 0; i < count; ++i) words[i] = number<std::uint32_t>();
    return give(Term::reference(std::move(node), creation, std::span(words, count)));
  }
  Step read_port(unsigned tag) {
    Term node;
    if (!read_atom(node) || !has((tag == V4_PORT_EXT ? 8 : 4) + (tag == PORT_EXT ? 1 : 4))) return Step::failed;
    const std::uint64_t id = tag == V4_PORT_EXT ? number<std::uint64_t>() : number<std::uint32_t>();
    const std::uint32_t creation = tag == PORT_EXT ? number<std::uint8_t>() : number<std::uint32_t>();
    return give(Term::port(std::move(node), id, creation));
  }
  Step read_pid(unsigned tag) {
    Term node;
    if (!read_atom(node) || !has(tag == PID_EXT ? 9 : 12)) return Step::failed;
    const std::uint32_t id = number<std::uint32_t>();
    const std::uint32_t serial = number<std::uint32_t>();
    return give(Term::pid(std::move(node), id, serial, tag == PID_EXT ? number<std::uint8_t>() : number<std::uint32_t>()));
  }
  Step read_export() {
    Term module, function;
    if (!read_atom(module) || !read_atom(function) || !has(2)) return Step::failed;
    if (*at_++ != SMALL_INTEGER_EXT) return fail("the arity of EXPORT_EXT is no SMALL_INTEGER_EXT");
    return give(Term::export_fun(std::move(module), std::move(function), number<std::uint8_t>()));
  }

  Step read_binary() {
    if (!has(4)) return Step::failed;
    const std::size_t size = number<std::uint32_t>();
    return has(size) ? give(Term::binary(take(size))) : Step::failed;
  }
  Step read_bit_binary() {
    if (!has(5)) return Step::failed;
    const std::size_t size = number<std::uint32_t>();
    const unsigned bits = number<std::uint8_t>();
    if (bits > 8 || (bits == 0) != (size == 0)) return fail("BIT_BINARY_EXT of " + std::to_string(size) + " bytes with " + std::to_string(bits) + " bits in the last");
    return has(size) ? give(Term::bits(take(size), bits == 0 ? 8 : bits)) : Step::failed;
  }

  // Opens a container of `count` terms, at least 1.
  Step open(Kind kind, std::size_t count, const unsigned char* begins = nullptr) {
    if (frames_.size() >= kMaxTermDepth) return fail("nested deeper than " + std::to_string(kMaxTermDepth));
    if (!owe(count)) return Step::failed;
    frames_.push(Frame{kind, count, values_.size(), begins});
    return Step::opened;
  }
  bool owe(std::size_t count) {
    owed_ += count;
    if (owed_ <= left()) return true;
    fault_ = "cut short: " + std::to_string(owed_) + " terms announced, there are " + std::to_string(left()) + " bytes";
    return false;
  }

  Step open_tuple(std::size_t arity) { return arity == 0 ? give(Term::tuple({})) : open(Kind::tuple, arity); }

  Step read_map() {
    if (!has(4)) return Step::failed;
    const std::size_t pairs = number<std::uint32_t>();
    return pairs == 0 ? give(Term::map({})) : open(Kind::map, 2 * pairs);
  }

  bool at_tail_of_list() { return !frames_.empty() && frames_.top().kind == Kind::list && frames_.top().left == 1; }

  Step read_string() {
    if (!has(2)) return Step::failed;
    const std::size_t size = number<std::uint16_t>();
    if (!has(size)) return Step::failed;
    const BytesView bytes = take(size);
    if (!at_tail_of_list()) return give(Term::string(bytes));
    for (const char c : bytes) values_.push(Term::integer(static_cast<unsigned char>(c)));
    return give(Term());
  }
  // A list that is the tail of a list continues it: its terms join the open frame.
  Step read_list() {
    if (!has(4)) return Step::failed;
    const std::size_t count = number<std::uint32_t>();
    if (!at_tail_of_list()) return open(Kind::list, count + 1);
    if (!owe(count + 1)) return Step::failed;
    frames_.top().left += count;
    return Step::opened;
  }

  // A closure's parts are decoded to check them, then dropped: the bytes are what is kept.
  Step read_new_fun(const unsigned char* begins) {
    if (!has(4)) return Step::failed;
    const std::size_t size = number<std::uint32_t>();
    if (size < 4 + 1 + 16 + 4 + 4 || !has(size - 4)) return fail("NEW_FUN_EXT of " + std::to_string(size) + " bytes, there are " + std::to_string(left() + 4));
    take(1 + 16 + 4);
    ++open_funs_;
    return open(Kind::fun, number<std::uint32_t>() + std::size_t{4}, begins);
  }
  Step read_fun(const unsigned char* begins) {
    if (!has(4)) return Step::failed;
    ++open_funs_;
    return open(Kind::fun, number<std::uint32_t>() + std::size_t{4}, begins);
  }

  bool close_frame() {
    const Frame frame = frames_.take();
    switch (frame.kind) {
      case Kind::tuple: return close_tuple(frame);
      case Kind::list: return close_list(frame);
      case Kind::map: return close_map(frame);
      case Kind::fun: return close_fun(frame);
    }
    return false;
  }
  bool close_tuple(const Frame& frame) {
    const std::size_t count = values_.size() - frame.base;
    Node* node = new_node(TermType::tuple, count, count * sizeof(Term));
    std::uninitialized_move_n(values_.from(frame.base), count, behind<Term>(node));
    return put_instead(frame, TermAccess::adopt(node));
  }
  bool close_list(const Frame& frame) {
    Term tail = values_.take();
    const std::size_t count = values_.size() - frame.base;
    if (count == 0) return put_instead(frame, std::move(tail));
    if (count > 0xFFFF'FFFF) {
      fault_ = "a list of more than 2^32 - 1 elements";
      return false;
    }
    Node* node = new_node(TermType::list, count, (count + 1) * sizeof(Term));
    std::construct_at(behind<Term>(node), std::move(tail));
    std::uninitialized_move_n(values_.from(frame.base), count, behind<Term>(node) + 1);
    return put_instead(frame, TermAccess::adopt(node));
  }
  bool close_map(const Frame& frame) {
    const std::size_t pairs = (values_.size() - frame.base) / 2;
    Node* node = new_map_node(reinterpret_cast<Term::Pair*>(values_.from(frame.base)), pairs);
    if (node == nullptr) {
      fault_ = "a map with two equal keys";
      return false;
    }
    return put_instead(frame, TermAccess::adopt(node));
  }
  bool close_fun(const Frame& frame) {
    const BytesView external(reinterpret_cast<const char*>(frame.begins), static_cast<std::size_t>(at_ - frame.begins));
    const bool is_new = *frame.begins == NEW_FUN_EXT;
    const Term* parts = values_.from(frame.base);
    // NEW_FUN_EXT: module, index, uniq, pid; FUN_EXT: pid, module, index, uniq
    const Term& pid = parts[is_new ? 3 : 0];
    const Term* names = parts + (is_new ? 0 : 1);
    std::uint32_t size = 0;
    for (int i = 1; i <= 4; ++i) size = size << 8 | frame.begins[i];
    if (!pid.is_pid() || !names[0].is_atom() || !names[1].is_small() || !names[2].is_small() ||
        (is_new && size + std::size_t{1} != external.size())) {
      fault_ = "a malformed closure";
      return false;
    }
    // Within another closure only its place counts: copying nested ones again and again would be quadratic.
    const std::uint64_t place = reinterpret_cast<std::uint64_t>(frame.begins);
    const bool outermost = --open_funs_ == 0;
    return put_instead(frame, Term::fun(outermost ? external : BytesView(reinterpret_cast<const char*>(&place), sizeof place)));
  }
  bool put_instead(const Frame& frame, Term&& term) {
    values_.cut(frame.base);
    values_.push(std::move(term));
    return true;
  }

  const unsigned char* start_;
  const unsigned char* at_;
  const unsigned char* end_;
  std::size_t owed_ = 1;
  std::size_t open_funs_ = 0;
  SmallStack<Term, 32> values_;
  SmallStack<Frame, 12> frames_;
  std::string fault_;
};

Result<Decoded> decode_from(BytesView bytes, std::size_t skipped) {
  Decoder decoder(bytes.substr(skipped));
  if (!decoder.run()) return decoder.error(skipped);
  Term term = decoder.take_term();
  return Decoded{std::move(term), decoder.used() + skipped};
}

}  // namespace

Result<Decoded> decode(BytesView bytes) {
  if (bytes.empty()) return Error{"external term: expected the version byte 131, found nothing"};
  const unsigned version = static_cast<unsigned char>(bytes[0]);
  if (version != VERSION_MAGIC) return Error{"external term: expected the version byte 131, found " + std::to_string(version)};
  return decode_from(bytes, 1);
}

Result<Decoded> decode_body(BytesView bytes) { return decode_from(bytes, 0); }

Result<Term> decode_whole(BytesView bytes) {
  Result<Decoded> decoded = decode(bytes);
  if (!decoded) return Error{decoded.error()};
  if (decoded->bytes_used != bytes.size()) {
    return Error{"external term: " + std::to_string(bytes.size() - decoded->bytes_used) + " bytes follow the term"};
  }
  return std::move(decoded->term);
}

}  // namespace supervisorring
