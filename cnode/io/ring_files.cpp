#include "io/ring_files.h"

namespace supervisorring {
namespace {

// Reads `name` with `parse`; what cannot be parsed is set aside.
template <class Parsed, class Parse>
Result<std::optional<Parsed>> read_one(const DataDirectory& directory, const std::string& name, Parse parse, std::vector<std::string>& warnings) {
  const auto content = directory.read(name);
  if (!content) return Error{content.error()};
  if (!*content) return std::optional<Parsed>();
  Result<Parsed> parsed = parse(**content);
  if (parsed) return std::optional<Parsed>(std::move(*parsed));
  const auto aside = directory.set_aside(name);
  if (!aside) return Error{aside.error()};
  warnings.push_back(directory.path() + "/" + name + " cannot be understood and is kept as " + *aside + ": " + parsed.error());
  return std::optional<Parsed>();
}

}  // namespace

Result<KeptRing> read_ring_files(const DataDirectory& directory) {
  KeptRing kept;
  auto ring = read_one<RingFile>(directory, kRingFileName, read_ring_file, kept.warnings);
  if (!ring) return Error{ring.error()};
  auto facts = read_one<RingFacts>(directory, kRingFactsFileName, read_ring_facts, kept.warnings);
  if (!facts) return Error{facts.error()};
  kept.ring = std::move(*ring);
  kept.facts = std::move(*facts);
  return kept;
}

}  // namespace supervisorring
