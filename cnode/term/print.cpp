// to_text(): terms as Erlang syntax on one line, as ~tp with OTP's default printable range (Latin-1) chooses.
#include <algorithm>
#include <iterator>

#include "term/atom_syntax.h"
#include "term/fun_header.h"
#include "term/number_text.h"
#include "term/small_stack.h"
#include "term/term_node.h"
#include "term/utf8.h"

namespace supervisorring {
namespace {

// The letter of a control character's escape; 0 when it has none.
char escape_letter(std::int64_t c) {
  switch (c) {
    case '\n': return 'n';
    case '\t': return 't';
    case '\r': return 'r';
    case '\v': return 'v';
    case '\b': return 'b';
    case '\f': return 'f';
    case 27: return 'e';
    case 127: return 'd';
    default: return 0;
  }
}

bool is_printable(std::int64_t c) {
  return (c >= 32 && c < 127) || (c >= 160 && c <= 255) || (c < 32 && escape_letter(c) != 0);
}

bool is_printable_list(const Term& list) {
  const auto elements = list.elements();
  return list.tail().is_nil() && std::all_of(elements.begin(), elements.end(), [](const Term& e) { return e.is_small() && is_printable(TermAccess::integer(e)); });
}

bool is_printable_utf8(BytesView bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    const std::int32_t point = detail::next_code_point(bytes, at);
    if (point < 0 || !is_printable(point)) return false;
  }
  return true;
}

bool is_printable_latin1(BytesView bytes) {
  return detail::count_code_points(bytes) < 0 && std::all_of(bytes.begin(), bytes.end(), [](char c) { return is_printable(static_cast<unsigned char>(c)); });
}

class Printer {
 public:
  explicit Printer(std::size_t limit) : limit_(limit) {}

  std::string run(const Term& term) && {
    print(term);
    while (!runs_.empty() && !full()) step();
    if (out_.size() > limit_) {
      std::size_t end = limit_;
      while (end > 0 && (static_cast<unsigned char>(out_[end]) & 0xC0) == 0x80) --end;
      out_.resize(end);
      out_ += "...";
    }
    return std::move(out_);
  }

 private:
  enum class Kind : std::uint8_t { elements, pairs, tail };
  struct Run {
    Kind kind;
    bool begun;
    bool at_value;  // pairs
    const Term* next;
    const Term* end;
    char close;     // 0: nothing
  };

  bool full() const { return out_.size() > limit_; }

  void step() {
    Run& run = runs_.top();
    if (run.next == run.end) {
      if (run.close != 0) out_ += run.close;
      return runs_.pop();
    }
    if (run.kind == Kind::tail) {
      out_ += '|';
    } else if (run.kind == Kind::pairs && run.at_value) {
      out_ += " => ";
    } else if (run.begun) {
      out_ += ',';
    }
    run.begun = true;
    run.at_value = !run.at_value;
    print(*run.next++);
  }

  void print(const Term& term) {
    switch (term.type()) {
      case TermType::nil: out_ += "[]"; return;
      case TermType::integer:
      case TermType::big_integer: return detail::append_integer(term, out_);
      case TermType::real: return detail::append_float(TermAccess::real(term), out_);
      case TermType::atom: return print_atom(term.atom_name());
      case TermType::reference: return print_reference(term);
      case TermType::export_fun: return print_export(term);
      case TermType::fun: return print_closure(term);
      case TermType::port: return print_identifier("#Port<", term, {term.port_id()});
      case TermType::pid: return print_identifier("<", term, {term.pid_id(), term.pid_serial()});
      case TermType::tuple: return print_tuple(term);
      case TermType::map: return print_map(term);
      case TermType::list: return print_list(term);
      case TermType::bitstring: return print_bitstring(term);
    }
  }

  void print_character(std::uint32_t c, char quote) {
    if (c == static_cast<std::uint32_t>(quote) || c == '\\') {
      out_ += '\\';
      out_ += static_cast<char>(c);
    } else if (const char letter = escape_letter(c)) {
      out_ += '\\';
      out_ += letter;
    } else if (c < 32 || (c > 127 && c < 160)) {
      out_ += '\\';
      for (int shift = 6; shift >= 0; shift -= 3) out_ += static_cast<char>('0' + (c >> shift & 7));
    } else {
      detail::append_utf8(out_, c);
    }
  }

