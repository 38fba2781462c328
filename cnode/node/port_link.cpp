#include "node/port_link.h"

#include <algorithm>

#include "node/exit_status.h"
#include "node/kernel.h"
#include "supervisorring/external_format.h"
#include "term/tags.h"

namespace supervisorring {
namespace {

const Term kSend = atom("send"), kSendNoconnect = atom("send_noconnect"), kNone = atom("none");

Term number(RefKey key) { return Term::unsigned_integer(key); }

Term milliseconds(Duration timeout) {
  if (timeout > Duration::max() / 2 || timeout > kLongestDelay) return atom("infinity");
  return integer(std::chrono::ceil<std::chrono::milliseconds>(std::max(timeout, Duration::zero())).count());
}

void append_32(Bytes& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
}

}  // namespace

PortLink::PortLink(Kernel& kernel, const PortAttach& attach)
    : kernel_(kernel), frames_(kMaxFrame), connected_(attach.connected.begin(), attach.connected.end()), heartbeat_at_(Instant{}) {}

// ---- orders -------------------------------------------------------------------------------------------

void PortLink::order(const Term& order) {
  encode_body(order, AtomEncoding::minor_version_2, orders_);
  ++count_;
}

void PortLink::log(LogLevel level, const std::string& text) {
  if (level < kernel_.config.port_log_level) return;
  static const Term kLevels[] = {atom("debug"), atom("info"), atom("notice"), atom("warning"), atom("error")};
  order(tuple(atom("log"), kLevels[static_cast<std::size_t>(level)], binary(text), Term::map({})));
}

void PortLink::send(const Term& to, const Term& message, Connect connect) {
  order(tuple(connect == Connect::yes ? kSend : kSendNoconnect, to, message));
}

void PortLink::link(const Term& self, const Term& pid) { order(tuple(atom("link"), self, pid)); }
void PortLink::unlink(const Term& self, const Term& pid) { order(tuple(atom("unlink"), self, pid)); }

void PortLink::monitor(PidNumber self, RefKey key, const Term& target) {
  monitors_.emplace(key, self);
  order(tuple(atom("monitor"), number(key), target));
}

void PortLink::demonitor(RefKey key) {
  if (monitors_.erase(key) > 0) order(tuple(atom("demonitor"), number(key)));
}

void PortLink::call(RefKey key, const Term& to, const Term& request, Duration timeout) {
  calls_.insert(key);
  order(tuple(atom("call"), number(key), to, request, milliseconds(timeout)));
}

void PortLink::erpc(RefKey key, const Term& node, const Term& module, const Term& function, std::vector<Term> arguments, Duration timeout) {
  calls_.insert(key);
  if (module.is_atom("$beam") && arguments.size() == 3)
    return order(tuple(atom("run"), number(key), arguments[0], milliseconds(timeout), arguments[1], arguments[2]));
  order(tuple(atom("erpc"), number(key), node, module, function, Term::list(std::move(arguments)), milliseconds(timeout)));
}

void PortLink::cancel(RefKey key) {
  if (calls_.erase(key) > 0) order(tuple(atom("cancel"), number(key)));
}

bool PortLink::take_exit_signal(const Term& from, const Term& to, const Term& reason) {
  if (kernel_.identity.number_of(to)) return false;
  const ProcessEntry* const here = kernel_.processes.find_pid(to);
  if (here != nullptr && here->bound == ProcessEntry::Bound::proxy) return false;
  const bool visible = from.is_pid() && !kernel_.identity.number_of(from);
  order(tuple(atom("exit_signal"), visible ? from : kNone, to, reason));
  return true;
}

void PortLink::bound(const ProcessEntry& self) {
  std::erase_if(early_, [&](auto& early) {
    if (!(early.first == self.pid)) return false;
    kernel_.queue.message(self.number, std::move(early.second));
    return true;
  });
}

void PortLink::ended(const ProcessEntry& self, const Term& reason) {
  if (self.bound == ProcessEntry::Bound::proxy) order(tuple(atom("end_proxy"), self.pid, reason));
}

// ---- nodes --------------------------------------------------------------------------------------------

void PortLink::connect(ProcessEntry& self, const Term& node) {
  if (!is_connected(node)) return order(tuple(atom("connect"), node));
  if (self.monitors_nodes) kernel_.queue.message(self.number, tuple(atom("nodeup"), node));
}

bool PortLink::is_connected(const Term& node) const { return node == kernel_.identity.node() || connected_.contains(node); }

std::vector<Term> PortLink::connected() const {
  std::vector<Term> nodes(connected_.begin(), connected_.end());
  std::sort(nodes.begin(), nodes.end(), [](const Term& a, const Term& b) { return compare(a, b) < 0; });
  return nodes;
}

void PortLink::tell_connected(ProcessEntry& self) {
  for (const Term& node : connected()) kernel_.queue.message(self.number, tuple(atom("nodeup"), node));
}

void PortLink::limit_reading(bool limited) {
  if (limited == reading_limited_) return;
  reading_limited_ = limited;
  kernel_.effects.emplace_back(PauseReading{kPortConnection, limited});
}

// ---- inputs -------------------------------------------------------------------------------------------

void PortLink::handle_bytes(BytesView bytes) {
  if (failed_) return;
  frames_.feed(bytes);
  BytesView body;
  for (FrameStatus status = frames_.next(body); status != FrameStatus::need_more; status = frames_.next(body)) {
    if (status == FrameStatus::frame) {
      handle_frame(body);
    } else if (status == FrameStatus::too_large) {
      failed_ = true;
      return kernel_.halt(to_int(ExitStatus::usage), "the port: " + frames_.error().text);
    }
  }
}

void PortLink::refuse(const std::string& line) {
  const auto left_out = bad_lines_.admit(kernel_.time.now);
  if (!left_out) return;
  const std::string before = *left_out > 0 ? " (" + std::to_string(*left_out) + " such lines were left out)" : "";
  kernel_.log(LogLevel::error, "the port: " + line + before);
}

void PortLink::handle_frame(BytesView body) {
  const auto input = decode_whole(body);
  if (!input) return refuse("a frame is no term: " + input.error());
  if (!input->is_proper_list() || input->is_nil()) return handle_input(*input);
  for (const Term& each : input->elements()) handle_input(each);
}

void PortLink::handle_input(const Term& input) {
  if (input.is_tagged("message", 3) && input[1].is_pid()) return handle_message(input[1], input[2]);
  if (input.is_tagged("down", 4)) return handle_down(input[1], input[2], input[3]);
  if (input.is_tagged("exit", 4) && input[2].is_pid()) return handle_exit(input[1], input[2], input[3]);
  if (input.is_tagged("proxy_exit", 4) && input[2].is_pid()) return handle_exit(input[1], input[2], input[3]);
  if (input.is_tagged("called", 3)) return handle_called(input[1], input[2]);
  if (input.is_tagged("nodeup", 2) && input[1].is_atom()) return handle_node(input[1], true);
  if (input.is_tagged("nodedown", 3) && input[1].is_atom()) return handle_node(input[1], false);
  if (!input.is_tuple() || input.size() == 0 || !input[0].is_atom() || !handler_) return refuse("expected an input, got " + to_text(input, 300));
  kernel_.run([this, input](ProcessContext& context) { handler_(context, input); });
}

void PortLink::handle_message(const Term& pid, const Term& message) {
  if (const auto to = kernel_.processes.number_of(pid)) return kernel_.queue.message(*to, message);
  if (early_.size() >= kMaxEarlyMessages) early_.pop_front();
  early_.emplace_back(pid, message);
}

void PortLink::handle_down(const Term& key, const Term& object, const Term& reason) {
  const auto watched = key.as_int64();
  const auto found = watched ? monitors_.find(static_cast<RefKey>(*watched)) : monitors_.end();
  if (found == monitors_.end()) return;  // ended meanwhile
  const RefKey of = found->first;
  const PidNumber self = found->second;
  monitors_.erase(found);
  if (ProcessEntry* const entry = kernel_.processes.find(self))
    if (const auto watch = entry->watching.find(of); watch != entry->watching.end()) watch->second.outside = false, watch->second.target = Term();
  kernel_.queue.push({SignalKind::down, self, of, object, reason});
}

// The BEAM's process traps exits, so this one says what becomes of it. An end by `kill` is told with itself as the sender.
void PortLink::handle_exit(const Term& self, const Term& from, const Term& reason) {
  ProcessEntry* const entry = kernel_.processes.find_pid(self);
  if (entry == nullptr) return;
  if (from == self) return kernel_.queue.push({SignalKind::exit, entry->number, 0, from, reason.is_atom("killed") ? atom("kill") : reason});
  entry->links.try_emplace(from, LinkState{kernel_.signals.next_order()});
  kernel_.queue.push({SignalKind::link_exit, entry->number, 0, from, reason});
}

void PortLink::handle_called(const Term& id, const Term& result) {
  const auto key = id.as_int64();
  if (!key || calls_.erase(static_cast<RefKey>(*key)) == 0) return;  // given up meanwhile
  if (result.is_tagged("ok", 2)) return kernel_.calls.handle_answer(static_cast<RefKey>(*key), {true, result[1]});
  kernel_.calls.handle_answer(static_cast<RefKey>(*key), {false, result.is_tagged("error", 2) ? result[1] : result});
}

void PortLink::handle_node(const Term& node, bool up) {
  if (node == kernel_.identity.node()) return;
  if (up && !connected_.insert(node).second) return;
  if (!up) connected_.erase(node);
  const Term message = tuple(atom(up ? "nodeup" : "nodedown"), node);
  for (ProcessEntry* const self : kernel_.processes.in_order())
    if (self->monitors_nodes) kernel_.queue.message(self->number, message);
}

void PortLink::handle_timeout() {
  if (kernel_.time.now < *heartbeat_at_) return;
  heartbeat_at_ = kernel_.time.now + kHeartbeat;
  order(tuple(atom("heartbeat")));
}

// ---- outputs ------------------------------------------------------------------------------------------

void PortLink::flush(const std::optional<HaltNode>& halt) {
  if (halt) order(tuple(atom("halt"), integer(halt->status), binary(halt->why)));
  if (count_ == 0) return;
  constexpr std::uint32_t kAround = 7;  // 131, LIST_EXT with its length, NIL_EXT
  Bytes frame;
  frame.reserve(orders_.size() + kAround + 4);
  append_32(frame, static_cast<std::uint32_t>(orders_.size()) + kAround);
  frame += static_cast<char>(131);
  frame += static_cast<char>(detail::LIST_EXT);
  append_32(frame, count_);
  frame += orders_;
  frame += static_cast<char>(detail::NIL_EXT);
  orders_.clear();
  count_ = 0;
  kernel_.effects.emplace_back(SendBytes{kPortConnection, std::move(frame)});
}

}  // namespace supervisorring
