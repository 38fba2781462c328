#include "sim_legacy.h"

#include <algorithm>
#include <deque>
#include <map>

#include "ring/consistent_hash.h"
#include "ring/ring_file.h"
#include "ring/ring_message.h"

namespace supervisorring::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Legacy {
  LegacyConfig config;
  Term self;
  LwwSet nodes, up;
  std::map<std::string, Term> children;  // that run here, with their pids
  std::map<std::string, Term> specs;     // by id
};
using LegacyPtr = std::shared_ptr<Legacy>;

Term manager_name(const Legacy& legacy) { return atom(legacy.config.supervisor + ".ChildManager"); }

// As LWWElemSet.put and delete: with the time of day, whatever is known.
void change(LwwSet& set, const Term& element, std::chrono::microseconds wall, bool put) {
  LwwStruct one;
  (put ? one.adds : one.removes).push_back({element, Timestamp::of_wall(wall)});
  set.merge(LwwSet(one));
}

std::vector<Term> ascending(const LwwSet& set) {
  std::vector<Term> members = set.members();
  std::reverse(members.begin(), members.end());
  return members;
}

// ---- 'Elixir.NanoRing' ---------------------------------------------------------------------------------

class LegacyRing : public Process {
 public:
  explicit LegacyRing(LegacyPtr legacy) : legacy_(std::move(legacy)) {}

  void started(ProcessContext& context) override {
    if (legacy_->config.ring_file) legacy_->nodes = legacy_->up = *legacy_->config.ring_file;
    if (legacy_->nodes.names() == 0) {
      change(legacy_->nodes, legacy_->self, context.time().wall, true);
      change(legacy_->up, legacy_->self, context.time().wall, true);
    }
    context.send_after(seconds(1), context.self(), atom("send_gossip"));
    changed(context);
  }

  void handle_message(ProcessContext& context, const Term& message) override {
    if (!awaited_.is_nil()) {
      const bool ack = message.is_tuple(2) && message[0] == awaited_ && message[1].is_atom("is_up");
      const bool late = message.is_tagged("give_up", 2) && message[1] == awaited_;
      if (!ack && !late) return void(waiting_.push_back(message));
      awaited_ = Term();
      if (late) change(legacy_->up, asked_, context.time().wall, false);
      changed(context);
      context.send_after(seconds(1) + milliseconds(context.random() % 8), context.self(), atom("send_gossip"));
      for (const Term& each : std::exchange(waiting_, {})) handle_message(context, each);
      return;
    }
    if (message.is_atom("send_gossip")) return gossip(context);
    if (message.is_atom("halt") && !legacy_->nodes.is_member(legacy_->self)) return halt(context);
    const auto parsed = parse_ring_message(message);
    if (!parsed) return;
    const auto wall = context.time().wall;
    if (auto* m = std::get_if<ring_message::Reconcile>(&*parsed)) handle_reconcile(context, *m);
    else if (auto* add = std::get_if<ring_message::AddNode>(&*parsed)) {
      if (!legacy_->nodes.is_member(add->node)) change(legacy_->nodes, add->node, wall, true), change(legacy_->up, add->node, wall, true);
    } else if (auto* del = std::get_if<ring_message::DelNode>(&*parsed)) {
      if (legacy_->nodes.is_member(del->node)) change(legacy_->nodes, del->node, wall, false);
    } else if (auto* get = std::get_if<ring_message::GetSet>(&*parsed)) {
      context.reply(get->from, (get->set == RingSet::nodes ? legacy_->nodes : legacy_->up).to_term({}));
    }
    changed(context);
  }

 private:
  void handle_reconcile(ProcessContext& context, const ring_message::Reconcile& gossip) {
    context.send(gossip.from, ack_message(gossip.reference));
    const Term sender = gossip.from.node();
    const bool away = legacy_->nodes.is_member(sender) && !legacy_->up.is_member(sender);
    legacy_->nodes.merge(gossip.nodes);
    legacy_->up.merge(gossip.up);
    if (away) change(legacy_->up, sender, context.time().wall, true);
  }

  void gossip(ProcessContext& context) {
    if (!legacy_->nodes.is_member(legacy_->self)) context.send_after(seconds(5), context.self(), atom("halt"));
    std::vector<Term> others = legacy_->up.members();
    std::erase(others, legacy_->self);
    if (others.empty()) return void(context.send_after(seconds(1), context.self(), atom("send_gossip")));
    asked_ = others[context.random() % others.size()];
    awaited_ = context.make_ref();
    context.send(nano_ring_at(asked_), reconcile_message(ring_term(legacy_->nodes.to_term({}), legacy_->up.to_term({})), context.self(), awaited_));
    context.send_after(milliseconds(100), context.self(), tuple(atom("give_up"), awaited_));
  }

