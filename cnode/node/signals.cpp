#include "node/signals.h"

#include <algorithm>

#include "node/kernel.h"
#include "node/port_link.h"

namespace supervisorring {
namespace {

// The node of what a watch looks at: a pid, {Name, Node}, or a node itself.
const Term& node_of(const Term& target) {
  if (target.is_pid()) return target.node();
  return target.is_tuple(2) ? target[1] : target;
}

// The items that are `wanted`.
template <class Map, class Wanted>
auto in_order_of_creation(const Map& map, Wanted&& wanted) {
  std::vector<const typename Map::value_type*> items;
  for (const auto& item : map)
    if (wanted(item)) items.push_back(&item);
  std::sort(items.begin(), items.end(), [](const auto* a, const auto* b) { return a->second.order < b->second.order; });
  return items;
}
template <class Map>
auto in_order_of_creation(const Map& map) {
  return in_order_of_creation(map, [](const auto&) { return true; });
}

}  // namespace

void Signals::link(ProcessEntry& self, const Term& pid) {
  if (!pid.is_pid() || pid == self.pid || self.ending) return;
  const auto [place, added] = self.links.try_emplace(pid, LinkState{next_order()});
  if (!added && place->second.active()) return;
  place->second.unlink_id = 0;
  if (outside(pid)) return kernel_.port->link(self.pid, pid);
  if (pid.node() == kernel_.identity.node()) {
    ProcessEntry* const other = kernel_.processes.find_pid(pid);
    if (other == nullptr || other->ending) {
      kernel_.queue.push({SignalKind::link_exit, self.number, 0, pid, atom("noproc")});
    } else {
      other->links.try_emplace(self.pid, LinkState{next_order()});
    }
    return;
  }
  if (Bytes* const out = kernel_.connections.output_for(pid.node(), Connect::yes)) append_link(*out, self.pid, pid);
}

void Signals::unlink(ProcessEntry& self, const Term& pid) {
  const auto place = self.links.find(pid);
  if (place == self.links.end() || !place->second.active()) return;
  if (outside(pid)) {
    self.links.erase(place);
    return kernel_.port->unlink(self.pid, pid);
  }
  if (pid.node() == kernel_.identity.node()) {
    self.links.erase(place);
    if (ProcessEntry* const other = kernel_.processes.find_pid(pid)) other->links.erase(self.pid);
    return;
  }
  Bytes* const out = kernel_.connections.output_for(pid.node(), Connect::no);
  if (out == nullptr) {
    self.links.erase(place);
  } else if (kernel_.connections.offers(pid.node(), DFLAG_UNLINK_ID)) {
    place->second.unlink_id = ++unlink_id_;
    append_unlink_id(*out, unlink_id_, self.pid, pid);
  } else {
    self.links.erase(place);
    append_unlink(*out, self.pid, pid);
  }
}

// Drop-in: not in this program, so the BEAM's affair.
bool Signals::outside(const Term& target) const {
  if (!kernel_.port) return false;
  if (target.is_pid()) return !kernel_.processes.number_of(target) && !kernel_.identity.number_of(target);
  if (target.is_atom()) return kernel_.processes.find_name(target) == nullptr;
  if (!target.is_tuple(2) || !target[0].is_atom() || !target[1].is_atom()) return false;
  return !(target[1] == kernel_.identity.node()) || kernel_.processes.find_name(target[0]) == nullptr;
}

void Signals::monitor_local(ProcessEntry& self, RefKey key, const Term& ref, ProcessEntry* target, const Term& as,
                            const Term& object) {
  if (target == nullptr || target->ending) {
    kernel_.queue.push({SignalKind::down, self.number, key, object, atom("noproc")});
    return;
  }
  self.watching.at(key).target = target->pid;
  target->watchers.emplace(ref, Watcher{next_order(), self.pid, as});
}

// A peer that does not offer it (an `ei` client) fails on such a MONITOR_P. The monitor is kept here: it ends with the connection. One that
// is still being connected to is taken for a BEAM.
bool Signals::understands_name_monitors(const Term& node) const {
  return !kernel_.connections.is_connected(node) || kernel_.connections.offers(node, DFLAG_DIST_MONITOR_NAME);
}

void Signals::monitor(ProcessEntry& self, RefKey key, const Term& ref, const Term& target, Watch watch) {
  watch.order = next_order();
  const Term& own_node = kernel_.identity.node();
  if (outside(target)) {
    watch.target = target;
    watch.outside = true;
    self.watching.emplace(key, std::move(watch));
    return kernel_.port->monitor(self.number, key, target);
  }
  if (target.is_atom()) {
    const Term object = tuple(target, own_node);
    watch.target = object;
    self.watching.emplace(key, std::move(watch));
    monitor_local(self, key, ref, kernel_.processes.find_name(target), object, object);
  } else if (target.is_pid() && target.node() == own_node) {
    watch.target = target;
    self.watching.emplace(key, std::move(watch));
    monitor_local(self, key, ref, kernel_.processes.find_pid(target), target, target);
  } else if (target.is_tuple(2) && target[0].is_atom() && target[1].is_atom()) {
    if (target[1] == own_node) return monitor(self, key, ref, target[0], std::move(watch));
    watch.target = target;
    self.watching.emplace(key, std::move(watch));
    Bytes* const out = kernel_.connections.output_for(target[1], Connect::yes);
    if (out != nullptr && understands_name_monitors(target[1])) append_monitor_p(*out, self.pid, target[0], ref);
  } else if (target.is_pid()) {
    watch.target = target;
    self.watching.emplace(key, std::move(watch));
    Bytes* const out = kernel_.connections.output_for(target.node(), Connect::yes);
    if (out != nullptr) append_monitor_p(*out, self.pid, target, ref);
  } else {
    watch.target = Term();
    self.watching.emplace(key, std::move(watch));
    kernel_.queue.push({SignalKind::down, self.number, key, target, atom("badarg")});
  }
}

void Signals::demonitor(ProcessEntry& self, RefKey key, const Term& ref) {
  const auto place = self.watching.find(key);
  if (place == self.watching.end()) return;
  const Term target = std::move(place->second.target);
  const bool outside = place->second.outside;
  self.watching.erase(place);
  if (outside) return kernel_.port->demonitor(key);
  if (!target.is_pid() && !target.is_tuple(2)) return;  // an erpc whose worker is not known yet, or nothing that can be watched
  if (node_of(target) == kernel_.identity.node()) {
    if (!target.is_pid()) return;
    if (ProcessEntry* const other = kernel_.processes.find_pid(target)) other->watchers.erase(ref);
    return;
  }
  Bytes* const out = kernel_.connections.output_for(node_of(target), Connect::no);
  if (out != nullptr && (target.is_pid() || understands_name_monitors(target[1]))) append_demonitor_p(*out, self.pid, target.is_pid() ? target : target[0], ref);
}

void Signals::exit_signal(const Term& from, const Term& to, const Term& reason) {
  if (!to.is_pid()) return;
  if (kernel_.port && kernel_.port->take_exit_signal(from, to, reason)) return;
  if (const auto number = kernel_.processes.number_of(to)) {
    kernel_.queue.push({SignalKind::exit, *number, 0, from, reason});
  } else if (!(to.node() == kernel_.identity.node())) {
    Bytes* const out = kernel_.connections.output_for(to.node(), Connect::yes);
    if (out != nullptr) append_exit2(*out, from, to, reason);
  }
}

void Signals::end(ProcessEntry& self, const Term& reason) {
  self.ending = true;
  {
    Context context(kernel_, self);
    self.process->ended(context, reason);
  }
  kernel_.processes.unregister_name(self);
  release_watches(self);
  tell_links(self, reason);
  tell_watchers(self, reason);
  if (kernel_.port) kernel_.port->ended(self, reason);
  kernel_.processes.remove(self);
}

void Signals::release_watches(ProcessEntry& self) {
  std::vector<RefKey> keys;
  for (const auto& [key, watch] : self.watching) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  for (const RefKey key : keys) {
    const Watch& watch = self.watching.at(key);
    if (watch.kind == WatchKind::monitor) {
      demonitor(self, key, kernel_.identity.ref_of(key, RefKind::plain));
    } else {
      kernel_.calls.abandon(self, key);
    }
  }
}

void Signals::tell_links(ProcessEntry& self, const Term& reason) {
  for (const auto* item : in_order_of_creation(self.links)) {
    const auto& [pid, link] = *item;
    if (!link.active()) continue;
    if (const auto number = kernel_.processes.number_of(pid)) {
      kernel_.queue.push({SignalKind::link_exit, *number, 0, self.pid, reason});
    } else if (Bytes* const out = kernel_.connections.output_for(pid.node(), Connect::no)) {
      append_exit(*out, self.pid, pid, reason);
    }
  }
}

void Signals::tell_watchers(ProcessEntry& self, const Term& reason) {
  for (const auto* item : in_order_of_creation(self.watchers)) {
    const auto& [ref, watcher] = *item;
    if (const auto number = kernel_.processes.number_of(watcher.pid)) {
      const auto key = kernel_.identity.key_of(ref);
      if (key) kernel_.queue.push({SignalKind::down, *number, *key, watcher.as, reason});
    } else if (Bytes* const out = kernel_.connections.output_for(watcher.pid.node(), Connect::no)) {
      append_monitor_p_exit(*out, watcher.as, watcher.pid, ref, reason);
    }
  }
}

// ---- what other nodes send ---------------------------------------------------------------------------

void Signals::handle_link(const Term& node, const Link& message) {
  ProcessEntry* const self = kernel_.processes.find_pid(message.to);
  if (!(message.from.node() == node)) {
    kernel_.log(LogLevel::warning, "a LINK from " + to_text(node, 300) + " for a process of another node, " +
                                       to_text(message.from, 300) + ", was left out");
    return;
  }
  if (self != nullptr && !self->ending && self->links.size() < kMaxLinks) {
    self->links.try_emplace(message.from, LinkState{next_order()});  // one being unlinked stays so
    return;
  }
  Bytes* const out = kernel_.connections.output_for(node, Connect::no);
  if (out != nullptr) append_exit(*out, message.to, message.from, atom(self == nullptr ? "noproc" : "system_limit"));
}

void Signals::handle_unlink(const Unlink& message) {
  if (ProcessEntry* const self = kernel_.processes.find_pid(message.to)) self->links.erase(message.from);
}

void Signals::handle_unlink_id(const Term& node, const UnlinkId& message) {
  if (ProcessEntry* const self = kernel_.processes.find_pid(message.to)) {
    const auto place = self->links.find(message.from);
    if (place != self->links.end() && place->second.active()) self->links.erase(place);
  }
  Bytes* const out = kernel_.connections.output_for(node, Connect::no);
  if (out != nullptr) append_unlink_id_ack(*out, message.id, message.to, message.from);
}

void Signals::handle_unlink_id_ack(const UnlinkIdAck& message) {
  ProcessEntry* const self = kernel_.processes.find_pid(message.to);
  if (self == nullptr) return;
  const auto place = self->links.find(message.from);
  if (place != self->links.end() && place->second.unlink_id == message.id) self->links.erase(place);
}

void Signals::handle_exit(const Exit& message) {
  const auto number = kernel_.processes.number_of(message.to);
  if (number) kernel_.queue.push({SignalKind::link_exit, *number, 0, message.from, message.reason});
}

void Signals::handle_exit2(const Exit2& message) {
  const auto number = kernel_.processes.number_of(message.to);
  if (number) kernel_.queue.push({SignalKind::exit, *number, 0, message.from, message.reason});
}

void Signals::handle_monitor(const Term& node, const MonitorP& message) {
  if (!(message.from.node() == node)) {
    kernel_.log(LogLevel::warning, "a MONITOR_P from " + to_text(node, 300) + " for a process of another node, " +
                                       to_text(message.from, 300) + ", was left out");
    return;
  }
  ProcessEntry* const target = message.target.is_atom() ? kernel_.processes.find_name(message.target)
                                                        : kernel_.processes.find_pid(message.target);
  const bool full = target != nullptr && target->watchers.size() >= kMaxWatchers;
  if (target != nullptr && !target->ending && !full) {
    target->watchers.emplace(message.reference, Watcher{next_order(), message.from, message.target});
    return;
  }
  Bytes* const out = kernel_.connections.output_for(node, Connect::no);
  if (out == nullptr) return;
  append_monitor_p_exit(*out, message.target, message.from, message.reference, atom(full ? "system_limit" : "noproc"));
}

void Signals::handle_demonitor(const DemonitorP& message) {
  ProcessEntry* const target = message.target.is_atom() ? kernel_.processes.find_name(message.target)
                                                        : kernel_.processes.find_pid(message.target);
  if (target != nullptr) target->watchers.erase(message.reference);
}

void Signals::handle_monitor_exit(const MonitorPExit& message) {
  const auto number = kernel_.processes.number_of(message.to);
  const auto key = kernel_.identity.key_of(message.reference);
  if (!number || !key) return;
  ProcessEntry* const self = kernel_.processes.find(*number);
  if (self == nullptr) return;
  const auto watch = self->watching.find(*key);
  if (watch == self->watching.end()) return;
  kernel_.queue.push({SignalKind::down, *number, *key, watch->second.target, message.reason});
}

void Signals::node_down(const Term& node) {
  for (ProcessEntry* const self : kernel_.processes.in_order()) {
    const auto linked_there = [&](const auto& item) { return item.first.node() == node && item.second.active(); };
    for (const auto* item : in_order_of_creation(self->links, linked_there)) {
      kernel_.queue.push({SignalKind::link_exit, self->number, 0, item->first, atom("noconnection")});
    }
    erase_if(self->links, [&](const auto& item) { return item.first.node() == node && !item.second.active(); });
    const auto watched_there = [&](const auto& item) { return node_of(item.second.target) == node; };
    for (const auto* item : in_order_of_creation(self->watching, watched_there)) {
      kernel_.queue.push({SignalKind::down, self->number, item->first, item->second.target, atom("noconnection")});
    }
    erase_if(self->watchers, [&](const auto& item) { return item.second.pid.node() == node; });
    if (self->monitors_nodes) kernel_.queue.message(self->number, tuple(atom("nodedown"), node));
  }
}

// ---- from the run queue ------------------------------------------------------------------------------

void Signals::perform_exit(ProcessEntry& self, const Term& from, const Term& reason, bool by_link) {
  if (by_link) {
    const auto place = self.links.find(from);
    if (place == self.links.end() || !place->second.active()) return;
    self.links.erase(place);
  } else if (reason.is_atom("kill")) {
    if (self.of_the_node) return;
    return end(self, atom("killed"));
  }
  if (self.trap_exit) {
    kernel_.deliver(self, tuple(atom("EXIT"), from, reason));
  } else if (!reason.is_atom("normal") || from == self.pid) {
    end(self, reason);
  }
}

void Signals::perform_down(ProcessEntry& self, RefKey key, const Term& object, const Term& reason) {
  const auto place = self.watching.find(key);
  if (place == self.watching.end()) return;
  if (place->second.kind != WatchKind::monitor) return kernel_.calls.perform_down(self, key, reason);
  self.watching.erase(place);
  const Term ref = kernel_.identity.ref_of(key, RefKind::plain);
  kernel_.deliver(self, tuple(atom("DOWN"), ref, atom("process"), object, reason));
}

}  // namespace supervisorring
