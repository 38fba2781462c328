#include "ring/ring_file.h"

#include "supervisorring/external_format.h"

namespace supervisorring {

namespace {
constexpr std::size_t kShown = 120;
constexpr std::size_t kFirstAtomTag = 6;  // after the version byte and MAP_EXT with its arity
constexpr unsigned char kAtomExt = 100, kSmallAtomUtf8Ext = 119;
}  // namespace

bool is_member_name(const Term& term) {
  if (!term.is_atom()) return false;
  const std::string_view name = term.atom_name();
  const std::size_t at = name.find('@');
  return at != std::string_view::npos && at > 0 && at + 1 < name.size() && name.find('@', at + 1) == std::string_view::npos;
}

Result<LwwSet> member_set(const LwwStruct& received) {
  for (const auto* entries : {&received.adds, &received.removes}) {
    for (const LwwEntry& entry : *entries) {
      if (!is_member_name(entry.element)) return Error{"expected member names like 'a@b', got " + to_text(entry.element, kShown)};
    }
  }
  LwwSet set(received);
  if (set.names() > kMaxLwwNames) {
    return Error{"expected at most " + std::to_string(kMaxLwwNames) + " names in a set, got " + std::to_string(set.names())};
  }
  return set;
}

Result<RingFile> read_ring_file(BytesView content) {
  const auto term = decode_whole(content);
  if (!term) return Error{"the ring file is not a whole external term: " + term.error()};
  const auto parsed = LwwStruct::from_term(*term);
  if (!parsed) return Error{"the ring file: " + parsed.error()};
  auto nodes = member_set(*parsed);
  if (!nodes) return Error{"the ring file: " + nodes.error()};
  RingFile file{*std::move(nodes), parsed->form, std::nullopt};
  if (content.size() > kFirstAtomTag) {
    const auto tag = static_cast<unsigned char>(content[kFirstAtomTag]);
    if (tag == kAtomExt) file.format = HashFormat::minor_version_1;
    if (tag == kSmallAtomUtf8Ext) file.format = HashFormat::minor_version_2;
  }
  return file;
}

Bytes write_ring_file(const LwwSet& nodes, const MapSetForm& form, HashFormat format) { return external_form(nodes.to_term(form), format); }

Result<RingFacts> read_ring_facts(std::string_view content) {
  const auto term = parse_term(content);
  if (!term) return Error{std::string(kRingFactsFileName) + ": " + term.error()};
  if (term->is_tagged("supervisorring", 3) && (*term)[1].as_int64() == 1 && (*term)[2].is_map()) {
    const Term* format = (*term)[2].find("hash_format");
    if (format != nullptr && (format->as_int64() == 25 || format->as_int64() == 26)) {
      return RingFacts{hash_format_of_otp(static_cast<int>(*format->as_int64()))};
    }
  }
  return Error{std::string(kRingFactsFileName) + ": expected {supervisorring, 1, #{hash_format => 25 or 26}}., got " + to_text(*term, kShown)};
}

std::string write_ring_facts(const RingFacts& facts) {
  return "{supervisorring, 1, #{hash_format => " + std::to_string(otp_of_hash_format(facts.format)) + "}}.\n";
}

}  // namespace supervisorring