  void print_atom(std::string_view name) {
    if (!detail::needs_quotes(name)) {
      out_ += name;
      return;
    }
    out_ += '\'';
    for (std::size_t at = 0; at < name.size();) print_character(static_cast<std::uint32_t>(detail::next_code_point(name, at)), '\'');
    out_ += '\'';
  }

  void print_identifier(std::string_view before, const Term& term, std::vector<std::uint64_t> numbers) {
    out_ += before;
    print_atom(term.node().atom_name());
    for (const std::uint64_t number : numbers) print_number('.', number);
    out_ += '>';
  }

  void print_number(char before, std::uint64_t number) {
    out_ += before;
    out_ += std::to_string(number);
  }

  void print_reference(const Term& term) {
    const auto words = term.reference_words();
    print_identifier("#Ref<", term, std::vector<std::uint64_t>(words.rbegin(), words.rend()));
  }

  void print_export(const Term& term) {
    out_ += "fun ";
    print_atom(term.fun_module().atom_name());
    out_ += ':';
    print_atom(term.fun_function().atom_name());
    print_number('/', term.fun_arity());
  }

  void print_closure(const Term& term) {
    const detail::FunHeader header = detail::read_fun_header(term.bytes());
    out_ += "#Fun<";
    if (detail::count_code_points(header.module) > 0) print_atom(header.module);
    print_number('.', header.index);
    print_number('.', header.uniq);
    out_ += '>';
  }

  void print_tuple(const Term& term) {
    out_ += '{';
    push(Kind::elements, term.elements().data(), term.size(), '}');
  }

  void print_map(const Term& term) {
    out_ += "#{";
    push(Kind::pairs, reinterpret_cast<const Term*>(term.pairs().data()), term.size() * 2, '}');
  }

  void print_list(const Term& term) {
    if (is_printable_list(term)) {
      out_ += '"';
      for (const Term& element : term.elements()) {
        if (full()) return;
        print_character(static_cast<std::uint32_t>(TermAccess::integer(element)), '"');
      }
      out_ += '"';
      return;
    }
    out_ += '[';
    if (term.tail().is_nil()) return push(Kind::elements, term.elements().data(), term.size(), ']');
    push(Kind::tail, &term.tail(), 1, ']');
    push(Kind::elements, term.elements().data(), term.size(), 0);
  }

  void print_bitstring(const Term& term) {
    const BytesView bytes = term.bytes();
    out_ += "<<";
    if (!bytes.empty() && term.is_binary() && is_printable_utf8(bytes)) {
      print_text(bytes);
    } else if (!bytes.empty() && term.is_binary() && is_printable_latin1(bytes)) {
      out_ += '"';
      for (std::size_t i = 0; i < bytes.size() && !full(); ++i) print_character(static_cast<unsigned char>(bytes[i]), '"');
      out_ += '"';
    } else {
      print_numbers(bytes, term.bits_in_last_byte());
    }
    out_ += ">>";
  }

  void print_text(BytesView utf8) {
    bool ascii = true;
    out_ += '"';
    for (std::size_t at = 0; at < utf8.size() && !full();) {
      const std::int32_t point = detail::next_code_point(utf8, at);
      ascii = ascii && point < 128;
      print_character(static_cast<std::uint32_t>(point), '"');
    }
    out_ += ascii ? "\"" : "\"/utf8";
  }

  void print_numbers(BytesView bytes, unsigned bits_in_last_byte) {
    for (std::size_t i = 0; i < bytes.size() && !full(); ++i) {
      unsigned byte = static_cast<unsigned char>(bytes[i]);
      const bool partial = i + 1 == bytes.size() && bits_in_last_byte != 8;
      if (partial) byte >>= 8 - bits_in_last_byte;
      if (i != 0) out_ += ',';
      out_ += std::to_string(byte);
      if (partial) print_number(':', bits_in_last_byte);
    }
  }

  void push(Kind kind, const Term* terms, std::size_t count, char close) {
    runs_.push(Run{kind, false, false, terms, terms + count, close});
  }

  std::string out_;
  std::size_t limit_;
  detail::SmallStack<Run, 16> runs_;
};

}  // namespace

std::string to_text(const Term& term) { return Printer(std::string::npos - 8).run(term); }

std::string to_text(const Term& term, std::size_t limit) { return Printer(limit).run(term); }

}  // namespace supervisorring
