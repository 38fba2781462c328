// Where a key lies: its external form as the VMs of the ring write it, and SHA-1 over that.
#include "ring/consistent_hash.h"

#include <algorithm>
#include <charconv>

#include "ring/sha1.h"

namespace supervisorring {

namespace {

constexpr std::size_t kLargestFlatMap = 32;  // OTP keeps greater maps in an order of its own hash
constexpr std::size_t kShown = 120;

bool is_container(const Term& term) { return term.is_map() || term.is_tuple() || term.type() == TermType::list; }

bool has_map(const Term& key) {
  if (key.is_map()) return true;
  if (!is_container(key)) return false;
  const bool flat = std::none_of(key.elements().begin(), key.elements().end(), is_container);
  if (flat && (key.is_tuple() || key.tail().is_nil())) return false;  // most keys: no room is needed to walk them
  std::vector<const Term*> open{&key};  // not recursive: a key may be nested as deeply as the decoder allows
  while (!open.empty()) {
    const Term& term = *open.back();
    open.pop_back();
    if (term.is_map()) return true;
    if (!term.is_tuple() && !term.is_list()) continue;
    for (const Term& element : term.elements()) {
      if (element.is_map() || element.is_tuple() || element.is_list()) open.push_back(&element);
    }
    if (term.type() == TermType::list && !term.tail().is_nil()) open.push_back(&term.tail());
  }
  return false;
}

Result<Term> in_key_order(const Term& term, HashFormat format, std::size_t depth);

Result<Term> map_in_key_order(const Term& map, HashFormat format, std::size_t depth) {
  if (map.size() > kLargestFlatMap) {
    return Error{"cannot be placed: a map of more than 32 keys is written in an order that depends on the VM: " + to_text(map, kShown)};
  }
  const auto atoms = std::count_if(map.pairs().begin(), map.pairs().end(), [](const Term::Pair& pair) { return pair.first.is_atom(); });
  if (format == HashFormat::minor_version_2 && atoms >= 2) {
    return Error{"cannot be placed: on OTP 26 and above a map of two or more atom keys is written in an order that depends on the VM: " +
                 to_text(map, kShown)};
  }
  std::vector<Term::Pair> pairs;
  pairs.reserve(map.size());
  for (const auto& [key, value] : map.pairs()) {
    auto ordered_key = in_key_order(key, format, depth);
    if (!ordered_key) return Error{ordered_key.error()};
    auto ordered_value = in_key_order(value, format, depth);
    if (!ordered_value) return Error{ordered_value.error()};
    pairs.emplace_back(*std::move(ordered_key), *std::move(ordered_value));
  }
  return Term::map(std::move(pairs));
}

Result<Term> in_key_order(const Term& term, HashFormat format, std::size_t depth) {
  if (!has_map(term)) return term;
  if (depth == 0) return Error{"cannot be placed: a map is nested more than " + std::to_string(kMaxKeyMapDepth) + " levels deep"};
  if (term.is_map()) return map_in_key_order(term, format, depth - 1);
  std::vector<Term> elements;
  elements.reserve(term.size());
  for (const Term& element : term.elements()) {
    auto ordered = in_key_order(element, format, depth - 1);
    if (!ordered) return ordered;
    elements.push_back(*std::move(ordered));
  }
  if (term.is_tuple()) return Term::tuple(std::move(elements));
  auto tail = in_key_order(term.tail(), format, depth - 1);
  if (!tail) return tail;
  return Term::list(std::move(elements), *std::move(tail));
}

// Reused by each thread: a look-up allocates nothing.
Bytes& cleared_buffer() {
  static thread_local Bytes buffer;
  if (buffer.capacity() > 65'536) buffer = Bytes();
  buffer.clear();
  return buffer;
}

// Appends the external form of `key` without its version byte.
std::optional<Error> append(const Term& key, HashFormat format, Bytes& out) {
  if (!has_map(key)) {
    encode_body(key, format, out);
    return std::nullopt;
  }
  auto ordered = in_key_order(key, format, kMaxKeyMapDepth);
  if (!ordered) return Error{ordered.error()};
  encode_body(*ordered, format, out);
  return std::nullopt;
}

Result<Term> term_of_hex(std::string_view line) {
  if (line.empty() || line.size() % 2 != 0) return Error{"expected an even number of hex digits after 0x, got " + std::to_string(line.size())};
  Bytes bytes(line.size() / 2, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    unsigned value = 0;
    const char* digits = line.data() + 2 * i;
    const auto [end, error] = std::from_chars(digits, digits + 2, value, 16);
    if (error != std::errc() || end != digits + 2) return Error{"expected hex digits after 0x, got '" + std::string(digits, 2) + "'"};
    bytes[i] = static_cast<char>(value);
  }
  return decode_whole(bytes);
}

}  // namespace

HashFormat hash_format_of_otp(int release) { return release >= 26 ? HashFormat::minor_version_2 : HashFormat::minor_version_1; }

int otp_of_hash_format(HashFormat format) { return format == HashFormat::minor_version_2 ? 26 : 25; }

Result<Digest> key_digest(const Term& key, HashFormat format) {
  Bytes& bytes = cleared_buffer();
  bytes += '\x83';
  if (auto error = append(key, format, bytes)) return *std::move(error);
  return sha1(bytes);
}

Digest key_digest_as_written(const Term& key, HashFormat format) {
  Bytes& bytes = cleared_buffer();
  encode(key, format, bytes);
  return sha1(bytes);
}

Result<Digest> child_digest(const Term& supervisor, const Term& id, HashFormat format) {
  Bytes& bytes = cleared_buffer();
  bytes += "\x83\x68\x02";  // the tuple {Supervisor, Id}
  if (auto error = append(supervisor, format, bytes)) return *std::move(error);
  if (auto error = append(id, format, bytes)) return *std::move(error);
  return sha1(bytes);
}

Result<std::string> place_line(const Ring& ring, HashFormat format, const std::optional<Term>& supervisor, std::string_view line) {
  const std::size_t first = line.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return Error{"expected an Erlang term, got an empty line"};
  line = line.substr(first, line.find_last_not_of(" \t\r\n") - first + 1);
  const bool hex = line.starts_with("0x");
  const auto term = hex ? term_of_hex(line.substr(2)) : parse_term(line);
  if (!term) return Error{term.error()};
  if (ring.empty()) return Error{"nobody is up: the ring is empty"};
  const Term key = supervisor ? tuple(*supervisor, *term) : *term;
  const auto digest = hex ? Result<Digest>(key_digest_as_written(key, format)) : key_digest(key, format);
  if (!digest) return Error{digest.error()};
  return std::string(ring.owner(*digest).atom_name()) + '\t' + to_text(*term);
}

}  // namespace supervisorring
