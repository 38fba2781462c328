// PortLink: a node's way out in drop-in. What connections.h is for a standalone node.
//
// The program lives beside a BEAM, under that BEAM's name; one link, {packet, 4} with external terms, carries everything. The grammar
// is in the README ("The port"). Out go orders, all of one step in one frame, which the BEAM carries out in one go; in come inputs, one a frame or a list of several.
//
// Processes that others see are bound to a BEAM process each (ProcessTable): a relay that hands over what it receives, or a native child's proxy. What is
// sent to a pid or name that no process of this program has goes to the BEAM as an order; monitors and calls of such are held and made there
// and answered by number. Links and monitors that others hold on a bound process are the BEAM's affair.
//
// An input that cannot be understood costs one line. A frame that is too long ends the program: there is no next frame to find.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "dist/frame.h"
#include "node/connections.h"
#include "node/log_limit.h"
#include "node/port_attach.h"
#include "node/process_table.h"

namespace supervisorring {

class Kernel;

// The application watches for a second's silence (then it kills and replaces the program).
inline constexpr Duration kHeartbeat = std::chrono::milliseconds(200);

// A relay can have its name, and messages, before the program has heard of it. Of a pid that has ended some stay here until others push them out.
inline constexpr std::size_t kMaxEarlyMessages = 1'000;

class PortLink {
 public:
  PortLink(Kernel& kernel, const PortAttach& attach);

  // ---- for the rest of the node ---------------------------------------------------------------------
  void order(const Term& order);
  void log(LogLevel level, const std::string& text);
  void send(const Term& to, const Term& message, Connect connect);
  void link(const Term& self, const Term& pid);
  void unlink(const Term& self, const Term& pid);
  void monitor(PidNumber self, RefKey key, const Term& target);
  void demonitor(RefKey key);
  void call(RefKey key, const Term& to, const Term& request, Duration timeout);
  // '$beam':run(Fun, Tag) stands for {run, ...}: a Fun that was run for this Tag already, or is being run, is not run again.
  void erpc(RefKey key, const Term& node, const Term& module, const Term& function, std::vector<Term> arguments, Duration timeout);
  void cancel(RefKey key);  // nothing when it has been answered
  // True: for a process that the BEAM holds, a relay's included, and on its way.
  bool take_exit_signal(const Term& from, const Term& to, const Term& reason);
  void bound(const ProcessEntry& self);  // its pid is one of the BEAM's from here on
  void ended(const ProcessEntry& self, const Term& reason);
  void connect(ProcessEntry& self, const Term& node);
  bool is_connected(const Term& node) const;
  std::vector<Term> connected() const;  // in the order of terms
  void tell_connected(ProcessEntry& self);
  void limit_reading(bool limited);

  // ---- inputs ---------------------------------------------------------------------------------------
  void on_input(std::function<void(ProcessContext&, const Term&)> handler) { handler_ = std::move(handler); }
  void handle_bytes(BytesView bytes);
  void handle_timeout();

  // ---- outputs --------------------------------------------------------------------------------------
  void flush(const std::optional<HaltNode>& halt);  // one SendBytes of one frame, when there are orders
  std::optional<Instant> next_timeout() const { return heartbeat_at_; }

 private:
  void handle_frame(BytesView body);
  void handle_input(const Term& input);
  void handle_message(const Term& pid, const Term& message);
  void handle_down(const Term& key, const Term& object, const Term& reason);
  void handle_exit(const Term& self, const Term& from, const Term& reason);
  void handle_called(const Term& id, const Term& result);
  void handle_node(const Term& node, bool up);
  void refuse(const std::string& line);

  Kernel& kernel_;
  std::function<void(ProcessContext&, const Term&)> handler_;
  FrameReader frames_;
  bool failed_ = false;
  Bytes orders_;           // of this step: their external terms, one after the other
  std::uint32_t count_ = 0;
  std::unordered_set<Term> connected_;
  std::unordered_map<RefKey, PidNumber> monitors_;
  std::unordered_set<RefKey> calls_;  // under way
  std::deque<std::pair<Term, Term>> early_;  // messages for a relay that nothing is bound to yet: pid, message
  std::optional<Instant> heartbeat_at_;
  LogLimit bad_lines_;
  bool reading_limited_ = false;
};

}  // namespace supervisorring
