#include "term/text_reader.h"

#include <charconv>
#include <cmath>

#include "term/atom_cache.h"
#include "term/atom_syntax.h"
#include "term/number_text.h"

namespace supervisorring::detail {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

void append_bits(std::int64_t value, std::size_t count, Bytes& bytes, std::size_t& bits) {
  for (std::size_t i = count; i-- > 0; ++bits) {
    if (bits % 8 == 0) bytes += '\0';
    const bool bit = ((value >> std::min<std::size_t>(i, 63)) & 1) != 0;
    if (bit) bytes.back() = static_cast<char>(static_cast<unsigned char>(bytes.back()) | (0x80u >> (bits % 8)));
  }
}

}  // namespace

void TextReader::skip_space() {
  while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r')) ++at_;
}

bool TextReader::skip(std::string_view token) {
  if (text_.substr(at_, token.size()) != token) return false;
  at_ += token.size();
  return true;
}

bool TextReader::expected(std::string_view what) {
  std::string found = "the end of the text";
  if (!at_end()) {
    std::size_t next = at_;
    const bool valid = next_code_point(text_, next) >= 0;
    const unsigned byte = static_cast<unsigned char>(text_[at_]);
    if (valid && byte >= 32 && byte != 127) {
      found = "'";
      found += text_.substr(at_, next - at_);
      found += '\'';
    } else {
      found = "byte ";
      found += std::to_string(byte);
    }
  }
  return refuse("expected " + std::string(what) + ", found " + found);
}

bool TextReader::refuse(std::string_view why) {
  if (fault_.empty()) fault_ = std::string(why) + " at position " + std::to_string(at_ + 1);
  return false;
}

bool TextReader::read_scalar(Term& term) {
  const char c = peek();
  if (is_digit(c) || ((c == '-' || c == '+') && is_digit(peek(1)))) return read_number(term);
  if (c == '$') {
    ++at_;
    std::uint32_t point = 0;
    if (!read_character(point)) return false;
    term = Term::integer(point);
    return true;
  }
  if (c == '"') return read_string(term);
  if (skip("<<")) return read_binary(term);
  return read_atom_or_fun(term);
}

std::string_view TextReader::read_digits(unsigned base) {
  const std::size_t begin = at_;
  while (at_ < text_.size() && digit_value(text_[at_]) < base) ++at_;
  return text_.substr(begin, at_ - begin);
}

bool TextReader::read_number(Term& term) {
  const std::size_t begin = at_;
  const bool negative = peek() == '-';
  if (!is_digit(peek())) ++at_;
  std::string_view digits = read_digits(10);
  unsigned base = 10;
  if (peek() == '.' && is_digit(peek(1))) return read_float(text_[begin] == '+' ? begin + 1 : begin, term);
  if (peek() == '#') {
    const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), base);
    if (code != std::errc() || base < 2 || base > 36) return refuse("expected a base of 2 to 36");
    ++at_;
    digits = read_digits(base);
    if (digits.empty()) return expected("a digit of base " + std::to_string(base));
  }
  const std::optional<Term> integer = integer_from_digits(negative, digits, base);
  if (!integer) return refuse("an integer of more than " + std::to_string(kMaxDigits) + " digits");
  term = *integer;
  return true;
}

bool TextReader::read_float(std::size_t begin, Term& term) {
  ++at_;
  read_digits(10);
  const std::size_t sign = peek(1) == '-' || peek(1) == '+' ? 1 : 0;
  if ((peek() == 'e' || peek() == 'E') && is_digit(peek(1 + sign))) {
    at_ += 1 + sign;
    read_digits(10);
  }
  double value = 0;
  const auto [end, code] = std::from_chars(text_.data() + begin, text_.data() + at_, value);
  if (code != std::errc() || end != text_.data() + at_ || !std::isfinite(value)) return refuse("a float that does not fit 64 bits");
  term = Term::real(value);
  return true;
}

bool TextReader::read_character(std::uint32_t& point) {
  if (at_end()) return expected("a character");
  if (skip("\\")) return read_escape(point);
  const std::int32_t read = next_code_point(text_, at_);
  if (read < 0) return expected("UTF-8");
  point = static_cast<std::uint32_t>(read);
  return true;
}

bool TextReader::read_escape(std::uint32_t& point) {
  if (at_end()) return expected("a character after '\\'");
  constexpr std::string_view kLetters = "bdefnrstv";
  constexpr char kMeanings[] = "\b\x7f\x1b\f\n\r \t\v";
  if (const std::size_t i = kLetters.find(peek()); i != std::string_view::npos) {
    ++at_;
    point = static_cast<unsigned char>(kMeanings[i]);
    return true;
  }
  if (peek() >= '0' && peek() <= '7') {
    point = 0;
    for (int i = 0; i < 3 && peek() >= '0' && peek() <= '7'; ++i) point = point * 8 + static_cast<std::uint32_t>(text_[at_++] - '0');
    return true;
  }
  if (skip("x")) return read_hex_escape(point);
  if (skip("^")) {
    if (peek() < '@' || peek() > '_') return expected("a control character's letter after '\\^'");
    point = static_cast<std::uint32_t>(text_[at_++] - '@');
    return true;
  }
  const std::int32_t read = next_code_point(text_, at_);
  if (read < 0) return expected("UTF-8");
  point = static_cast<std::uint32_t>(read);
  return true;
}

