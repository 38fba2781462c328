// parse_term(): Erlang text to a term. One loop, a stack of open containers; the tokens are read by TextReader.
#include "term/small_stack.h"
#include "term/text_reader.h"
#include "supervisorring/external_format.h"

namespace supervisorring {
namespace {

using detail::SmallStack;
using detail::TextReader;

class Parser {
 public:
  explicit Parser(std::string_view text) : in_(text) {}

  Result<Term> run() {
    if (!read_terms()) return in_.error();
    in_.skip_space();
    in_.skip(".");
    in_.skip_space();
    if (!in_.at_end()) {
      in_.expected("the end of the text");
      return in_.error();
    }
    return values_.take();
  }

 private:
  enum class Kind : std::uint8_t { tuple, list, map };
  enum class Step : std::uint8_t { failed, opened, value };
  struct Frame {
    Kind kind;
    std::size_t base;
    bool at_tail = false;      // list: the bar was read
    std::size_t joined = 0;    // list: how many "[" stood behind a bar
  };

  bool read_terms() {
    for (;;) {
      switch (read_term()) {
        case Step::failed: return false;
        case Step::opened: continue;
        case Step::value: break;
      }
      for (;;) {
        if (frames_.empty()) return true;
        const Step step = after_value(frames_.top());
        if (step == Step::failed) return false;
        if (step == Step::opened) break;
      }
    }
  }

  // A term, or the "{", "[" or "#{" of one.
  Step read_term() {
    in_.skip_space();
    if (in_.skip("{")) return open(Kind::tuple, "}");
    if (in_.skip("[")) return open_list();
    if (in_.skip("#{")) return open(Kind::map, "}");
    Term term;
    if (!in_.read_scalar(term)) return Step::failed;
    values_.push(std::move(term));
    return Step::value;
  }

  Step open(Kind kind, std::string_view closer) {
    if (frames_.size() >= kMaxTermDepth) {
      in_.refuse("nested deeper than " + std::to_string(kMaxTermDepth));
      return Step::failed;
    }
    frames_.push(Frame{kind, values_.size()});
    in_.skip_space();
    return in_.skip(closer) ? close() : Step::opened;
  }

  // A list that is a list's tail continues it.
  Step open_list() {
    if (frames_.empty() || !frames_.top().at_tail) return open(Kind::list, "]");
    Frame& frame = frames_.top();
    in_.skip_space();
    if (in_.skip("]")) {
      values_.push(Term());
      return Step::value;
    }
    frame.at_tail = false;
    ++frame.joined;
    return Step::opened;
  }

  // What follows a term in its container: opened when another term does, value when the container ends.
  Step after_value(Frame& frame) {
    in_.skip_space();
    switch (frame.kind) {
      case Kind::tuple: return after_element("}", "',' or '}'");
      case Kind::map: return after_in_map(frame);
      case Kind::list: return after_in_list(frame);
    }
    return Step::failed;
  }

  Step after_element(std::string_view closer, const char* expected) {
    if (in_.skip(",")) return Step::opened;
    if (in_.skip(closer)) return close();
    in_.expected(expected);
    return Step::failed;
  }

  Step after_in_map(const Frame& frame) {
    const bool after_key = (values_.size() - frame.base) % 2 == 1;
    if (!after_key) return after_element("}", "',' or '}'");
    if (in_.skip("=>")) return Step::opened;
    in_.expected("'=>'");
    return Step::failed;
  }

  Step after_in_list(Frame& frame) {
    if (!frame.at_tail) {
      if (in_.skip(",")) return Step::opened;
      if (in_.skip("|")) {
        frame.at_tail = true;
        return Step::opened;
      }
    }
    for (;; --frame.joined, in_.skip_space()) {
      if (!in_.skip("]")) {
        in_.expected(frame.at_tail ? "']'" : "',', '|' or ']'");
        return Step::failed;
      }
      if (frame.joined == 0) return close();
    }
  }

  Step close() {
    const Frame frame = frames_.take();
    Term tail = frame.at_tail ? values_.take() : Term();
    std::vector<Term> terms;
    terms.reserve(values_.size() - frame.base);
    for (std::size_t i = frame.base; i < values_.size(); ++i) terms.push_back(std::move(*values_.from(i)));
    values_.cut(frame.base);
    switch (frame.kind) {
      case Kind::tuple: values_.push(Term::tuple(std::move(terms))); break;
      case Kind::list: values_.push(Term::list(std::move(terms), std::move(tail))); break;
      case Kind::map: {
        std::vector<Term::Pair> pairs;
        for (std::size_t i = 0; i < terms.size(); i += 2) pairs.emplace_back(std::move(terms[i]), std::move(terms[i + 1]));
        values_.push(Term::map(std::move(pairs)));
        break;
      }
    }
    return Step::value;
  }

  TextReader in_;
  SmallStack<Term, 16> values_;
  SmallStack<Frame, 8> frames_;
};

}  // namespace

Result<Term> parse_term(std::string_view text) {
  constexpr std::size_t kMaxTextBytes = std::size_t{64} << 20;  // what people and configuration files write is far shorter
  if (text.size() > kMaxTextBytes) return Error{"Erlang term: expected at most 64 MiB of text, got " + std::to_string(text.size()) + " bytes"};
  return Parser(text).run();
}

}  // namespace supervisorring
