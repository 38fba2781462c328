#include "node/api_explain.h"

#include <unordered_set>

#include "node/api.h"
#include "node/node_names.h"
#include "sup/ring_plan.h"

namespace supervisorring {

namespace {

using State = std::shared_ptr<SupervisionState>;

Term error_text(const std::string& text) { return tuple(atom("error"), Term::binary(text)); }

Term hex(const Digest& digest) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : digest) text += {kDigits[byte >> 4], kDigits[byte & 15]};
  return Term::binary(text);
}

const char* name_of(const std::optional<Supervisor::View>& view) {
  if (!view) return "none";
  switch (view->state) {
    case Supervisor::ChildState::down: return "terminated";
    case Supervisor::ChildState::starting: return "starting";
    case Supervisor::ChildState::running: return "running";
    case Supervisor::ChildState::restarting: return "restarting";
    case Supervisor::ChildState::stopping: return "stopping";
  }
  return "none";
}

// Why an up member owns none of a supervisor's children.
Term why_not(const SupervisionState& state, const Term& node) {
  if (state.draining.excludes(node)) return atom(std::ranges::binary_search(state.draining.drained(), node, by_name) ? "drained" : "cordoned");
  return atom(state.who_owns.kind_of(node) == MemberKind::unknown ? "kind_unknown" : "members");
}

// Members that count for nothing, and why.
Term excluded(const SupervisionState& state, const std::vector<Term>& leaving, const std::vector<Term>& not_in_set) {
  std::vector<Term> out;
  for (const Term& node : not_in_set)
    if (std::ranges::count(leaving, node) == 0) out.push_back(tuple(node, why_not(state, node)));
  for (const Term& node : state.ring.nodes())
    if (!state.ring.is_up(node) && std::ranges::count(leaving, node) == 0) out.push_back(tuple(node, atom("not_up")));
  for (const Term& node : leaving) out.push_back(tuple(node, atom("leaving")));
  return Term::list(std::move(out));
}

// Up members of ours that do not run it: they own their share all the same.
Term without_supervisor(const SupervisionState& state, const Term& self, const SupervisorState& sup) {
  std::vector<Term> out;
  for (const Term& node : state.ring.up()) {
    const PeerInfo* const peer = state.peer(node);
    if (node == self ? !sup.runs() : peer && peer->hello && std::ranges::count(peer->hello->supervisors, sup.name) == 0) out.push_back(node);
  }
  return Term::list(std::move(out));
}

std::variant<Term, RpcError> explain(ProcessContext& context, SupervisionState& state, const Term& name, const Term& id) {
  const SupervisorState* const sup = state.find(name);
  if (!sup) return RpcError{atom("exit"), tuple(atom("noproc"), tuple(atom("supervisorring"), atom("explain"), list({name, id})))};
  if (!sup->manager) return error_text(to_text(name, 200) + " has not started here yet" + (sup->why.empty() ? "" : ": " + sup->why));
  if (const auto owner = state.who_owns.owner_of(*sup, id); owner.why.is_tagged("no_member_up", 2))
    return error_text(to_text(name, 200) + ": no member of " + to_text(owner.why[1], 300) + " is up: its children run nowhere");
  const auto explained = sup->manager->explain(id, context.time().now);
  if (!explained) return error_text(explained.error());
  const auto view = sup->local ? sup->local->find(id) : std::nullopt;
  const bool runs = view && view->pid.is_pid();
  const char* by = !runs ? "none" : state.can_start(view->spec) ? "native" : "beam";
  Term next_try = atom("none");
  if (explained->next_try) next_try = integer(std::chrono::duration_cast<std::chrono::milliseconds>(*explained->next_try).count());
  return Term::map({{atom("supervisor"), name},
                    {atom("id"), id},
                    {atom("node"), context.node_name()},
                    {atom("key"), tuple(name, id)},
                    {atom("digest"), hex(explained->key)},
                    {atom("otp"), integer(otp_of_hash_format(state.ring.format()))},
                    {atom("point"), Term::map({{atom("digest"), hex(explained->point)}, {atom("member"), explained->point_member}, {atom("number"), integer(explained->point_number)}})},
                    {atom("owner"), explained->owner},
                    {atom("kept"), Term::boolean(explained->owner != explained->point_member)},
                    {atom("excluded"), excluded(state, explained->leaving, explained->not_in_set)},
                    {atom("without_supervisor"), without_supervisor(state, context.node_name(), *sup)},
                    {atom("members"), to_term(sup->flags.members)},
                    {atom("members_note"), Term::binary(sup->owners.note(sup->flags.members))},
                    {atom("named"), Term::boolean(explained->named)},
                    {atom("here"), atom(name_of(view))},
                    {atom("pid"), runs ? view->pid : atom("undefined")},
                    {atom("by"), atom(by)},
                    {atom("doing"), Term::binary(explained->doing)},
                    {atom("next_try_ms"), next_try}});
}

