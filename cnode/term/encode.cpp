// Terms to external bytes, as term_to_binary/2 writes them. One loop, a stack of open containers.
#include <bit>

#include "supervisorring/external_format.h"
#include "term/small_stack.h"
#include "term/tags.h"
#include "term/term_node.h"
#include "term/utf8.h"

namespace supervisorring {
namespace {

using namespace detail;

// Collects small pieces, so that the string grows a kilobyte at a time.
class Writer {
 public:
  explicit Writer(Bytes& out) : out_(out) {}
  ~Writer() { out_.append(buffer_, used_); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void u8(unsigned value) { *room(1) = static_cast<char>(value); }
  void tag_u8(unsigned tag, unsigned value) {
    char* place = room(2);
    place[0] = static_cast<char>(tag);
    place[1] = static_cast<char>(value);
  }
  void u16(std::size_t value) { big_endian(static_cast<std::uint16_t>(value)); }
  void u32(std::size_t value) { big_endian(static_cast<std::uint32_t>(value)); }
  void u64(std::uint64_t value) { big_endian(value); }
  void bytes(BytesView bytes) {
    if (bytes.size() > kBuffer) {
      out_.append(buffer_, used_);
      used_ = 0;
      out_.append(bytes);
    } else if (!bytes.empty()) {
      std::memcpy(room(bytes.size()), bytes.data(), bytes.size());
    }
  }

 private:
  static constexpr std::size_t kBuffer = 1024;

  template <class T>
  void big_endian(T value) {
    char* place = room(sizeof(T));
    for (std::size_t i = sizeof(T); i-- > 0; value = static_cast<T>(value >> 8)) place[i] = static_cast<char>(value & 0xFF);
  }
  char* room(std::size_t size) {  // REQUIRES: size <= kBuffer
    if (kBuffer - used_ < size) [[unlikely]] {
      out_.append(buffer_, used_);
      used_ = 0;
    }
    char* place = buffer_ + used_;
    used_ += size;
    return place;
  }

  Bytes& out_;
  std::size_t used_ = 0;
  char buffer_[kBuffer];
};

class Encoder {
 public:
  Encoder(Bytes& out, AtomEncoding encoding) : out_(out), encoding_(encoding) {}

  void version() { out_.u8(VERSION_MAGIC); }

  void run(const Term& term) {
    write(term);
    while (!runs_.empty()) {
      Run& run = runs_.top();
      if (run.next == run.end) {
        runs_.pop();
      } else {
        write(*run.next++);
      }
    }
  }

 private:
  struct Run {
    const Term* next;
    const Term* end;
  };

  void write(const Term& term) {
    switch (term.type()) {
      case TermType::nil: return out_.u8(NIL_EXT);
      case TermType::integer: return write_integer(TermAccess::integer(term));
      case TermType::big_integer: return write_big(term.is_negative(), term.magnitude());
      case TermType::real: return write_float(TermAccess::real(term));
      case TermType::atom: return write_atom(term);
      case TermType::reference: return write_reference(term);
      case TermType::export_fun: return write_export(term);
      case TermType::fun: return out_.bytes(term.bytes());
      case TermType::port: return write_port(term);
      case TermType::pid: return write_pid(term);
      case TermType::tuple: return write_tuple(term);
      case TermType::map: return write_map(term);
      case TermType::list: return write_list(term);
      case TermType::bitstring: return write_bitstring(term);
    }
  }

  void push(const Term* terms, std::size_t count) {
    if (count != 0) runs_.push(Run{terms, terms + count});
  }

  void write_integer(std::int64_t value) {
    if (value >= 0 && value < 256) return out_.tag_u8(SMALL_INTEGER_EXT, static_cast<unsigned>(value));
    if (value >= INT32_MIN && value <= INT32_MAX) {
      out_.u8(INTEGER_EXT);
      return out_.u32(static_cast<std::uint32_t>(value));
    }
    std::uint64_t left = value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
    char magnitude[8];
    std::size_t size = 0;
    for (; left != 0; left >>= 8) magnitude[size++] = static_cast<char>(left & 0xFF);
    write_big(value < 0, BytesView(magnitude, size));
  }

  void write_big(bool negative, BytesView magnitude) {
    if (magnitude.size() < 256) {
      out_.tag_u8(SMALL_BIG_EXT, static_cast<unsigned>(magnitude.size()));
    } else {
      out_.u8(LARGE_BIG_EXT);
      out_.u32(magnitude.size());
    }
    out_.u8(negative ? 1 : 0);
    out_.bytes(magnitude);
  }

  void write_float(double value) {
    out_.u8(NEW_FLOAT_EXT);
    out_.u64(std::bit_cast<std::uint64_t>(value));
  }