  void halt(ProcessContext& context) {
    context.remove_file(kRingFileName);
    context.halt(0, "removed from the ring");
  }

  // The file, the view, and new_ring to whom it concerns.
  void changed(ProcessContext& context) {
    std::vector<Term> nodes = ascending(legacy_->nodes), up = ascending(legacy_->up);
    RingChange& view = *legacy_->config.view;
    view.settled = true;
    if (nodes != view.new_nodes) context.persist(kRingFileName, write_ring_file(legacy_->nodes, {}, HashFormat::minor_version_1));
    view.new_nodes = std::move(nodes);
    if (up == view.new_up) return;
    view.new_up = std::move(up);
    context.cast(manager_name(*legacy_), atom("sync_children"));
  }

  LegacyPtr legacy_;
  Term asked_, awaited_;
  std::deque<Term> waiting_;
};

// ---- a child ---------------------------------------------------------------------------------------------

class LegacyCounter : public Process {
 public:
  LegacyCounter(LegacyPtr legacy, std::string id) : legacy_(std::move(legacy)), id_(std::move(id)) {}
  void started(ProcessContext&) override { legacy_->config.copies->insert(id_); }
  void handle_message(ProcessContext& context, const Term& message) override {
    if (!message.is_tagged("$gen_call", 3)) return;
    if (message[2].is_tagged("set", 2)) count_ = message[2][1].to_int64();
    if (message[2].is_atom("increment")) ++count_;
    context.reply(message[1], integer(count_));
  }
  void ended(ProcessContext&, const Term&) override { legacy_->config.copies->erase(legacy_->config.copies->find(id_)); }

 private:
  LegacyPtr legacy_;
  std::string id_;
  std::int64_t count_ = 0;
};

// ---- <Sup> -------------------------------------------------------------------------------------------------

class LegacySup : public Process {
 public:
  explicit LegacySup(LegacyPtr legacy) : legacy_(std::move(legacy)) {}
  void handle_message(ProcessContext& context, const Term& message) override {
    if (!message.is_tagged("$gen_call", 3)) return;
    const Term& request = message[2];
    if (request.is_tagged("start_child", 2)) context.reply(message[1], start(context, request[1]));
    else if (request.is_tagged("stop", 2)) context.reply(message[1], stop(context, request[1]));
    else if (request.is_atom("which_children")) context.reply(message[1], which_children());
    else context.reply(message[1], tuple(atom("error"), request));
  }

 private:
  Term start(ProcessContext& context, const Term& spec) {
    const Term& child = spec.is_map() ? *spec.find("id") : spec[0];
    const std::string id(child.atom_name());
    if (const auto runs = legacy_->children.find(id); runs != legacy_->children.end()) return tuple(atom("error"), tuple(atom("already_started"), runs->second));
    const auto pid = context.spawn(std::make_unique<LegacyCounter>(legacy_, id), SpawnOptions{child});
    if (!pid) return tuple(atom("error"), atom("name_taken"));
    legacy_->children[id] = *pid;
    return tuple(atom("ok"), *pid);
  }
  Term stop(ProcessContext& context, const Term& child) {
    const auto runs = legacy_->children.find(std::string(child.atom_name()));
    if (runs == legacy_->children.end()) return tuple(atom("error"), atom("not_found"));
    context.exit_signal(runs->second, atom("kill"));
    legacy_->children.erase(runs);
    return atom("ok");
  }
  Term which_children() const {
    std::vector<Term> all;
    for (const auto& [id, pid] : legacy_->children) all.push_back(tuple(atom(id), pid, atom("worker"), list({atom("counter")})));
    return Term::list(std::move(all));
  }
  LegacyPtr legacy_;
};

// ---- <Sup>.ChildManager --------------------------------------------------------------------------------------

class LegacyManager : public Process {
 public:
  explicit LegacyManager(LegacyPtr legacy) : legacy_(std::move(legacy)) {}
  void handle_message(ProcessContext& context, const Term& message) override {
    if (busy_) return void(waiting_.push_back(message));
    if (message.is_tagged("$gen_cast", 2) && message[1].is_atom("sync_children")) return sync(context);
    if (message.is_tagged("$gen_call", 3) && message[2].is_tagged("get_node", 2)) {
      const auto owner = owner_of(message[2][1]);
      if (owner) context.reply(message[1], *owner);
    }
  }

 private:
  std::optional<Term> owner_of(const Term& id) const {
    if (!ring_ || ring_->empty()) return std::nullopt;
    const auto owner = ring_->owner_of(atom(legacy_->config.supervisor), id, HashFormat::minor_version_1);
    return owner ? std::optional(*owner) : std::nullopt;
  }

