// Control message to frame. Written straight into the output: no tuple is built.
#include <cstring>
#include <limits>

#include "dist/control.h"
#include "dist/wire.h"
#include "term/check.h"

namespace supervisorring {
namespace {

using namespace control_op;

constexpr AtomEncoding kOnTheWire = AtomEncoding::minor_version_2;

// One frame being appended: writes the head when made, the length when it goes.
class Frame {
 public:
  Frame(Bytes& out, int arity, int op) : out_(out), begins_(out.size()) {
    const char head[] = {0, 0, 0, 0, 112, static_cast<char>(131), 104, static_cast<char>(arity), 97, static_cast<char>(op)};
    out_.append(head, sizeof head);
  }
  ~Frame() {
    const std::size_t length = out_.size() - begins_ - 4;
    detail::require(length <= std::numeric_limits<std::uint32_t>::max(), "a control message fits a frame of 4 GiB",
                    static_cast<long long>(length));
    for (int i = 0; i < 4; ++i) out_[begins_ + static_cast<std::size_t>(i)] = static_cast<char>(length >> (24 - 8 * i));
  }
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;

  Frame& term(const Term& t) { encode_body(t, kOnTheWire, out_); return *this; }
  Frame& unused() { out_.append("\x77\x00", 2); return *this; }  // ''
  Frame& number(std::uint64_t n) { return term(Term::unsigned_integer(n)); }
  Frame& payload(const Term& t) { encode(t, kOnTheWire, out_); return *this; }

 private:
  Bytes& out_;
  std::size_t begins_;
};

struct Append {
  Bytes& out;
  void operator()(const Send& m) { append_send(out, m.to, m.message); }
  void operator()(const RegSend& m) { append_reg_send(out, m.from, m.to_name, m.message); }
  void operator()(const AliasSend& m) { append_alias_send(out, m.from, m.alias, m.message); }
  void operator()(const MonitorP& m) { append_monitor_p(out, m.from, m.target, m.reference); }
  void operator()(const DemonitorP& m) { append_demonitor_p(out, m.from, m.target, m.reference); }
  void operator()(const MonitorPExit& m) { append_monitor_p_exit(out, m.from, m.to, m.reference, m.reason); }
  void operator()(const Link& m) { append_link(out, m.from, m.to); }
  void operator()(const Unlink& m) { append_unlink(out, m.from, m.to); }
  void operator()(const UnlinkId& m) { append_unlink_id(out, m.id, m.from, m.to); }
  void operator()(const UnlinkIdAck& m) { append_unlink_id_ack(out, m.id, m.from, m.to); }
  void operator()(const Exit& m) { append_exit(out, m.from, m.to, m.reason); }
  void operator()(const Exit2& m) { append_exit2(out, m.from, m.to, m.reason); }
  void operator()(const GroupLeader& m) { Frame(out, 3, GROUP_LEADER).term(m.from).term(m.to); }
  void operator()(const SpawnRequest& m) {
    const auto arity = static_cast<std::int64_t>(m.arguments.size());
    Frame(out, 6, SPAWN_REQUEST)
        .term(m.request_id)
        .term(m.from)
        .term(m.group_leader)
        .term(Term::tuple({m.module, m.function, Term::integer(arity)}))
        .term(m.options)
        .payload(m.arguments);
  }
  void operator()(const SpawnReply& m) { append_spawn_reply(out, m.request_id, m.to, m.flags, m.result); }
};

struct NameOf {
  const char* operator()(const Send&) { return "SEND"; }
  const char* operator()(const RegSend&) { return "REG_SEND"; }
  const char* operator()(const AliasSend&) { return "ALIAS_SEND"; }
  const char* operator()(const MonitorP&) { return "MONITOR_P"; }
  const char* operator()(const DemonitorP&) { return "DEMONITOR_P"; }
  const char* operator()(const MonitorPExit&) { return "MONITOR_P_EXIT"; }
  const char* operator()(const Link&) { return "LINK"; }
  const char* operator()(const Unlink&) { return "UNLINK"; }
  const char* operator()(const UnlinkId&) { return "UNLINK_ID"; }
  const char* operator()(const UnlinkIdAck&) { return "UNLINK_ID_ACK"; }
  const char* operator()(const Exit&) { return "EXIT"; }
  const char* operator()(const Exit2&) { return "EXIT2"; }
  const char* operator()(const GroupLeader&) { return "GROUP_LEADER"; }
  const char* operator()(const SpawnRequest&) { return "SPAWN_REQUEST"; }
  const char* operator()(const SpawnReply&) { return "SPAWN_REPLY"; }
};

}  // namespace

void encode_control(const ControlMessage& message, Bytes& out) { std::visit(Append{out}, message); }
const char* name_of(const ControlMessage& message) { return std::visit(NameOf{}, message); }

void append_link(Bytes& out, const Term& from, const Term& to) { Frame(out, 3, LINK).term(from).term(to); }
void append_unlink(Bytes& out, const Term& from, const Term& to) { Frame(out, 3, UNLINK).term(from).term(to); }
void append_unlink_id(Bytes& out, std::uint64_t id, const Term& from, const Term& to) {
  Frame(out, 4, UNLINK_ID).number(id).term(from).term(to);
}
void append_unlink_id_ack(Bytes& out, std::uint64_t id, const Term& from, const Term& to) {
  Frame(out, 4, UNLINK_ID_ACK).number(id).term(from).term(to);
}
void append_send(Bytes& out, const Term& to, const Term& message) { Frame(out, 3, SEND).unused().term(to).payload(message); }
void append_reg_send(Bytes& out, const Term& from, const Term& to_name, const Term& message) {
  Frame(out, 4, REG_SEND).term(from).unused().term(to_name).payload(message);
}
void append_alias_send(Bytes& out, const Term& from, const Term& alias, const Term& message) {
  Frame(out, 3, ALIAS_SEND).term(from).term(alias).payload(message);
}
void append_exit(Bytes& out, const Term& from, const Term& to, const Term& reason) {
  Frame(out, 4, EXIT).term(from).term(to).term(reason);
}
void append_exit2(Bytes& out, const Term& from, const Term& to, const Term& reason) {
  Frame(out, 4, EXIT2).term(from).term(to).term(reason);
}
void append_monitor_p(Bytes& out, const Term& from, const Term& target, const Term& reference) {
  Frame(out, 4, MONITOR_P).term(from).term(target).term(reference);
}
void append_demonitor_p(Bytes& out, const Term& from, const Term& target, const Term& reference) {
  Frame(out, 4, DEMONITOR_P).term(from).term(target).term(reference);
}
void append_monitor_p_exit(Bytes& out, const Term& from, const Term& to, const Term& reference, const Term& reason) {
  Frame(out, 5, MONITOR_P_EXIT).term(from).term(to).term(reference).term(reason);
}
void append_spawn_reply(Bytes& out, const Term& request_id, const Term& to, std::uint32_t flags, const Term& result) {
  Frame(out, 5, SPAWN_REPLY).term(request_id).term(to).number(flags).term(result);
}

}  // namespace supervisorring