  void write_atom(const Term& atom) {
    const Node* node = TermAccess::node(atom);
    const std::string_view text = atom_text(node);
    if (encoding_ == AtomEncoding::minor_version_1 && node->flag != kUnicode) return write_latin1_atom(node, text);
    if (text.size() < 256) {
      out_.tag_u8(SMALL_ATOM_UTF8_EXT, static_cast<unsigned>(text.size()));
    } else {
      out_.u8(ATOM_UTF8_EXT);
      out_.u16(text.size());
    }
    out_.bytes(text);
  }

  void write_latin1_atom(const Node* node, std::string_view text) {
    out_.u8(ATOM_EXT);
    if (node->flag == kAscii) {
      out_.u16(text.size());
      return out_.bytes(text);
    }
    out_.u16(static_cast<std::size_t>(count_code_points(text)));
    for (std::size_t at = 0; at < text.size();) out_.u8(static_cast<unsigned>(next_code_point(text, at)));
  }

  void write_pid(const Term& pid) {
    out_.u8(NEW_PID_EXT);
    write_atom(pid.node());
    out_.u32(pid.pid_id());
    out_.u32(pid.pid_serial());
    out_.u32(pid.creation());
  }

  void write_port(const Term& port) {
    constexpr std::uint64_t kMostIn28Bits = (1u << 28) - 1;
    const bool is_v4 = port.port_id() > kMostIn28Bits;
    out_.u8(is_v4 ? V4_PORT_EXT : NEW_PORT_EXT);
    write_atom(port.node());
    if (is_v4) out_.u64(port.port_id());
    if (!is_v4) out_.u32(port.port_id());
    out_.u32(port.creation());
  }

  void write_reference(const Term& reference) {
    const auto words = reference.reference_words();
    out_.u8(NEWER_REFERENCE_EXT);
    out_.u16(words.size());
    write_atom(reference.node());
    out_.u32(reference.creation());
    for (const std::uint32_t word : words) out_.u32(word);
  }

  void write_export(const Term& fun) {
    out_.u8(EXPORT_EXT);
    write_atom(fun.fun_module());
    write_atom(fun.fun_function());
    write_integer(fun.fun_arity());
  }

  void write_tuple(const Term& tuple) {
    const auto elements = tuple.elements();
    if (elements.size() < 256) {
      out_.tag_u8(SMALL_TUPLE_EXT, static_cast<unsigned>(elements.size()));
    } else {
      out_.u8(LARGE_TUPLE_EXT);
      out_.u32(elements.size());
    }
    push(elements.data(), elements.size());
  }

  void write_map(const Term& map) {
    const auto pairs = map.pairs();
    out_.u8(MAP_EXT);
    out_.u32(pairs.size());
    push(reinterpret_cast<const Term*>(pairs.data()), pairs.size() * 2);  // keys and values lie one after the other
  }

  static bool is_string(const Term& list) {
    constexpr std::size_t kMostInString = 65535;
    if (list.size() > kMostInString || !list.tail().is_nil()) return false;
    for (const Term& element : list.elements()) {
      if (!element.is_small() || static_cast<std::uint64_t>(TermAccess::integer(element)) > 255) return false;
    }
    return true;
  }

  void write_list(const Term& list) {
    const auto elements = list.elements();
    if (is_string(list)) {
      out_.u8(STRING_EXT);
      out_.u16(elements.size());
      for (const Term& element : elements) out_.u8(static_cast<unsigned>(TermAccess::integer(element)));
      return;
    }
    out_.u8(LIST_EXT);
    out_.u32(elements.size());
    push(&list.tail(), 1);
    push(elements.data(), elements.size());
  }

  void write_bitstring(const Term& bitstring) {
    const BytesView bytes = bitstring.bytes();
    const bool whole = bitstring.bits_in_last_byte() == 8;
    out_.u8(whole ? BINARY_EXT : BIT_BINARY_EXT);
    out_.u32(bytes.size());
    if (!whole) out_.u8(bitstring.bits_in_last_byte());
    out_.bytes(bytes);
  }

  Writer out_;
  AtomEncoding encoding_;
  SmallStack<Run, 16> runs_;
};

}  // namespace

void encode(const Term& term, AtomEncoding encoding, Bytes& out) {
  Encoder encoder(out, encoding);
  encoder.version();
  encoder.run(term);
}

void encode_body(const Term& term, AtomEncoding encoding, Bytes& out) { Encoder(out, encoding).run(term); }

Bytes external_form(const Term& term, AtomEncoding encoding) {
  Bytes out;
  encode(term, encoding, out);
  return out;
}

}  // namespace supervisorring
