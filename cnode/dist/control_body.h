// ControlBody: a cursor over the body of one frame, for control_decode.cpp.
//
// Reads the control tuple element by element and then the payload, and checks the type of each. The first fault stays:
// after it every read gives [], so a reader of a message need not look after each element.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "dist/wire.h"
#include "supervisorring/external_format.h"
#include "supervisorring/result.h"
#include "supervisorring/term.h"

namespace supervisorring::detail {

inline constexpr unsigned char kPassThrough = 112, kVersion = 131, kDistHeader = 68, kDistFragCont = 70;
inline constexpr unsigned char kSmallTuple = 104, kLargeTuple = 105, kSmallInteger = 97, kSmallAtomUtf8 = 119;
inline constexpr std::size_t kShownTerm = 80;

class ControlBody {
 public:
  explicit ControlBody(BytesView bytes) : rest_(bytes) {}

  bool ok() const { return !failed_; }
  Error error() && { return std::move(error_); }
  void name(const char* op) { op_ = op; }

  void fail(std::string text) {
    if (failed_) return;
    failed_ = true;
    error_.text = op_ == nullptr ? "control message: " + std::move(text) : std::string(op_) + ": " + std::move(text);
  }

  // The head of the tuple: arity and operation.
  void head(std::size_t& arity, std::int64_t& op) {
    if (!head_bytes()) return;
    if (byte(0) == kSmallTuple && rest_.size() >= 2) {
      arity = byte(1);
      rest_.remove_prefix(2);
    } else if (byte(0) == kLargeTuple && rest_.size() >= 5) {
      arity = get32(rest_, 1);
      rest_.remove_prefix(5);
    } else {
      return fail("expected a tuple after 'p' and 131, got \"" + show_bytes(rest_) + "\"");
    }
    if (arity == 0) return fail("expected a tuple that begins with an operation, got {}");
    if (rest_.size() >= 2 && byte(0) == kSmallInteger) {
      op = byte(1);
      rest_.remove_prefix(2);
      return;
    }
    const Term term = any();
    if (!ok()) return;
    if (!term.is_small()) return fail("expected an operation, got " + to_text(term, kShownTerm));
    op = term.to_int64();
  }

  Term any() {
    if (failed_) return Term();
    auto decoded = decode_body(rest_);
    if (!decoded) {
      fail(decoded.error());
      return Term();
    }
    rest_.remove_prefix(decoded->bytes_used);
    return std::move(decoded->term);
  }
  // The element that the protocol leaves unused: nearly always ''.
  void unused() {
    if (rest_.size() >= 2 && byte(0) == kSmallAtomUtf8 && byte(1) == 0) {
      rest_.remove_prefix(2);
    } else {
      any();
    }
  }
  Term pid(const char* what) {
    return checked(what, "a pid", [](const Term& t) { return t.is_pid(); });
  }
  Term atom(const char* what) {
    return checked(what, "an atom", [](const Term& t) { return t.is_atom(); });
  }
  Term pid_or_atom(const char* what) {
    return checked(what, "a pid or an atom", [](const Term& t) { return t.is_pid() || t.is_atom(); });
  }
  Term reference(const char* what) {
    return checked(what, "a reference", [](const Term& t) { return t.is_reference(); });
  }
  std::uint64_t unlink_id() {
    const Term term = checked("Id", "an integer from 1 to 2^64-1", [](const Term& t) {
      if (t.is_small()) return t.to_int64() > 0;
      return t.is_integer() && !t.is_negative() && t.magnitude().size() <= 8;
    });
    if (!ok()) return 0;
    if (term.is_small()) return static_cast<std::uint64_t>(term.to_int64());
    std::uint64_t id = 0;
    const BytesView magnitude = term.magnitude();
    for (std::size_t i = magnitude.size(); i-- > 0;) id = id << 8 | static_cast<unsigned char>(magnitude[i]);
    return id;
  }
  // What follows the tuple.
  Term payload() {
    if (failed_) return Term();
    if (rest_.empty()) {
      fail("expected a message after the control tuple, the frame ends");
      return Term();
    }
    auto decoded = decode(rest_);
    if (!decoded) {
      fail("message: " + decoded.error());
      return Term();
    }
    rest_.remove_prefix(decoded->bytes_used);
    return std::move(decoded->term);
  }
  void end() {
    if (!failed_ && !rest_.empty()) fail("expected the end of the frame, got " + std::to_string(rest_.size()) + " bytes more");
  }

 private:
  unsigned char byte(std::size_t at) const { return static_cast<unsigned char>(rest_[at]); }

  bool head_bytes() {
    if (rest_.empty()) return fail("empty frame"), false;
    if (byte(0) == kVersion && rest_.size() >= 2 && byte(1) >= kDistHeader && byte(1) <= kDistFragCont) {
      return fail("a distribution header (131, " + std::to_string(byte(1)) +
                  "), though neither DIST_HDR_ATOM_CACHE nor FRAGMENTS was offered"),
             false;
    }
    if (rest_.size() < 3 || byte(0) != kPassThrough || byte(1) != kVersion) {
      return fail("expected 112 ('p') and 131, got \"" + show_bytes(rest_.substr(0, 8)) + "\""), false;
    }
    rest_.remove_prefix(2);
    return true;
  }

  template <class Holds>
  Term checked(const char* what, const char* expected, Holds holds) {
    Term term = any();
    if (failed_ || holds(term)) return term;
    fail(std::string("expected ") + expected + " as " + what + ", got " + to_text(term, kShownTerm));
    return Term();
  }

  BytesView rest_;
  const char* op_ = nullptr;
  bool failed_ = false;
  Error error_;
};

}  // namespace supervisorring::detail
