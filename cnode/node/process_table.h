// Process table: the living processes of this node, their pids and their registered names.
//
// An entry holds what the node knows of one process: its links, the monitors it holds (watching) and those held on it
// (watchers). Who changes them and by which rules: signals.h. The table only finds, adds and removes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "node/identity.h"
#include "node/process.h"
#include "node/small_table.h"
#include "sup/slab.h"

namespace supervisorring {

// A link of a local process, kept under the other pid. While an UNLINK_ID of ours is not acknowledged it stays, inactive.
struct LinkState {
  std::uint64_t order;          // of creation: links are told in this order
  std::uint64_t unlink_id = 0;  // 0: active
  bool active() const { return unlink_id == 0; }
};

enum class WatchKind : std::uint8_t { monitor, call, erpc };

// A monitor that a local process holds, kept under its own reference's key.
struct Watch {
  WatchKind kind = WatchKind::monitor;
  std::uint64_t order = 0;
  Term target;                 // pid, name or {Name, Node} of another node; erpc: the node, then the pid of its worker
  bool outside = false;        // drop-in: the BEAM holds it
  bool spawn_failed = false;   // erpc: the 'DOWN' on its way is the answer to the SPAWN_REQUEST
  CallContinuation then;       // call, erpc
};

// A monitor held on a local process, kept under the watcher's reference.
struct Watcher {
  std::uint64_t order;
  Term pid;  // who is told
  Term as;   // what the watcher called the process: its pid or its name
};

struct ProcessEntry {
  PidNumber number = 0;
  std::uint32_t place = 0;  // in the table
  Term pid;
  Term name;  // [] for none
  std::unique_ptr<Process> process;
  bool trap_exit = false;
  bool monitors_nodes = false;
  bool of_the_node = false;  // a service that every node has: `kill` does not end it
  enum class Bound : std::uint8_t { no, relay, proxy } bound = Bound::no;  // drop-in: `pid` is a BEAM process's that stands for this one
  bool ending = false;  // ended() is running or has run
  std::optional<Term> exit_reason;  // set by ProcessContext::exit during a callback
  SmallTable<Term, LinkState> links;
  SmallTable<RefKey, Watch> watching;
  SmallTable<Term, Watcher> watchers;
};

class ProcessTable {
 public:
  explicit ProcessTable(Identity& identity) : identity_(identity) {}
  ~ProcessTable();

  // A new entry under a new pid; nullptr when the name is taken or there are kMaxProcesses. The pointer lives until remove().
  // Its pid is `proxy` where that is one, else the name's stand-in.
  ProcessEntry* add(std::unique_ptr<Process> process, const Term& name, const Term& proxy = Term());
  void remove(ProcessEntry& entry);

  // nullptr: no such process.
  ProcessEntry* find(PidNumber number) {
    const auto place = numbers_.find(number, [&](std::uint32_t one) { return entries_[one].number == number; });
    return place == HashIndex::kNone ? nullptr : &entries_[place];
  }
  // Of a process of this table, living or not; nullopt for every other pid.
  std::optional<PidNumber> number_of(const Term& pid) const {
    const auto number = identity_.number_of(pid);
    if (number || bound_.empty()) return number;
    const auto found = bound_.find(pid);
    return found == bound_.end() ? std::nullopt : std::optional(found->second);
  }
  ProcessEntry* find_pid(const Term& pid) {
    const auto number = number_of(pid);
    return number ? find(*number) : nullptr;
  }
  ProcessEntry* find_name(const Term& name) {
    const auto found = names_.find(name);
    return found == names_.end() ? nullptr : found->second;
  }

  // False when the name is taken, when the process has one already, or when the name is `undefined` (as register/2).
  bool register_name(ProcessEntry& entry, const Term& name);
  void unregister_name(ProcessEntry& entry);

  // Drop-in: processes that are registered as `name` from here on have the pid of this BEAM process.
  void stand_in(const Term& name, const Term& pid) { stand_ins_.insert_or_assign(name, pid); }

  std::size_t size() const { return entries_.size(); }
  std::vector<ProcessEntry*> in_order();  // by number: the same in every run
  // In no order. `visit` adds and removes none.
  template <class Visit>
  void for_each(Visit&& visit) { numbers_.for_each([&](std::uint32_t place) { visit(entries_[place]); }); }
  std::vector<Term> names() const;        // in the order of terms

 private:
  Identity& identity_;
  PidNumber next_ = 1;
  Slab<ProcessEntry> entries_;
  HashIndex numbers_;  // of entries_
  std::unordered_map<Term, ProcessEntry*> names_;
  std::unordered_map<Term, Term> stand_ins_;
  std::unordered_map<Term, PidNumber> bound_;  // by the pid of the BEAM process
};

}  // namespace supervisorring
