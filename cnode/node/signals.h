// Signals: links, monitors and exits between processes of this node and of others.
//
// Rules: "Processes" of the Reference Manual; for the wire "Link Protocol" and "Protocol between Connected Nodes" of OTP's
// Distribution Protocol chapter. An unlink of a remote pid keeps the link, inactive, until its UNLINK_ID_ACK; a LINK that
// arrives meanwhile was sent before the other side saw the UNLINK_ID and is ignored. UNLINK_ID is always acknowledged, whether
// there was a link or not.
//
// What arrives for a local process goes through the run queue; whether a link or monitor is still there is
// looked at when the signal is performed, so nothing arrives after unlink() or demonitor().
#pragma once

#include <string_view>

#include "dist/control.h"
#include "node/process_table.h"
#include "node/run_queue.h"

namespace supervisorring {

class Kernel;

class Signals {
 public:
  explicit Signals(Kernel& kernel) : kernel_(kernel) {}

  // ---- what a local process does ------------------------------------------------------------------
  void link(ProcessEntry& self, const Term& pid);
  void unlink(ProcessEntry& self, const Term& pid);
  // Adds `watch` (its target not yet normalised) under `key`, whose reference is `ref`.
  void monitor(ProcessEntry& self, RefKey key, const Term& ref, const Term& target, Watch watch);
  void demonitor(ProcessEntry& self, RefKey key, const Term& ref);
  void exit_signal(const Term& from, const Term& to, const Term& reason);
  // Ends the process: ended(), then its links and monitors are told. The entry is gone afterwards.
  void end(ProcessEntry& self, const Term& reason);

  // ---- what other nodes send ------------------------------------------------------------------------
  // `node`: who sent it. The message is refused, with one log line, when `from` is not a process of that node.
  void handle_link(const Term& node, const Link& message);
  void handle_unlink(const Unlink& message);
  void handle_unlink_id(const Term& node, const UnlinkId& message);
  void handle_unlink_id_ack(const UnlinkIdAck& message);
  void handle_exit(const Exit& message);
  void handle_exit2(const Exit2& message);
  void handle_monitor(const Term& node, const MonitorP& message);
  void handle_demonitor(const DemonitorP& message);
  void handle_monitor_exit(const MonitorPExit& message);
  // The connection to `node` is gone, or could not be made: `noconnection` to who holds a link or monitor there.
  void node_down(const Term& node);

  // ---- from the run queue -----------------------------------------------------------------------------
  void perform_exit(ProcessEntry& self, const Term& from, const Term& reason, bool by_link);
  void perform_down(ProcessEntry& self, RefKey key, const Term& object, const Term& reason);

  std::uint64_t next_order() { return ++order_; }
  // Drop-in: `target` (pid, name or {Name, Node}) is no process of this program.
  bool outside(const Term& target) const;

 private:
  bool understands_name_monitors(const Term& node) const;
  void monitor_local(ProcessEntry& self, RefKey key, const Term& ref, ProcessEntry* target, const Term& as, const Term& object);
  void release_watches(ProcessEntry& self);
  void tell_links(ProcessEntry& self, const Term& reason);
  void tell_watchers(ProcessEntry& self, const Term& reason);

  Kernel& kernel_;
  std::uint64_t order_ = 0;
  std::uint64_t unlink_id_ = 0;
};

}  // namespace supervisorring
