// Reads the tokens of Erlang text: numbers, characters, atoms, strings, binaries, fun M:F/A.
//
// Each read_ function answers whether it succeeded; when not, error() says what was expected and where.
#pragma once

#include "supervisorring/term.h"

namespace supervisorring::detail {

class TextReader {
 public:
  explicit TextReader(std::string_view text) : text_(text) {}

  bool at_end() const { return at_ == text_.size(); }
  void skip_space();
  bool skip(std::string_view token);      // false when something else comes
  bool read_scalar(Term& term);           // any term but tuple, list in brackets, map
  bool expected(std::string_view what);   // false, always: what was expected, what is there
  bool refuse(std::string_view why);      // false, always
  Error error() const { return Error{"Erlang term: " + fault_}; }

 private:
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  std::string_view read_digits(unsigned base);
  bool read_number(Term& term);
  bool read_float(std::size_t begin, Term& term);
  bool read_character(std::uint32_t& point);  // one character, escapes undone
  bool read_escape(std::uint32_t& point);
  bool read_hex_escape(std::uint32_t& point);
  bool read_quoted(char quote, std::string& utf8);
  bool read_atom_name(std::string& utf8);
  bool read_word(std::string& utf8);
  bool read_atom_or_fun(Term& term);
  bool read_fun(Term& term);
  bool read_string(Term& term);
  bool read_binary(Term& term);
  bool read_segment(Bytes& bytes, std::size_t& bits);
  bool read_text_segment(Bytes& bytes, std::size_t& bits);

  std::string_view text_;
  std::size_t at_ = 0;
  std::string fault_;
};

}  // namespace supervisorring::detail