  void sync(ProcessContext& context) {
    ring_ = Ring::make(legacy_->config.view->new_up);
    busy_ = true;
    steps_.clear();
    for (const auto& [id, spec] : legacy_->specs) {
      const auto owner = owner_of(spec[0]);
      if (owner && *owner != legacy_->self && legacy_->children.contains(id)) steps_.push_back({spec, *owner});
    }
    for (const auto& [id, spec] : legacy_->specs) {
      if (owner_of(spec[0]) == legacy_->self && !legacy_->children.contains(id)) steps_.push_back({spec, legacy_->self});
    }
    next(context);
  }

  void next(ProcessContext& context) {
    if (steps_.empty()) {
      busy_ = false;
      for (auto waiting = std::exchange(waiting_, {}); !waiting.empty(); waiting.pop_front()) handle_message(context, waiting.front());
      return;
    }
    const auto [spec, owner] = steps_.front();
    steps_.pop_front();
    if (owner == legacy_->self) {
      return context.call(atom(legacy_->config.supervisor), tuple(atom("start_child"), spec), {kForEver}, [this](ProcessContext& then, CallResult) { next(then); });
    }
    context.erpc(owner, atom("Elixir.Supervisor"), atom("start_child"), {atom(legacy_->config.supervisor), spec}, kForEver, [this, spec = spec](ProcessContext& then, CallResult answer) {
      Term started = answer.ok ? answer.value : Term();
      if (started.is_tagged("error", 2)) started = started[1];
      const bool runs = (started.is_tagged("ok", 2) || started.is_tagged("already_started", 2)) && started[1].is_pid();
      if (runs) migrate(then, spec, started[1]); else end_old(then, spec);
    });
  }

  // Module:migrate/3 of a user, as the README of the original shows it.
  void migrate(ProcessContext& context, const Term& spec, const Term& to) {
    context.call(spec[0], atom("get"), {}, [this, spec, to](ProcessContext& then, CallResult count) {
      if (!count.ok) return end_old(then, spec);
      then.call(to, tuple(atom("set"), count.value), {}, [this, spec](ProcessContext& last, CallResult) { end_old(last, spec); });
    });
  }

  void end_old(ProcessContext& context, const Term& spec) {
    context.call(atom(legacy_->config.supervisor), tuple(atom("stop"), spec[0]), {kForEver}, [this](ProcessContext& then, CallResult) { next(then); });
  }

  static constexpr Duration kForEver = std::chrono::hours(24);
  LegacyPtr legacy_;
  std::shared_ptr<const Ring> ring_;
  bool busy_ = false;
  struct Step { Term spec, owner; };
  std::deque<Step> steps_;
  std::deque<Term> waiting_;
};

class Idle : public Process {
  void handle_message(ProcessContext&, const Term&) override {}
};

}  // namespace

void make_legacy(Node& node, LegacyConfig config) {
  auto legacy = std::make_shared<Legacy>(Legacy{std::move(config), Term(), {}, {}, {}, {}});
  for (const Term& spec : legacy->config.specs.elements()) legacy->specs[std::string(spec[0].atom_name())] = spec;
  node.define_function("erlang", "term_to_binary", 1, [](ProcessContext&, std::vector<Term> arguments, RpcDone done) {
    done(Term::binary(external_form(arguments[0], HashFormat::minor_version_1)));
  });
  node.define_function("sys", "get_state", 1, [legacy](ProcessContext&, std::vector<Term>, RpcDone done) {
    done(Term::map({{atom("sup_ref"), atom(legacy->config.supervisor)}, {atom("child_specs"), legacy->config.specs}}));
  });
  node.define_function("Elixir.Supervisor", "start_child", 2, [](ProcessContext& context, std::vector<Term> arguments, RpcDone done) {
    context.call(arguments[0], tuple(atom("start_child"), arguments[1]), {}, [done = std::move(done)](ProcessContext&, CallResult answer) {
      if (answer.ok) done(answer.value); else done(RpcError{atom("exit"), answer.value});
    });
  });
  node.at_start([legacy](ProcessContext& context) {
    legacy->self = context.node_name();
    const std::string& sup = legacy->config.supervisor;
    const auto spawn = [&](std::unique_ptr<Process> process, const std::string& name) { context.spawn(std::move(process), SpawnOptions{atom(name)}); };
    spawn(std::make_unique<Idle>(), "Elixir.Supervisorring.App.Sup.SuperSup");
    spawn(std::make_unique<Idle>(), sup + ".GlobalSup");
    spawn(std::make_unique<LegacySup>(legacy), sup);
    spawn(std::make_unique<LegacyManager>(legacy), sup + ".ChildManager");
    spawn(std::make_unique<LegacyRing>(legacy), kNanoRingName);
  });
}

}  // namespace supervisorring::sim
