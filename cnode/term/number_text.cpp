#include "term/number_text.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <vector>

namespace supervisorring::detail {
namespace {

// A float's shortest digits "d1d2d3..." and the place of its point: 0.d1d2d3... * 10^place.
struct Digits {
  std::string digits;
  int place;
};

Digits shortest_digits(double value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific).ptr;
  const std::string_view all(text, static_cast<std::size_t>(end - text));
  const std::size_t e = all.find('e');
  Digits result;
  for (const char c : all.substr(0, e)) {
    if (c != '.') result.digits += c;
  }
  const std::string_view exponent = all.substr(e + 1);
  int ten = 0;
  std::from_chars(exponent.data() + (exponent[0] == '+' ? 1 : 0), exponent.data() + exponent.size(), ten);
  result.place = ten + 1;
  return result;
}

void append_scientific(const Digits& number, const std::string& exponent, std::string& out) {
  out += number.digits[0];
  out += '.';
  out += number.digits.size() == 1 ? "0" : number.digits.substr(1);
  out += 'e' + exponent;
}

void append_decimal(std::vector<std::uint32_t> words, std::string& out) {
  constexpr std::uint32_t kBillion = 1'000'000'000;
  std::vector<std::uint32_t> groups;
  while (!words.empty()) {
    std::uint64_t rest = 0;
    for (std::size_t i = words.size(); i-- > 0;) {
      rest = rest << 32 | words[i];
      words[i] = static_cast<std::uint32_t>(rest / kBillion);
      rest %= kBillion;
    }
    groups.push_back(static_cast<std::uint32_t>(rest));
    while (!words.empty() && words.back() == 0) words.pop_back();
  }
  out += std::to_string(groups.back());
  for (std::size_t i = groups.size() - 1; i-- > 0;) {
    const std::string digits = std::to_string(groups[i]);
    out.append(9 - digits.size(), '0');
    out += digits;
  }
}

Term big_from_words(bool negative, const std::vector<std::uint32_t>& words) {
  std::string magnitude;
  magnitude.reserve(words.size() * 4);
  for (std::uint32_t word : words) {
    for (int i = 0; i < 4; ++i, word >>= 8) magnitude += static_cast<char>(word & 0xFF);
  }
  return Term::big(negative, magnitude);
}

Term from_power_of_two(bool negative, std::string_view digits, unsigned bits_a_digit) {
  std::string magnitude;
  unsigned held = 0;
  unsigned held_bits = 0;
  for (std::size_t i = digits.size(); i-- > 0;) {
    held |= digit_value(digits[i]) << held_bits;
    for (held_bits += bits_a_digit; held_bits >= 8; held_bits -= 8, held >>= 8) magnitude += static_cast<char>(held & 0xFF);
  }
  magnitude += static_cast<char>(held);
  return Term::big(negative, magnitude);
}

}  // namespace

unsigned digit_value(char c) noexcept {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'z') return static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'Z') return static_cast<unsigned>(c - 'A') + 10;
  return 99;
}

void append_float(double value, std::string& out) {
  if (std::signbit(value)) out += '-';
  value = std::fabs(value);
  if (value == 0) {
    out += "0.0";
    return;
  }
  constexpr double kFirstWithGaps = 9007199254740992.0;  // 2^53: above it digits before the point would be invented
  const Digits number = shortest_digits(value);
  const int count = static_cast<int>(number.digits.size());
  const std::string exponent = std::to_string(number.place - 1);
  const int scientific_cost = static_cast<int>(exponent.size()) + 1 + (count == 1 ? 2 : 1);
  if (value >= kFirstWithGaps) return append_scientific(number, exponent, out);
  if (number.place <= 0) {
    if (2 - number.place > scientific_cost && number.place != 0) return append_scientific(number, exponent, out);
    out += "0.";
    out.append(static_cast<std::size_t>(-number.place), '0');
    out += number.digits;
  } else if (number.place >= count) {
    if (number.place - count + 2 > scientific_cost) return append_scientific(number, exponent, out);
    out += number.digits;
    out.append(static_cast<std::size_t>(number.place - count), '0');
    out += ".0";
  } else {
    out += number.digits.substr(0, static_cast<std::size_t>(number.place)) + "." + number.digits.substr(static_cast<std::size_t>(number.place));
  }
}

void append_integer(const Term& integer, std::string& out) {
  if (integer.is_small()) {
    out += std::to_string(integer.to_int64());
    return;
  }
  const BytesView magnitude = integer.magnitude();
  if (integer.is_negative()) out += '-';
  if (magnitude.size() > kMaxDecimalBytes) {
    constexpr char kHex[] = "0123456789ABCDEF";
    out += "16#";
    for (std::size_t i = magnitude.size(); i-- > 0;) {
      const auto byte = static_cast<unsigned char>(magnitude[i]);
      if (i + 1 != magnitude.size() || byte > 15) out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
    return;
  }
  std::vector<std::uint32_t> words((magnitude.size() + 3) / 4);
  for (std::size_t i = 0; i < magnitude.size(); ++i) words[i / 4] |= static_cast<std::uint32_t>(static_cast<unsigned char>(magnitude[i])) << (8 * (i % 4));
  append_decimal(std::move(words), out);
}

std::optional<Term> integer_from_digits(bool negative, std::string_view digits, unsigned base) {
  if (std::has_single_bit(base)) return from_power_of_two(negative, digits, static_cast<unsigned>(std::bit_width(base)) - 1);
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size() - 1));
  if (digits.size() > kMaxDigits) return std::nullopt;
  std::vector<std::uint32_t> words;
  for (const char c : digits) {
    std::uint64_t carry = digit_value(c);
    for (std::uint32_t& word : words) {
      carry += std::uint64_t{word} * base;
      word = static_cast<std::uint32_t>(carry);
      carry >>= 32;
    }
    if (carry != 0) words.push_back(static_cast<std::uint32_t>(carry));
  }
  return big_from_words(negative, words);
}

}  // namespace supervisorring::detail