Result<std::vector<MemberChange>> read_changes(const Term& changes) {
  const Error shape{"expected a list of {with, Node} and {without, Node}, at most " + std::to_string(kMaxMemberChanges) + ", got " + to_text(changes, 200)};
  if (!changes.is_proper_list() || changes.size() > kMaxMemberChanges) return shape;
  std::vector<MemberChange> out;
  for (const Term& each : changes.elements()) {
    const bool with = each.is_tagged("with", 2);
    if ((!with && !each.is_tagged("without", 2)) || !each[1].is_atom()) return shape;
    out.push_back({with, each[1]});
  }
  return out;
}

// One plan under way: the supervisors are asked for one after the other.
struct Planning {
  State state;
  std::shared_ptr<const Ring> before, after;
  HashFormat format;
  std::vector<Term> names;
  std::size_t next = 0;
  std::vector<Term> plans;
  RpcDone done;
};

// Members that would be up and would own none of the children.
Term excluded_then(const SupervisionState& state, const Ring& up, const Ring& owners) {
  std::vector<Term> out;
  for (const Term& node : sorted_members(up))
    if (!owners.has(node)) out.push_back(tuple(node, why_not(state, node)));
  return Term::list(std::move(out));
}

Term plan_of(const Planning& planning, const SupervisorState& sup, const std::vector<Term>& lists) {
  std::vector<Term> ids = sup.manager ? sup.manager->known_ids(kMaxPlanned) : std::vector<Term>{};
  std::unordered_set<Term> known(ids.begin(), ids.end());
  bool complete = ids.size() < kMaxPlanned;
  for (const Term& list : lists) {
    for (const Term& child : list.elements()) {
      if (!child.is_tuple(4) || known.contains(child[0])) continue;
      if (ids.size() >= kMaxPlanned) complete = false;
      else known.insert(child[0]), ids.push_back(child[0]);
    }
  }
  // The same ring as now where nothing changes for this supervisor.
  const auto before = planning.state->who_owns.ring_of(sup);
  const auto after = planning.after == planning.before ? before : planning.state->who_owns.would_be(sup, planning.after);
  const KeptIds* const kept = WhoOwns::kept_of(sup).get();
  const SupervisorPlan plan = plan_moves(sup.name, ids, planning.format, {*before, *planning.before, kept}, {*after, *planning.after, kept}, kMaxPlannedIds);
  std::vector<Term> between;
  for (const PlannedMoves& moves : plan.moves_between)
    between.push_back(Term::map({{atom("from"), moves.from}, {atom("to"), moves.to}, {atom("count"), Term::unsigned_integer(moves.count)}, {atom("ids"), Term::list(moves.ids)}}));
  return Term::map({{atom("supervisor"), sup.name},
                    {atom("children"), Term::unsigned_integer(plan.children)},
                    {atom("moves"), Term::unsigned_integer(plan.moves)},
                    {atom("complete"), Term::boolean(complete)},
                    {atom("members"), to_term(sup.owners.set)},
                    {atom("excluded"), excluded_then(*planning.state, *planning.after, *after)},
                    {atom("moves_between"), Term::list(std::move(between))}});
}

void plan_next(ProcessContext& context, std::shared_ptr<Planning> planning) {
  if (planning->next == planning->names.size()) {
    return planning->done(Term::map({{atom("node"), context.node_name()},
                                     {atom("up"), Term::list(sorted_members(*planning->before))},
                                     {atom("up_then"), Term::list(sorted_members(*planning->after))},
                                     {atom("supervisors"), Term::list(planning->plans)}}));
  }
  const Term name = planning->names[planning->next++];
  ask_everybody(context, planning->state, name, atom("which_children"), [planning, name](ProcessContext& ctx, std::vector<Term> lists) {
    if (const SupervisorState* const sup = planning->state->find(name)) planning->plans.push_back(plan_of(*planning, *sup, lists));
    plan_next(ctx, planning);
  });
}

void plan(ProcessContext& context, const State& state, const Term& changes, RpcDone done) {
  const auto wanted = read_changes(changes);
  if (!wanted) return done(error_text(wanted.error()));
  const auto after = changed_ring(state->ring.ring(), *wanted);
  if (!after) return done(error_text(after.error()));
  if (state->ring.ring()->empty()) return done(error_text("no member is up"));
  auto planning = std::make_shared<Planning>(Planning{state, state->ring.ring(), *after, state->ring.format(), {}, 0, {}, std::move(done)});
  for (const auto& [name, sup] : state->supervisors) planning->names.push_back(sup->name);
  plan_next(context, std::move(planning));
}

}  // namespace

void define_explain(Node& node, std::shared_ptr<SupervisionState> state) {
  node.define_function("supervisorring", "explain", 2, [state](ProcessContext& context, std::vector<Term> a, RpcDone done) { done(explain(context, *state, a[0], a[1])); });
  node.define_function("supervisorring", "plan", 1, [state](ProcessContext& context, std::vector<Term> a, RpcDone done) { plan(context, state, a[0], std::move(done)); });
}

}  // namespace supervisorring
