#include "sup/peer_messages.h"

#include <array>
#include <optional>

namespace supervisorring {

namespace {

constexpr std::array<std::string_view, 8> kSteps = {"offer", "started", "running", "refused", "state", "taken", "done", "abort"};

Term from_ids(const std::vector<Term>& ids) { return Term::list(ids); }

Term from_words(const std::vector<DrainWord>& words) {
  std::vector<Term> out;
  for (const DrainWord& word : words) out.push_back(tuple(word.node, Term::unsigned_integer(word.number), Term::boolean(word.drained)));
  return Term::list(std::move(out));
}

Term encode_hello(const PeerHello& hello) {
  std::vector<Term::Pair> capabilities{{atom("kind"), hello.kind},
                                       {atom("supervisors"), Term::list(hello.supervisors)},
                                       {atom("format"), integer(hello.otp)},
                                       {atom("features"), Term::list(hello.features)}};
  if (!hello.members.empty()) {
    std::vector<Term::Pair> members;
    for (const auto& [supervisor, set] : hello.members) members.emplace_back(supervisor, to_term(set));
    capabilities.emplace_back(atom("members"), Term::map(std::move(members)));
  }
  if (!hello.drained.empty()) capabilities.emplace_back(atom("drained"), from_words(hello.drained));
  if (!hello.cordoned.empty()) capabilities.emplace_back(atom("cordoned"), from_words(hello.cordoned));
  if (!hello.partitions.is_atom("keep_all")) capabilities.emplace_back(atom("partitions"), hello.partitions);
  return tuple(atom(hello.answer ? "hello_back" : "hello"), integer(hello.version), Term::map(std::move(capabilities)));
}

struct BodyEncoder {
  Term operator()(const PeerHello& hello) const { return encode_hello(hello); }
  Term operator()(const PeerLeaving&) const { return tuple(atom("leaving")); }
  Term operator()(const PeerAsk& ask) const { return tuple(atom("ask"), ask.supervisor, from_ids(ask.ids)); }
  Term operator()(const PeerAnswer& answer) const {
    return tuple(atom("answer"), answer.supervisor, from_ids(answer.here), from_ids(answer.not_here));
  }
  Term operator()(const PeerMove& move) const {
    return tuple(atom("move"), atom(to_string(move.step)), move.supervisor, Term::unsigned_integer(move.move), move.value);
  }
  Term operator()(const PeerKept& kept) const {
    return tuple(atom("kept"), Term::unsigned_integer(kept.part), Term::unsigned_integer(kept.parts), to_term(kept.ids));
  }
  Term operator()(const ring_message::News& news) const { return news_body(news.nodes, news.up); }
  Term operator()(const ring_message::SetsDigest& digest) const { return digest_body(digest.digest, digest.from, digest.reference); }
};

Error expected(std::string_view what, const Term& got) {
  return Error{"supervisorring_peer: expected " + std::string(what) + ", got " + to_text(got, 200)};
}

std::optional<std::vector<Term>> to_ids(const Term& ids) {
  if (!ids.is_proper_list() || ids.size() > kMaxIdsInAMessage) return std::nullopt;
  return std::vector<Term>(ids.elements().begin(), ids.elements().end());
}

std::optional<std::vector<Term>> to_atoms(const Term* atoms) {
  if (!atoms) return std::vector<Term>{};
  auto out = to_ids(*atoms);
  if (!out) return std::nullopt;
  for (const Term& each : *out)
    if (!each.is_atom()) return std::nullopt;
  return out;
}

std::optional<std::vector<std::pair<Term, OwnerSet>>> to_owner_sets(const Term* members) {
  std::vector<std::pair<Term, OwnerSet>> out;
  if (!members) return out;
  if (!members->is_map() || members->pairs().size() > kMaxIdsInAMessage) return std::nullopt;
  for (const auto& [supervisor, value] : members->pairs()) {
    auto set = read_owner_set(value);
    if (!supervisor.is_atom() || !set) return std::nullopt;
    if (!set->is_all()) out.emplace_back(supervisor, std::move(*set));
  }
  return out;
}

std::optional<std::vector<DrainWord>> to_drain_words(const Term* drained) {
  std::vector<DrainWord> out;
  if (!drained) return out;
  if (!drained->is_proper_list() || drained->size() > kMaxDrainWords) return std::nullopt;
  for (const Term& word : drained->elements()) {
    if (!word.is_tuple(3) || !word[0].is_atom()) return std::nullopt;
    const auto number = word[1].as_int64();
    if (!number || *number < 1 || static_cast<std::uint64_t>(*number) > kMaxDrainNumber) return std::nullopt;
    if (!word[2].is_atom("true") && !word[2].is_atom("false")) return std::nullopt;
    out.push_back({word[0], static_cast<std::uint64_t>(*number), word[2].is_atom("true")});
  }
  return out;
}

Result<PeerBody> decode_hello(const Term& body) {
  const auto version = body[1].as_int64();
  if (!version || *version < 1) return expected("a version of 1 or more", body[1]);
  const Term& map = body[2];
  if (!map.is_map()) return expected("a map of capabilities", map);
  PeerHello hello;
  hello.answer = body[0].is_atom("hello_back");
  hello.version = *version;
  const Term* kind = map.find("kind");
  if (!kind || !kind->is_atom()) return expected("capabilities with a kind", map);
  hello.kind = *kind;
  const auto supervisors = to_atoms(map.find("supervisors"));
  const auto features = to_atoms(map.find("features"));
  if (!supervisors || !features) return expected("lists of atoms as supervisors and features", map);
  hello.supervisors = *supervisors;
  hello.features = *features;
  const Term* format = map.find("format");
  const auto otp = format ? format->as_int64() : std::nullopt;
  if (otp != 25 && otp != 26) return expected("a format of 25 or 26", map);
  hello.otp = *otp;
  auto members = to_owner_sets(map.find("members"));
  if (!members) return expected("members as a map of supervisors and all, native, beam or nodes", map);
  hello.members = std::move(*members);
  auto drained = to_drain_words(map.find("drained"));
  if (!drained) return expected("drained as a list of {Node, Number, Boolean}", map);
  hello.drained = std::move(*drained);
  auto cordoned = to_drain_words(map.find("cordoned"));
  if (!cordoned) return expected("cordoned as a list of {Node, Number, Boolean}", map);
  hello.cordoned = std::move(*cordoned);
  if (const Term* partitions = map.find("partitions")) {
    if (!partitions->is_atom()) return expected("an atom as partitions", map);
    hello.partitions = *partitions;
  }
  return PeerBody(std::move(hello));
}

// What must stand in `value` for each step.
bool value_fits(MoveStep step, const Term& value) {
  switch (step) {
    case MoveStep::started: case MoveStep::running: case MoveStep::taken: return value.is_pid();
    case MoveStep::state: return value.is_atom("none") || value.is_tagged("state", 2);
    case MoveStep::done: return value.is_nil();
    case MoveStep::offer: return value.is_tuple() || value.is_map();
    case MoveStep::refused: case MoveStep::abort: return true;
  }
  return false;
}

Result<PeerBody> decode_move(const Term& body) {
  for (std::size_t i = 0; i < kSteps.size(); ++i) {
    if (!body[1].is_atom(kSteps[i])) continue;
    const auto step = static_cast<MoveStep>(i);
    if (!body[2].is_atom()) return expected("a supervisor's name", body[2]);
    const auto number = body[3].as_int64();
    if (!number || *number < 0) return expected("the number of a move", body[3]);
    if (!value_fits(step, body[4])) return expected("what belongs to " + std::string(kSteps[i]), body[4]);
    return PeerBody(PeerMove{step, body[2], static_cast<std::uint64_t>(*number), body[4]});
  }
  return expected("a step of a move", body[1]);
}

Result<PeerBody> decode_kept(const Term& body) {
  const auto part = body[1].as_int64(), parts = body[2].as_int64();
  if (!parts || *parts < 1 || *parts > static_cast<std::int64_t>(kMaxKeptParts) || !part || *part < 1 || *part > *parts)
    return expected("a part of at most " + std::to_string(kMaxKeptParts), body);
  auto ids = read_kept_list(body[3]);
  if (!ids || ids->size() > kMaxIdsInAMessage || count_ids(*ids) > kMaxIdsInAMessage) return expected("a list of {Sup, [Id]}, of at most " + std::to_string(kMaxIdsInAMessage) + " ids", body[3]);
  return PeerBody(PeerKept{static_cast<std::size_t>(*part), static_cast<std::size_t>(*parts), std::move(*ids)});
}

// What is the ring's own is parsed there.
template <class Body>
Result<PeerBody> of_ring(Result<Body> parsed) {
  if (!parsed) return Error{"supervisorring_peer: " + parsed.error()};
  return PeerBody(*std::move(parsed));
}

Result<PeerBody> decode_body(const Term& body) {
  if (body.is_tagged("hello", 3) || body.is_tagged("hello_back", 3)) return decode_hello(body);
  if (body.is_tagged("leaving", 1)) return PeerBody(PeerLeaving{});
  if (body.is_tagged("move", 5)) return decode_move(body);
  if (body.is_tagged("kept", 4)) return decode_kept(body);
  if (body.is_tagged("news", 3)) return of_ring(parse_news(body));
  if (body.is_tagged("digest", 4)) return of_ring(parse_digest(body));
  if (body.is_tagged("ask", 3) && body[1].is_atom()) {
    if (auto ids = to_ids(body[2])) return PeerBody(PeerAsk{body[1], std::move(*ids)});
  }
  if (body.is_tagged("answer", 4) && body[1].is_atom()) {
    auto here = to_ids(body[2]);
    auto not_here = to_ids(body[3]);
    if (here && not_here) return PeerBody(PeerAnswer{body[1], std::move(*here), std::move(*not_here)});
  }
  return expected("a message of its grammar", body);
}

}  // namespace

std::string_view to_string(MoveStep step) { return kSteps[static_cast<std::size_t>(step)]; }

Term encode_peer_message(const PeerMessage& message) {
  return peer_message(message.from, std::visit(BodyEncoder{}, message.body));
}

Term peer_message(const Term& from, Term body) { return tuple(atom("supervisorring_peer"), from, std::move(body)); }

Result<PeerMessage> decode_peer_message(const Term& message) {
  if (!message.is_tagged("supervisorring_peer", 3) || !message[1].is_pid())
    return expected("{supervisorring_peer, Pid, Body}", message);
  auto body = decode_body(message[2]);
  if (!body) return Error{body.error()};
  return PeerMessage{message[1], std::move(body).value()};
}

Term to_wire(const ChildSpec& spec) {
  if (!spec.significant) return to_tuple(spec);
  return Term::map({{atom("id"), spec.id},
                    {atom("start"), spec.start},
                    {atom("restart"), to_term(spec.restart)},
                    {atom("significant"), Term::boolean(true)},
                    {atom("shutdown"), spec.shutdown_term},
                    {atom("type"), to_term(spec.type)},
                    {atom("modules"), spec.modules}});
}

}  // namespace supervisorring
