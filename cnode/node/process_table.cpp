#include "node/process_table.h"

#include <algorithm>

#include "node/limits.h"

namespace supervisorring {

ProcessTable::~ProcessTable() {
  std::vector<std::uint32_t> places;
  numbers_.for_each([&](std::uint32_t place) { places.push_back(place); });
  for (const std::uint32_t place : places) entries_.remove(place);
}

ProcessEntry* ProcessTable::add(std::unique_ptr<Process> process, const Term& name, const Term& proxy) {
  if (entries_.size() >= kMaxProcesses) return nullptr;
  if (name.is_atom() && (find_name(name) != nullptr || name.is_atom("undefined"))) return nullptr;
  while (next_ == 0 || find(next_) != nullptr) next_ = (next_ + 1) & ((1u << kPidNumberBits) - 1);
  const std::uint32_t place = entries_.add();
  ProcessEntry* const entry = &entries_[place];
  entry->number = next_;
  entry->place = place;
  entry->pid = identity_.pid(next_);
  entry->process = std::move(process);
  const auto stand_in = proxy.is_pid() || !name.is_atom() ? stand_ins_.end() : stand_ins_.find(name);
  if (proxy.is_pid() || stand_in != stand_ins_.end()) {
    entry->pid = proxy.is_pid() ? proxy : stand_in->second;
    entry->bound = proxy.is_pid() ? ProcessEntry::Bound::proxy : ProcessEntry::Bound::relay;
    bound_.insert_or_assign(entry->pid, next_);
  }
  numbers_.add(next_, place);
  next_ = (next_ + 1) & ((1u << kPidNumberBits) - 1);
  if (name.is_atom()) register_name(*entry, name);
  return entry;
}

void ProcessTable::remove(ProcessEntry& entry) {
  unregister_name(entry);
  // A relay's next process may have been bound to the same pid meanwhile.
  const auto bound = entry.bound == ProcessEntry::Bound::no ? bound_.end() : bound_.find(entry.pid);
  if (bound != bound_.end() && bound->second == entry.number) bound_.erase(bound);
  const auto ended = std::move(entry.process);  // its destructor may look at the table
  numbers_.remove(entry.number, entry.place);
  entries_.remove(entry.place);
}

bool ProcessTable::register_name(ProcessEntry& entry, const Term& name) {
  if (!name.is_atom() || name.is_atom("undefined") || !entry.name.is_nil() || names_.size() >= kMaxNames) return false;
  if (!names_.emplace(name, &entry).second) return false;
  entry.name = name;
  return true;
}

void ProcessTable::unregister_name(ProcessEntry& entry) {
  if (entry.name.is_nil()) return;
  names_.erase(entry.name);
  entry.name = Term();
}

std::vector<ProcessEntry*> ProcessTable::in_order() {
  std::vector<ProcessEntry*> all;
  all.reserve(entries_.size());
  for_each([&](ProcessEntry& entry) { all.push_back(&entry); });
  std::sort(all.begin(), all.end(), [](const ProcessEntry* a, const ProcessEntry* b) { return a->number < b->number; });
  return all;
}

std::vector<Term> ProcessTable::names() const {
  std::vector<Term> all;
  all.reserve(names_.size());
  for (const auto& [name, entry] : names_) all.push_back(name);
  std::sort(all.begin(), all.end(), [](const Term& a, const Term& b) { return compare(a, b) < 0; });
  return all;
}

}  // namespace supervisorring
