#include "ring/ring_message.h"

#include "ring/ring_file.h"
#include "ring/sha1.h"

namespace supervisorring {

namespace {

constexpr std::size_t kShown = 160;
using namespace ring_message;

Error unexpected(const Term& came) {
  return Error{"expected reconcile, add_node, del_node, get_all, get_up or an is_up, got " + to_text(came, kShown)};
}

Result<RingMessage> parse_reconcile(const Term& request) {
  const Term& ring = request[1];
  const Term* name = ring.is_map() ? ring.find("__struct__") : nullptr;
  if (name == nullptr || !name->is_atom(kNanoRingName)) return Error{"expected a %NanoRing{} in reconcile, got " + to_text(ring, kShown)};
  if (!request[2].is_pid() || !request[3].is_reference()) return Error{"expected a pid and a reference in reconcile, got " + to_text(request, kShown)};
  if (!is_member_name(request[2].node())) return Error{"expected a pid of a named node in reconcile, got one of " + to_text(request[2].node(), kShown)};
  const Term* node_set = ring.find("node_set");
  const Term* up_set = ring.find("up_set");
  if (node_set == nullptr || up_set == nullptr) return Error{"expected node_set and up_set in %NanoRing{}, got " + to_text(ring, kShown)};
  const auto nodes = LwwStruct::from_term(*node_set);
  if (!nodes) return Error{"node_set: " + nodes.error()};
  const auto up = LwwStruct::from_term(*up_set);
  if (!up) return Error{"up_set: " + up.error()};
  auto node_names = member_set(*nodes);
  if (!node_names) return Error{"node_set: " + node_names.error()};
  auto up_names = member_set(*up);
  if (!up_names) return Error{"up_set: " + up_names.error()};
  return RingMessage{Reconcile{*std::move(node_names), *std::move(up_names), nodes->form, request[2], request[3]}};
}

Result<RingMessage> parse_cast(const Term& request) {
  if (request.is_tagged("reconcile", 4)) return parse_reconcile(request);
  const bool add = request.is_tagged("add_node", 2);
  if (!add && !request.is_tagged("del_node", 2)) return unexpected(request);
  if (!is_member_name(request[1])) return Error{"expected a node name like 'a@b', got " + to_text(request, kShown)};
  if (add) return RingMessage{AddNode{request[1]}};
  return RingMessage{DelNode{request[1]}};
}

Result<RingMessage> parse_call(const Term& message) {
  const Term& from = message[1];
  if (!from.is_tuple(2) || !from[0].is_pid()) return Error{"expected {Pid, Tag} as the caller, got " + to_text(from, kShown)};
  if (message[2].is_atom("get_all")) return RingMessage{GetSet{from, RingSet::nodes}};
  if (message[2].is_atom("get_up")) return RingMessage{GetSet{from, RingSet::up}};
  return RingMessage{UnknownCall{from}};
}

Term cast_message(Term request) { return tuple(atom("$gen_cast"), std::move(request)); }

}  // namespace

Result<RingMessage> parse_ring_message(const Term& message) {
  if (message.is_tagged("$gen_cast", 2)) return parse_cast(message[1]);
  if (message.is_tagged("$gen_call", 3)) return parse_call(message);
  if (message.is_tuple(2) && message[0].is_reference() && message[1].is_atom("is_up")) return RingMessage{Ack{message[0]}};
  return unexpected(message);
}

Result<LwwSet> parse_set_answer(const Term& answer) {
  const auto parsed = LwwStruct::from_term(answer);
  if (!parsed) return Error{parsed.error()};
  return member_set(*parsed);
}

Term nano_ring_at(const Term& node) { return tuple(atom(kNanoRingName), node); }

Term ring_term(Term node_set, Term up_set) {
  return Term::map_as_received({{atom("__struct__"), atom(kNanoRingName)}, {atom("node_set"), std::move(node_set)}, {atom("up_set"), std::move(up_set)}});
}

Term reconcile_message(const Term& ring, const Term& from, const Term& reference) {
  return cast_message(tuple(atom("reconcile"), ring, from, reference));
}

Term add_node_message(const Term& node) { return cast_message(tuple(atom("add_node"), node)); }
Term del_node_message(const Term& node) { return cast_message(tuple(atom("del_node"), node)); }
Term ack_message(const Term& reference) { return tuple(reference, atom("is_up")); }

Term news_body(const LwwSet& nodes, const LwwSet& up) { return tuple(atom("news"), nodes.to_entries(), up.to_entries()); }

Bytes digest_of_sets(const LwwSet& nodes, const LwwSet& up) {
  Bytes text;
  nodes.append_text(text);
  up.append_text(text);
  const Digest digest = sha1(text);
  return Bytes(reinterpret_cast<const char*>(digest.data()), digest.size());
}

Term digest_body(const Bytes& digest, const Term& from, const Term& reference) { return tuple(atom("digest"), Term::binary(digest), from, reference); }

Result<SetsDigest> parse_digest(const Term& body) {
  const bool fits = body.is_tagged("digest", 4) && body[1].is_binary() && body[1].bytes().size() == sizeof(Digest) && body[2].is_pid() && body[3].is_reference();
  if (!fits) return Error{"expected {digest, Digest, Pid, Ref} with a digest of " + std::to_string(sizeof(Digest)) + " bytes, got " + to_text(body, kShown)};
  return SetsDigest{Bytes(body[1].bytes()), body[2], body[3]};
}

Result<News> parse_news(const Term& body) {
  if (!body.is_tagged("news", 3)) return Error{"expected {news, Nodes, Up}, got " + to_text(body, kShown)};
  News news;
  for (const auto& [entries, set, name] : {std::tuple(&body[1], &news.nodes, "nodes"), std::tuple(&body[2], &news.up, "up")}) {
    auto parsed = LwwSet::from_entries(*entries);
    if (!parsed) return Error{std::string("news of ") + name + ": " + parsed.error()};
    for (const auto& [element, stamps] : parsed->entries())
      if (!is_member_name(element)) return Error{std::string("news of ") + name + ": expected a node name like 'a@b', got " + to_text(element, kShown)};
    *set = *std::move(parsed);
  }
  return news;
}

}  // namespace supervisorring
