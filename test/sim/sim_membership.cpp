#include "sim_membership.h"

#include <algorithm>
#include <array>

#include "describe.h"
#include "ring/ring_file.h"

namespace supervisorring::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr Duration kBound = seconds(120);  // from the end of all faults

std::optional<HashFormat> known_format() { return HashFormat::minor_version_2; }

}  // namespace

SimMembership::SimMembership(MembershipOptions options) : options_(std::move(options)), random_(options_.seed) {
  members_.resize(options_.nodes);
  for (std::size_t i = 0; i < members_.size(); ++i) {
    members_[i].name = "n" + std::to_string(i + 1) + "@h" + std::to_string(i + 1);
    members_[i].node = atom(members_[i].name);
    members_[i].connected.resize(members_.size());
    by_name_.emplace(members_[i].node, i);
  }
}

MembershipResult SimMembership::live() {
  MembershipResult result;
  form();
  pass(seconds(3));
  live_with_faults();
  end_faults();
  const Instant begin = now_;
  const std::uint64_t before = messages_;
  auto missing = disagreement();
  while (missing && now_ - begin < kBound) {
    pass(milliseconds(100));
    missing = disagreement();
  }
  result.converged = now_ - begin;
  result.messages = messages_ - before;
  if (!missing) {
    pass(seconds(5));
    missing = disagreement();
  }
  if (!missing) missing = unbounded();
  if (missing) result.failure = stamp(now_) + " s: " + *missing;
  result.lived = now_.time_since_epoch();
  result.messages_in_all = messages_;
  return result;
}

// ---- faults ------------------------------------------------------------------------------------------------

void SimMembership::live_with_faults() {
  losing_ = true;
  for (std::size_t i = 0; i < options_.kills; ++i) {
    at(random_.between(milliseconds(0), seconds(10)), [this, index = random_.below(members_.size())] {
      if (!members_[index].core) return;
      kill(index);
      at(random_.between(milliseconds(100), seconds(8)), [this, index] {
        if (!members_[index].core) restart(index);
      });
    });
  }
  at(seconds(4), [this] {
    note("a part is cut off");
    for (std::size_t i = 0; i < options_.cut; ++i) members_[random_.below(members_.size())].apart = true;
  });
  at(seconds(9), [this] {
    note("the network is whole again");
    for (Member& member : members_) member.apart = false;
  });
  pass(seconds(12));
}

void SimMembership::end_faults() {
  note("all faults end");
  losing_ = false;
  for (std::size_t i = 0; i < members_.size(); ++i)
    if (!members_[i].core) restart(i);
}

// ---- members -----------------------------------------------------------------------------------------------

// Each goes on where a predecessor was that had been there for long. Their rounds are spread over a second.
void SimMembership::form() {
  MembershipConfig::Sets sets;
  for (const Member& member : members_) {
    sets.nodes.put(member.node, time().wall);
    sets.up.put(member.node, time().wall);
  }
  sets.nodes.members(), sets.up.members();  // puts them in order, once for all
  for (std::size_t i = 0; i < members_.size(); ++i) {
    MembershipConfig config;
    config.resume = sets;
    create(i, std::move(config));
    Member& member = members_[i];
    for (std::size_t other = 0; other < members_.size(); ++other) {
      if (other == i) continue;
      member.connected[other] = true;
      member.core->node_up(members_[other].node, time());
      member.core->takes(members_[other].node, {true, true});
    }
    member.core->start(time());
    for (auto& effect : member.core->take_effects()) {
      if (std::holds_alternative<membership::Persist>(effect) || std::holds_alternative<membership::Publish>(effect)) perform(i, effect);
    }
    wake(i);
    now_ += kGossipInterval / static_cast<std::int64_t>(members_.size());
  }
}

void SimMembership::restart(std::size_t index) {
  MembershipConfig config;
  auto file = read_ring_file(*members_[index].ring_file);
  if (file) config.ring_file = std::move(*file);
  // Its file names all; a few are enough to come back by, as an operator would name them.
  for (int i = 0; i < 3; ++i) config.join.push_back(members_[random_.below(members_.size())].node);
  create(index, std::move(config));
  note(short_name(members_[index].name) + " starts");
  input(index, [this](Membership& core) { core.start(time()); });
}

void SimMembership::create(std::size_t index, MembershipConfig config) {
  Member& member = members_[index];
  config.self = member.node;
  config.seed = random_.next();
  config.format = known_format();
  ++member.life;
  const Term pid = Term::pid(member.node, 1, 0, member.life);
  member.core = std::make_unique<Membership>(std::move(config), pid, [&member] {
    const std::array<std::uint32_t, 3> words{++member.references, 0, 0};
    return Term::reference(member.node, member.life, words);
  });
}

