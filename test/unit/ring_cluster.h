// RingCluster: whole nodes with 'Elixir.NanoRing' on a simulated network, in virtual time; and a member as the original is.
#pragma once

#include <gtest/gtest.h>

#include "node/nano_ring.h"
#include "ring_test_kit.h"
#include "sim_network.h"

namespace supervisorring::ring_test {

// NanoRing 0.0.3 as nano_ring.md describes it: drops whoever does not ack within 100 ms, puts nobody back but senders of gossip, never itself.
class LegacyNanoRing : public Process {
 public:
  LegacyNanoRing(LwwSet& nodes, LwwSet& up) : nodes_(nodes), up_(up) {}

  void started(ProcessContext& context) override {
    if (nodes_.names() == 0) {
      nodes_.put(context.node_name(), context.time().wall);
      up_.put(context.node_name(), context.time().wall);
    }
    context.send_after(std::chrono::seconds(1), context.self(), atom("send_gossip"));
  }
  void handle_message(ProcessContext& context, const Term& message) override {
    const auto wall = context.time().wall;
    if (message.is_atom("send_gossip")) return gossip(context);
    if (message.is_tagged("give_up", 2)) {
      if (message[1] == awaited_) up_.remove(asked_, wall), awaited_ = Term();
      return;
    }
    auto parsed = parse_ring_message(message);
    ASSERT_TRUE(parsed) << "the original crashes: " << parsed.error();
    if (auto* m = std::get_if<ring_message::Reconcile>(&*parsed)) {
      context.send(m->from, ack_message(m->reference));
      const Term sender = m->from.node();
      const bool away = nodes_.is_member(sender) && !up_.is_member(sender);
      nodes_.merge(m->nodes);
      up_.merge(m->up);
      if (away) up_.put(sender, wall);
    } else if (auto* add = std::get_if<ring_message::AddNode>(&*parsed)) {
      if (!nodes_.is_member(add->node)) nodes_.put(add->node, wall), up_.put(add->node, wall);
    } else if (auto* del = std::get_if<ring_message::DelNode>(&*parsed)) {
      if (nodes_.is_member(del->node)) nodes_.remove(del->node, wall);
    } else if (auto* get = std::get_if<ring_message::GetSet>(&*parsed)) {
      context.reply(get->from, (get->set == RingSet::nodes ? nodes_ : up_).to_term({}));
    } else if (auto* ack = std::get_if<ring_message::Ack>(&*parsed)) {
      if (ack->reference == awaited_) awaited_ = Term();
    }
  }

 private:
  void gossip(ProcessContext& context) {
    context.send_after(std::chrono::seconds(1), context.self(), atom("send_gossip"));
    std::vector<Term> others = up_.members();
    std::erase(others, context.node_name());
    if (others.empty()) return;
    asked_ = others[context.random() % others.size()];
    awaited_ = context.make_ref();
    context.send(nano_ring_at(asked_), reconcile_message(ring_term(nodes_.to_term({}), up_.to_term({})), context.self(), awaited_));
    context.send_after(std::chrono::milliseconds(100), context.self(), tuple(atom("give_up"), awaited_));
  }

  LwwSet &nodes_, &up_;
  Term asked_, awaited_;
};

class RingCluster : public ::testing::Test {
 protected:
  static inline const std::string kA = "a@h1", kB = "b@h2", kC = "c@h3", kD = "d@h4";

  struct Member {
    std::unique_ptr<RingView> view;
    std::unique_ptr<NanoRing> ring;
    LwwSet legacy_nodes, legacy_up;
    int settled_changes = 0;
  };

  // Starts it with the ring files that are there. `join`: names with a blank between them.
  void start(const std::string& name, const std::string& join = "", NanoRingHooks hooks = {}, std::optional<HashFormat> format = {}) {
    MembershipConfig config;
    config.self = atom(name);
    std::istringstream names(join);
    for (std::string one; names >> one;) config.join.push_back(atom(one));
    config.format = format;
    config.forget_after = forget_after;
    if (forget_after) hooks.all_ours = [this] { return all_ours; };
    auto& files = net.files(name);
    if (files.contains(kRingFileName)) config.ring_file = *read_ring_file(files[kRingFileName]);
    if (files.contains(kRingFactsFileName)) config.facts = *read_ring_facts(files[kRingFactsFileName]);
    Member& member = members[name];
    member = Member();
    member.view = std::make_unique<RingView>(atom(name));
    member.ring = std::make_unique<NanoRing>(std::move(config), *member.view, std::move(hooks));
    member.ring->add_to(net.add_node(name));
    net.start(name);
  }
  void start_legacy(const std::string& name, HashFormat format = HashFormat::minor_version_1) {
    Member& member = members[name];
    Node& node = net.add_node(name);
    node.define_function("erlang", "term_to_binary", 1, [format](ProcessContext&, std::vector<Term> arguments, RpcDone done) {
      done(Term::binary(external_form(arguments[0], format)));
    });
    node.at_start([&member](ProcessContext& context) {
      SpawnOptions options;
      options.name = atom(kNanoRingName);
      context.spawn(std::make_unique<LegacyNanoRing>(member.legacy_nodes, member.legacy_up), options);
    });
    net.start(name);
  }
  // a@h1 .. in a ring, settled.
  void start_ring(const std::vector<std::string>& names) {
    for (const auto& name : names) start(name, name == names[0] ? "" : names[0]), net.advance(std::chrono::milliseconds(50));
    ASSERT_TRUE(agree(names, milliseconds(500))) << state();
  }
  void cast(const std::string& to, const Term& message) {
    net.run(to, [message](ProcessContext& context) { context.send(atom(kNanoRingName), message); });
  }
  void leave(const std::string& name, Membership::Forget forget = Membership::Forget::no) {
    net.run(name, [this, name, forget](ProcessContext& context) { members[name].ring->leave(context, forget); });
  }

  std::string up(const std::string& name) const {
    const Member& member = members.at(name);
    if (member.view) return text(member.view->up());
    auto up = member.legacy_up.members();
    std::reverse(up.begin(), up.end());
    return text(up);
  }
  bool settled(const std::string& name) const { return members.at(name).view->settled(); }
  // All of `names` count exactly themselves up, and are settled, within `time`.
  bool agree(std::vector<std::string> names, Duration time) {
    std::sort(names.begin(), names.end());
    std::string expected;
    for (const auto& name : names) expected += (expected.empty() ? "" : " ") + name;
    return net.run_until([&] {
      return std::all_of(names.begin(), names.end(), [&](const auto& name) {
        return up(name) == expected && (!members.at(name).view || members.at(name).view->settled());
      });
    }, time);
  }
  std::string state() const {
    std::string all;
    for (const auto& [name, member] : members) all += name + ": " + up(name) + (member.view && !member.view->settled() ? " (not settled)\n" : "\n");
    for (const auto& line : net.logs()) all += line.node + " | " + line.text + "\n";
    return all;
  }
  // Cuts every connection between the two sides: closed, refused.
  void part(const std::string& a, const std::string& b, bool apart = true) {
    net.refuse(a, b, apart), net.refuse(b, a, apart);
    if (apart) net.close_connections(a, b);
  }

  std::optional<std::chrono::seconds> forget_after;  // of members that are started from then on
  bool all_ours = true;

  using milliseconds = std::chrono::milliseconds;
  using seconds = std::chrono::seconds;
  sim::SimNetwork net;
  std::map<std::string, Member> members;
};

}  // namespace supervisorring::ring_test