bool TextReader::read_hex_escape(std::uint32_t& point) {
  const bool braced = skip("{");
  const std::size_t most = braced ? 6 : 2;
  std::uint32_t value = 0;
  std::size_t count = 0;
  for (; count < most && digit_value(peek()) < 16; ++count) value = value * 16 + digit_value(text_[at_++]);
  if (count == 0 || (!braced && count != 2)) return expected("a hexadecimal digit");
  if (braced && !skip("}")) return expected("'}'");
  if (!is_code_point(value)) return refuse("an escape that is no code point");
  point = value;
  return true;
}

bool TextReader::read_quoted(char quote, std::string& utf8) {
  ++at_;
  while (peek() != quote || at_end()) {
    std::uint32_t point = 0;
    if (at_end()) return expected(quote == '"' ? "a closing '\"'" : "a closing \"'\"");
    if (!read_character(point)) return false;
    append_utf8(utf8, point);
  }
  ++at_;
  return true;
}

bool TextReader::read_word(std::string& utf8) {
  const std::size_t begin = at_;
  std::size_t next = at_;
  if (at_end() || !starts_atom(next_code_point(text_, next))) {
    const char c = peek();
    if ((c >= 'A' && c <= 'Z') || c == '_') return refuse("expected a term, found a variable (an atom such as 'Name' needs its quotes)");
    return expected("a term");
  }
  while (next < text_.size()) {
    std::size_t further = next;
    if (!continues_atom(next_code_point(text_, further))) break;
    next = further;
  }
  utf8 = text_.substr(begin, next - begin);
  if (utf8 != "fun" && is_reserved(utf8)) return refuse("the word '" + utf8 + "' is reserved: as an atom it needs quotes");
  at_ = next;
  return true;
}

bool TextReader::read_atom_name(std::string& utf8) {
  const std::size_t begin = at_;
  if (peek() == '\'' ? !read_quoted('\'', utf8) : !read_word(utf8)) return false;
  if (count_code_points(utf8) <= static_cast<std::int64_t>(kMaxAtomCharacters)) return true;
  at_ = begin;
  return refuse("an atom of more than 255 characters");
}

bool TextReader::read_atom_or_fun(Term& term) {
  const bool quoted = peek() == '\'';
  std::string name;
  if (!read_atom_name(name)) return false;
  if (!quoted && name == "fun") return read_fun(term);
  term = Term::atom(name);
  return true;
}

bool TextReader::read_fun(Term& term) {
  std::string module, function;
  skip_space();
  if (!read_atom_name(module)) return false;
  if (!skip(":")) return expected("':' of fun M:F/A");
  if (!read_atom_name(function)) return false;
  if (!skip("/")) return expected("'/' of fun M:F/A");
  const std::string_view digits = read_digits(10);
  std::uint32_t arity = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), arity);
  if (code != std::errc() || arity > 255) return refuse("expected an arity of 0 to 255");
  term = Term::export_fun(Term::atom(module), Term::atom(function), arity);
  return true;
}

bool TextReader::read_string(Term& term) {
  std::string utf8;
  if (!read_quoted('"', utf8)) return false;
  std::vector<Term> points;
  points.reserve(utf8.size());
  for (std::size_t at = 0; at < utf8.size();) points.push_back(Term::integer(next_code_point(utf8, at)));
  term = Term::list(std::move(points));
  return true;
}

bool TextReader::read_binary(Term& term) {
  Bytes bytes;
  std::size_t bits = 0;
  skip_space();
  for (bool first = true; !skip(">>"); first = false) {
    if (!first) {
      if (!skip(",")) return expected("',' or '>>'");
      skip_space();
    }
    if (!(peek() == '"' ? read_text_segment(bytes, bits) : read_segment(bytes, bits))) return false;
    skip_space();
  }
  term = Term::bits(bytes, bits == 0 ? 8 : static_cast<unsigned>((bits - 1) % 8 + 1));
  return true;
}

bool TextReader::read_segment(Bytes& bytes, std::size_t& bits) {
  constexpr std::uint32_t kMaxSegmentBits = 1u << 16;
  Term value;
  const char c = peek();
  if (!is_digit(c) && c != '-' && c != '+' && c != '$') return expected("an integer, a string or '>>'");
  if (!read_scalar(value)) return false;
  if (!value.is_small()) return refuse("expected an integer of at most 64 bits in a binary");
  std::uint32_t size = 8;
  if (skip(":")) {
    const std::string_view digits = read_digits(10);
    const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), size);
    if (code != std::errc() || size > kMaxSegmentBits) return refuse("expected a size of 0 to " + std::to_string(kMaxSegmentBits) + " bits");
  }
  append_bits(value.to_int64(), size, bytes, bits);
  return true;
}

bool TextReader::read_text_segment(Bytes& bytes, std::size_t& bits) {
  std::string utf8;
  if (!read_quoted('"', utf8)) return false;
  if (skip("/utf8")) {
    for (const char c : utf8) append_bits(static_cast<unsigned char>(c), 8, bytes, bits);
    return true;
  }
  for (std::size_t at = 0; at < utf8.size();) {
    const std::int32_t point = next_code_point(utf8, at);
    if (point > 255) return refuse("a character above 255 in a binary needs \"...\"/utf8");
    append_bits(point, 8, bytes, bits);
  }
  return true;
}

}  // namespace supervisorring::detail