void SimMembership::kill(std::size_t index) {
  Member& member = members_[index];
  note(short_name(member.name) + " is killed");
  if (member.next) timers_.erase({*member.next, index});
  member.next.reset();
  member.core.reset();
  member.up = 0;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (!member.connected[i]) continue;
    member.connected[i] = members_[i].connected[index] = false;
    answer_at(delay(), i, [this, node = member.node](Membership& core) { core.node_down(node, time()); });
  }
}

// Unless that life is over by then.
void SimMembership::answer_at(Duration after, std::size_t to, std::function<void(Membership&)> what) {
  at(after, [this, to, life = members_[to].life, what = std::move(what)] {
    if (members_[to].core && members_[to].life == life) input(to, what);
  });
}

void SimMembership::input(std::size_t index, const std::function<void(Membership&)>& what) {
  Member& member = members_[index];
  what(*member.core);
  for (auto& effect : member.core->take_effects()) perform(index, effect);
  if (member.core) wake(index);
}

void SimMembership::wake(std::size_t index) {
  Member& member = members_[index];
  const auto next = member.core->next_timeout();
  if (next == member.next) return;
  if (member.next) timers_.erase({*member.next, index});
  member.next = next;
  if (next) timers_.emplace(*next, index);
}

// ---- effects -----------------------------------------------------------------------------------------------

void SimMembership::perform(std::size_t from, membership::Effect& effect) {
  Member& member = members_[from];
  if (const auto* to = std::get_if<membership::Send>(&effect)) {
    send(from, to->to, to->message);
  } else if (const auto* news = std::get_if<membership::Tell>(&effect)) {
    tell(from, news->node, news->body);
  } else if (const auto* reply = std::get_if<membership::Reply>(&effect)) {
    send(from, reply->from[0], tuple(reply->from[1], reply->value));
  } else if (const auto* wanted = std::get_if<membership::Connect>(&effect)) {
    connect(from, wanted->node);
  } else if (const auto* question = std::get_if<membership::AskSet>(&effect)) {
    ask(from, question->node, question->set);
  } else if (const auto* format = std::get_if<membership::AskFormat>(&effect)) {
    answer_at(delay(), from, [this, node = format->node](Membership& core) { core.format_answered(node, known_format(), true, time()); });
  } else if (std::holds_alternative<membership::AskMayJoin>(effect)) {
    answer_at(delay(), from, [this](Membership& core) { core.guard_answered(true, time()); });
  } else if (auto* file = std::get_if<membership::Persist>(&effect)) {
    if (file->name == kRingFileName) member.ring_file = &*ring_files_.insert(std::move(file->content)).first;
  } else if (auto* published = std::get_if<membership::Publish>(&effect)) {
    member.up = published->state.up.size();
    member.nodes = published->state.nodes.size();
  } else if (const auto* line = std::get_if<membership::Log>(&effect)) {
    note(short_name(member.name) + " log: " + line->text);
  }
}

void SimMembership::connect(std::size_t from, const Term& node) {
  const auto found = by_name_.find(node);
  if (found == by_name_.end() || members_[from].connected[found->second]) return;
  const std::size_t to = found->second;
  at(delay(), [this, from, to] {
    if (!members_[from].core) return;
    if (!reaches(members_[from], members_[to])) {
      // Refused at once by a machine whose program is not there; never answered over a cut.
      const Duration after = members_[to].core ? Duration(seconds(7)) : delay();
      return answer_at(after, from, [this, from, to](Membership& core) {
        if (!members_[from].connected[to]) core.node_down(members_[to].node, time());
      });
    }
    if (members_[from].connected[to]) return;
    members_[from].connected[to] = members_[to].connected[from] = true;
    input(from, [this, to](Membership& core) { core.node_up(members_[to].node, time()); });
    if (members_[to].core) input(to, [this, from](Membership& core) { core.node_up(members_[from].node, time()); });
    say_hello(from, to);
    say_hello(to, from);
  });
}

// All are members of ours: what supervisorring_peer says on every new connection.
void SimMembership::say_hello(std::size_t from, std::size_t to) {
  answer_at(delay(), to, [this, from, to](Membership& core) {
    if (members_[to].connected[from]) core.takes(members_[from].node, {true, true});
  });
}

void SimMembership::tell(std::size_t from, const Term& node, const Term& body) {
  const auto found = by_name_.find(node);
  if (found == by_name_.end()) return;
  deliver(from, found->second, [this, body, sender = members_[from].node](Membership& core) {
    if (body.is_tagged("news", 3)) core.handle_news(sender, *parse_news(body), time());
    else core.handle_digest(sender, *parse_digest(body), time());
  });
}

