#include "crdt/lww_set.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "crdt/mutation.h"
#include "supervisorring/external_format.h"

namespace supervisorring {

namespace {

constexpr std::string_view kLwwModule = "Elixir.LWWElemSet";
constexpr std::string_view kMapSetModule = "Elixir.MapSet";
constexpr std::size_t kShown = 120;  // bytes of an offending term in an error
constexpr std::int64_t kMaxDenormalised = 1'000'000'000'000;  // of the seconds and the microseconds of a timestamp

Error expected(std::string what, const Term& came) { return Error{"expected " + std::move(what) + ", got " + to_text(came, kShown)}; }

bool is_struct(const Term& term, std::string_view module) {
  if (!term.is_map()) return false;
  const Term* name = term.find("__struct__");
  return name != nullptr && name->is_atom(module);
}

struct ParsedMapSet {
  std::vector<LwwEntry> entries;
  MapSetForm form;
};

// `budget`: entries that may still come; what both sets of a struct hold together is limited.
Result<ParsedMapSet> parse_map_set(const Term& term, std::size_t budget) {
  if (!is_struct(term, kMapSetModule)) return expected("a MapSet", term);
  ParsedMapSet parsed;
  const Term* version = term.find("version");
  if (version != nullptr && version->as_int64() != 2) return expected("a MapSet of version 2", *version);
  parsed.form.has_version = version != nullptr;
  if (term.size() != (version != nullptr ? 3u : 2u)) return expected("a MapSet without other keys", term);
  parsed.form.struct_key_last = !term.pairs()[0].first.is_atom("__struct__");
  const Term* map = term.find("map");
  if (map == nullptr || !map->is_map()) return expected("a map in the MapSet", term);
  if (map->size() > budget) {
    return Error{"expected at most " + std::to_string(kMaxLwwEntries) + " entries in an LWWElemSet, got more"};
  }
  parsed.entries.reserve(map->size());
  for (const auto& [element, value] : map->pairs()) {
    if (!element.is_tuple(2)) return expected("{Element, Timestamp}", element);
    if (!value.is_nil() && !value.is_atom("true")) return expected("[] or true beside an element of a MapSet", value);
    auto at = Timestamp::from_term(element[1]);
    if (!at) return Error{at.error()};
    parsed.form.value_is_true = value.is_atom("true");
    parsed.entries.push_back({element[0], *at});
  }
  return parsed;
}

Term map_set_term(std::vector<Term::Pair> entries, const MapSetForm& form, bool keep_order) {
  Term map = keep_order ? Term::map_as_received(std::move(entries)) : Term::map(std::move(entries));
  std::vector<Term::Pair> pairs;
  if (!form.struct_key_last) pairs.emplace_back(atom("__struct__"), atom(kMapSetModule));
  pairs.emplace_back(atom("map"), std::move(map));
  if (form.struct_key_last) pairs.emplace_back(atom("__struct__"), atom(kMapSetModule));
  if (form.has_version) pairs.emplace_back(atom("version"), integer(2));
  return Term::map_as_received(std::move(pairs));
}

Term struct_term(Term adds, Term removes) {
  return Term::map_as_received({{atom("__struct__"), atom(kLwwModule)}, {atom("add_set"), std::move(adds)}, {atom("rem_set"), std::move(removes)}});
}

Term::Pair entry_pair(const Term& element, const Timestamp& at, const MapSetForm& form) {
  return {tuple(element, at.to_term()), form.value_is_true ? Term::boolean(true) : Term::nil()};
}

void keep_newest(Stamp& known, Stamp other, bool& changed) {
  if (known >= other) return;
  known = other;
  changed = true;
}

}  // namespace

Timestamp Timestamp::of_wall(std::chrono::microseconds since_1970) {
  const std::int64_t micros = std::max<std::int64_t>(0, since_1970.count());
  const std::int64_t seconds = micros / 1'000'000;
  return {std::min(seconds / 1'000'000, kMaxMegaSeconds), seconds % 1'000'000, micros % 1'000'000};
}

Result<Timestamp> Timestamp::from_term(const Term& term) {
  if (!term.is_tuple(3)) return expected("a timestamp {MegaSecs, Secs, MicroSecs}", term);
  std::int64_t parts[3];
  for (std::size_t i = 0; i < 3; ++i) {
    const auto part = term[i].as_int64();
    if (!part || *part < 0 || *part > (i == 0 ? kMaxMegaSeconds : kMaxDenormalised)) {
      return expected("a timestamp {MegaSecs, Secs, MicroSecs}", term);
    }
    parts[i] = *part;
  }
  return Timestamp{parts[0], parts[1], parts[2]};
}

Term Timestamp::to_term() const { return tuple(integer(mega), integer(seconds), integer(micro)); }

Timestamp Timestamp::next() const {
  if (micro + 1 < 1'000'000) return {mega, seconds, micro + 1};
  if (seconds + 1 < 1'000'000) return {mega, seconds + 1, 0};
  if (mega < kMaxMegaSeconds) return {mega + 1, 0, 0};
  return *this;
}

Result<LwwStruct> LwwStruct::from_term(const Term& term) {
  if (!is_struct(term, kLwwModule) || term.size() != 3) return expected("an LWWElemSet", term);
  const Term* adds = term.find("add_set");
  const Term* removes = term.find("rem_set");
  if (adds == nullptr || removes == nullptr) return expected("add_set and rem_set in the LWWElemSet", term);
  auto added = parse_map_set(*adds, kMaxLwwEntries);
  if (!added) return Error{added.error()};
  auto removed = parse_map_set(*removes, kMaxLwwEntries - added->entries.size());
  if (!removed) return Error{removed.error()};
  LwwStruct parsed;
  parsed.form = added->form;
  // An empty MapSet does not tell which value it writes.
  parsed.form.value_is_true = added->form.value_is_true || removed->form.value_is_true;
  parsed.adds = std::move(added->entries);
  parsed.removes = std::move(removed->entries);
  return parsed;
}

Term LwwStruct::to_term() const {
  const auto map_set = [this](const std::vector<LwwEntry>& entries) {
    std::vector<Term::Pair> pairs;
    pairs.reserve(entries.size());
    for (const auto& [element, at] : entries) pairs.push_back(entry_pair(element, at, form));
    return map_set_term(std::move(pairs), form, true);
  };
  return struct_term(map_set(adds), map_set(removes));
}

LwwSet::LwwSet(const LwwStruct& received) {
  bool changed = false;
  const std::size_t most = received.adds.size() + received.removes.size();
  known_.reserve(std::min(most, kMaxLwwNames));
  for (const auto& [element, at] : received.adds) keep_newest(known_[element].added, at, changed);
  for (const auto& [element, at] : received.removes) keep_newest(known_[element].removed, at, changed);
}

// What came since the last time is put into its place.
const std::vector<std::uint32_t>& LwwSet::order() const {
  const std::size_t known = order_.size();
  if (known == names()) return order_;
  for (std::size_t number = known; number < names(); ++number) order_.push_back(static_cast<std::uint32_t>(number));
  const auto less = [this](std::uint32_t a, std::uint32_t b) { return compare_exact(entries()[a].first, entries()[b].first) < 0; };
  const auto middle = order_.begin() + static_cast<std::ptrdiff_t>(known);
  std::sort(middle, order_.end(), less);
  std::inplace_merge(order_.begin(), middle, order_.end(), less);
  return order_;
}

namespace {

Timestamp later_than(Stamp known, const Timestamp& at) { return known && Stamp(at) <= known ? (*known).next() : at; }

Timestamp newer_than_all(const LwwSet::Stamps& stamps, std::chrono::microseconds wall) {
  Timestamp at = Timestamp::of_wall(wall);
  if (mutated(Mutation::wall_clock)) return at;
  return later_than(std::max(stamps.added, stamps.removed), at);
}

// Mutation::no_compaction: what compaction would have dropped, by what replaced it.
using Replaced = std::map<std::pair<std::string, Timestamp>, Timestamp>;
struct Dropped { Replaced adds, removes; };
Dropped& dropped() { static Dropped all; return all; }

void drop(Replaced& replaced, const Term& element, const Timestamp& newer, Stamp older) {
  if (older) replaced.insert_or_assign({to_text(element), newer}, *older);
}

void with_dropped(std::vector<Term::Pair>& entries, const Replaced& replaced, const Term& element, Stamp at, const MapSetForm& form) {
  while (at) {
    const auto older = replaced.find({to_text(element), *at});
    if (older == replaced.end()) return;
    at = older->second;
    entries.push_back(entry_pair(element, *at, form));
  }
}

}  // namespace

void LwwSet::put(const Term& element, std::chrono::microseconds wall, Stamp after) {
  Stamps& stamps = known_[element];
  const Timestamp at = later_than(after, newer_than_all(stamps, wall));
  if (mutated(Mutation::no_compaction)) drop(dropped().adds, element, at, stamps.added);
  if (!stamps.is_member()) ++membership_version_;
  stamps.added = at;
  ++version_;
}

void LwwSet::remove(const Term& element, std::chrono::microseconds wall) {
  Stamps& stamps = known_[element];
  const Timestamp at = newer_than_all(stamps, wall);
  if (mutated(Mutation::no_compaction)) drop(dropped().removes, element, at, stamps.removed);
  if (stamps.is_member()) ++membership_version_;
  stamps.removed = at;
  ++version_;
}

void LwwSet::forget(const Term& element) {
  const Stamps* known = find(element);
  if (known == nullptr) return;
  if (known->is_member()) ++membership_version_;
  known_.erase(element);
  order_.clear();
  ++version_;
}

bool LwwSet::merge(const LwwSet& other) {
  bool changed = false;
  for (const auto& [element, theirs] : other.entries()) {
    Stamps& ours = known_[element];
    const bool was_member = ours.is_member();
    keep_newest(ours.added, theirs.added, changed);
    keep_newest(ours.removed, theirs.removed, changed);
    if (ours.is_member() != was_member) ++membership_version_;
  }
  if (changed) ++version_;
  return changed;
}

LwwSet LwwSet::extract(const Term& element) {
  LwwSet extracted;
  if (const Stamps* known = find(element)) {
    extracted.known_[element] = *known;
    forget(element);
  }
  return extracted;
}

LwwSet LwwSet::only(const std::vector<Term>& elements) const {
  LwwSet some;
  for (const Term& element : elements)
    if (const Stamps* known = find(element)) some.known_[element] = *known;
  return some;
}

LwwSet LwwSet::lacking_in(const LwwSet& other) const {
  LwwSet lacking;
  for (const auto& [element, ours] : entries()) {
    const Stamps* theirs = other.find(element);
    const bool is_there = theirs != nullptr && theirs->is_member();
    if (ours.is_member() == is_there) continue;
    const Stamps merged = theirs == nullptr ? ours : Stamps{std::max(ours.added, theirs->added), std::max(ours.removed, theirs->removed)};
    if (merged.is_member() != is_there) lacking.known_[element] = ours;
  }
  return lacking;
}

bool LwwSet::is_member(const Term& element) const {
  const Stamps* known = find(element);
  if (known == nullptr || !known->added) return false;
  if (element.is_atom()) return known->is_member();
  // Elixir compares the removed element with ==, the added one exactly: a remove of 1.0 takes 1 out too.
  return std::ranges::none_of(entries(), [&](const auto& entry) { return entry.second.removed > known->added && compare(entry.first, element) == 0; });
}

Stamp LwwSet::newest() const {
  Stamp newest;
  for (const auto& [element, stamps] : entries()) newest = std::max({newest, stamps.added, stamps.removed});
  return newest;
}

std::vector<Term> LwwSet::members() const {
  std::vector<Term> members;
  members.reserve(names());
  const auto& ascending = order();
  for (auto number = ascending.rbegin(); number != ascending.rend(); ++number) {
    const auto& [element, stamps] = entries()[*number];
    if (element.is_atom() ? stamps.is_member() : is_member(element)) members.push_back(element);
  }
  return members;
}

Term LwwSet::to_entries() const {
  const auto or_none = [](Stamp at) { return at ? (*at).to_term() : atom("none"); };
  std::vector<Term> tuples;
  tuples.reserve(names());
  for (const std::uint32_t number : order()) {
    const auto& [element, stamps] = entries()[number];
    tuples.push_back(tuple(element, or_none(stamps.added), or_none(stamps.removed)));
  }
  return Term::list(std::move(tuples));
}

void LwwSet::append_text(Bytes& text) const {
  const auto append = [&text](std::int64_t number) {
    for (int shift = 56; shift >= 0; shift -= 8) text.push_back(static_cast<char>(number >> shift));
  };
  append(static_cast<std::int64_t>(names()));
  for (const std::uint32_t number : order()) {
    const auto& [element, stamps] = entries()[number];
    if (element.is_atom()) text += element.atom_name();
    else text += external_form(element);
    text.push_back('\0');
    for (const Stamp at : {stamps.added, stamps.removed}) {
      const Timestamp time = at ? *at : Timestamp{-1, 0, 0};
      append(time.mega), append(time.seconds), append(time.micro);
    }
  }
}

Result<LwwSet> LwwSet::from_entries(const Term& entries) {
  if (!entries.is_proper_list() || entries.size() > kMaxLwwNames) return expected("a list of at most " + std::to_string(kMaxLwwNames) + " {Element, Added, Removed}", entries);
  LwwSet set;
  bool changed = false;
  for (const Term& entry : entries.elements()) {
    if (!entry.is_tuple(3)) return expected("{Element, Added, Removed}", entry);
    Stamps& stamps = set.known_[entry[0]];
    for (const auto& [term, kept] : {std::pair(&entry[1], &stamps.added), std::pair(&entry[2], &stamps.removed)}) {
      if (term->is_atom("none")) continue;
      const auto at = Timestamp::from_term(*term);
      if (!at) return Error{at.error()};
      keep_newest(*kept, *at, changed);
    }
  }
  return set;
}

bool LwwSet::operator==(const LwwSet& other) const {
  return names() == other.names() && std::ranges::all_of(entries(), [&](const auto& entry) {
           const Stamps* theirs = other.find(entry.first);
           return theirs != nullptr && *theirs == entry.second;
         });
}

Term LwwSet::to_term(const MapSetForm& form) const {
  std::vector<Term::Pair> adds, removes;
  for (const std::uint32_t number : order()) {
    const auto& [element, stamps] = entries()[number];
    if (stamps.added) adds.push_back(entry_pair(element, *stamps.added, form));
    if (stamps.removed) removes.push_back(entry_pair(element, *stamps.removed, form));
    if (!mutated(Mutation::no_compaction)) continue;
    with_dropped(adds, dropped().adds, element, stamps.added, form);
    with_dropped(removes, dropped().removes, element, stamps.removed, form);
  }
  // Entries are in the order of their elements and hold each once: that is OTP's key order already.
  const bool ordered = !mutated(Mutation::no_compaction);
  return struct_term(map_set_term(std::move(adds), form, ordered), map_set_term(std::move(removes), form, ordered));
}

}  // namespace supervisorring
