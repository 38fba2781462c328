// Numbers as Erlang text: floats as float_to_list(F, [short]), big integers in decimal.
#pragma once

#include <optional>
#include <string>

#include "supervisorring/term.h"

namespace supervisorring::detail {

// Decimal digits cost quadratic time; above this many bytes a big integer is written in base 16.
inline constexpr std::size_t kMaxDecimalBytes = 1024;
// For the same reason, the most digits that are read in a base that is no power of two.
inline constexpr std::size_t kMaxDigits = 4096;

void append_float(double value, std::string& out);
void append_integer(const Term& integer, std::string& out);

// `digits`: of that base (2..36), at least one, all checked; nullopt when there are too many.
std::optional<Term> integer_from_digits(bool negative, std::string_view digits, unsigned base);

// 0..35; 99 for what is no digit.
unsigned digit_value(char c) noexcept;

}  // namespace supervisorring::detail