// To a NanoRing, by its pid or its name. As over TCP a message that is cut off arrives late rather than never, so `loss` stands for a stall.
void SimMembership::send(std::size_t from, const Term& to, const Term& message) {
  const auto found = by_name_.find(to.is_pid() ? to.node() : to[1]);
  if (found == by_name_.end()) return;
  connect(from, members_[found->second].node);
  deliver(from, found->second, [this, message](Membership& core) { core.handle_message(message, time()); });
}

void SimMembership::deliver(std::size_t from, std::size_t to, std::function<void(Membership&)> what) {
  ++messages_;
  if (!is_lost() && reaches(members_[from], members_[to])) answer_at(delay(), to, std::move(what));
}

void SimMembership::ask(std::size_t from, const Term& node, RingSet set) {
  const auto found = by_name_.find(node);
  messages_ += 2;
  if (found == by_name_.end() || !members_[found->second].core) {
    return answer_at(delay(), from, [this, node, set](Membership& core) { core.set_unanswered(node, set, Membership::Unanswered::unreachable, time()); });
  }
  const std::size_t to = found->second;
  if (is_lost() || !reaches(members_[from], members_[to])) {
    return answer_at(kAskTimeout, from, [this, node, set](Membership& core) { core.set_unanswered(node, set, Membership::Unanswered::silent, time()); });
  }
  connect(from, node);
  // Read when it arrives: where all start, each asks many, and so many answers under way would need more memory than all members.
  answer_at(delay() + delay(), from, [this, to, node, set](Membership& core) {
    const Membership* const asked = members_[to].core.get();
    if (asked) core.set_answered(node, set, answer_of(set == RingSet::nodes ? asked->node_set() : asked->up_set(), set), time());
    else core.set_unanswered(node, set, Membership::Unanswered::unreachable, time());
  });
}

const Term& SimMembership::answer_of(const LwwSet& set, RingSet which) {
  auto& last = answers_[which == RingSet::nodes ? 0 : 1];
  if (!last || last->set != set) last = Answer{set, set.to_term({})};
  return last->term;
}

// ---- time --------------------------------------------------------------------------------------------------

void SimMembership::pass(Duration by) {
  const Instant end = now_ + by;
  while (true) {
    const bool event = !events_.empty() && (timers_.empty() || events_.next_time() <= timers_.begin()->first);
    if (!event && timers_.empty()) break;
    const Instant next = event ? events_.next_time() : timers_.begin()->first;
    if (next > end) break;
    now_ = std::max(now_, next);
    if (event) {
      events_.take()();
    } else {
      const std::size_t index = timers_.begin()->second;
      timers_.erase(timers_.begin());
      members_[index].next.reset();
      input(index, [this](Membership& core) { core.timeout(time()); });
    }
  }
  now_ = end;
}

void SimMembership::note(const std::string& text) const {
  if (options_.trace) options_.trace(stamp(now_) + " " + text);
}

// ---- checkers ----------------------------------------------------------------------------------------------

// Converged, and nobody counted up who is dead: all members are up at the end.
std::optional<std::string> SimMembership::disagreement() const {
  for (const Member& member : members_) {
    if (!member.core || member.core->phase() != Membership::Phase::member) return short_name(member.name) + " is not in";
    if (member.up != members_.size()) return short_name(member.name) + " counts " + std::to_string(member.up) + " members up, expected " + std::to_string(members_.size());
    if (member.nodes != members_.size()) return short_name(member.name) + " knows " + std::to_string(member.nodes) + " members, expected " + std::to_string(members_.size());
  }
  return std::nullopt;
}

// One add and one remove at most of every name ever used, and no other name.
std::optional<std::string> SimMembership::unbounded() const {
  const LwwSet* seen_before[2] = {};  // mostly all are the same
  for (const Member& member : members_) {
    const LwwSet* const sets[] = {&member.core->node_set(), &member.core->up_set()};
    for (std::size_t which = 0; which < 2; ++which) {
      const LwwSet* const set = sets[which];
      if (seen_before[which] != nullptr && *seen_before[which] == *set) continue;
      seen_before[which] = set;
      const auto written = LwwStruct::from_term(set->to_term({}));
      if (!written) return short_name(member.name) + ": " + written.error();
      for (const auto* entries : {&written->adds, &written->removes}) {
        std::set<Term, LwwSet::KeyOrder> seen;
        for (const LwwEntry& entry : *entries) {
          if (!by_name_.contains(entry.element)) return short_name(member.name) + " names " + to_text(entry.element) + ", which never was";
          if (!seen.insert(entry.element).second) return short_name(member.name) + " holds two entries of " + to_text(entry.element);
        }
      }
    }
  }
  return std::nullopt;
}

}  // namespace supervisorring::sim
