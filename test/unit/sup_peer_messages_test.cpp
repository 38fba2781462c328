#include "sup/peer_messages.h"

#include <gtest/gtest.h>

#include <array>

#include "term_test_kit.h"

namespace supervisorring {
namespace {

using test::T;

const Term kFrom = Term::pid(atom("a@h"), 5, 0, 1);
Term message(std::string_view body) { return tuple(atom("supervisorring_peer"), kFrom, T(body)); }

TEST(PeerMessages, WhatIsEncodedIsDecodedAgain) {
  const PeerBody bodies[] = {
      PeerHello{true, 1, atom("cnode"), {atom("Elixir.S")}, 26, {atom("move")}}, PeerLeaving{},
      PeerAsk{atom("Elixir.S"), {atom("a"), integer(1)}}, PeerAnswer{atom("Elixir.S"), {atom("a")}, {}},
      PeerMove{MoveStep::offer, atom("Elixir.S"), 7, T("{a,{m,f,[]},permanent,5000,worker,[m]}")},
      PeerMove{MoveStep::state, atom("Elixir.S"), 7, T("{state, 42}")}, PeerMove{MoveStep::taken, atom("Elixir.S"), 7, kFrom},
      PeerHello{false, 1, atom("cnode"), {}, 25, {atom("cordon")}, {{atom("b@h"), 2, true}}, {{atom("b@h"), 3, false}}},
      PeerKept{2, 3, {{atom("Elixir.S"), {atom("a"), integer(1)}}, {atom("t"), {}}}},
      parse_news(T("{news, [{'a@h', {1,2,3}, none}], [{'a@h', {1,2,3}, {1,2,4}}, {'b@h', none, {1,2,4}}]}")).value(),
      ring_message::SetsDigest{Bytes(20, 'd'), kFrom, Term::reference(atom("a@h"), 1, std::array<std::uint32_t, 3>{1, 2, 3})}};
  for (const PeerBody& body : bodies) {
    const Term term = encode_peer_message({kFrom, body});
    const auto decoded = decode_peer_message(term);
    ASSERT_TRUE(decoded) << decoded.error();
    EXPECT_EQ(encode_peer_message(*decoded), term);
  }
}

TEST(PeerMessages, WhatDoesNotFollowTheGrammarIsRefusedWithWhatCame) {
  const char* bodies[] = {"x", "{hello, 0, #{}}", "{hello, 1, #{}}", "{hello, 1, []}", "{hello, 1, #{kind => cnode, format => 25, supervisors => [1]}}",
                          "{hello, 1, #{kind => cnode, format => 24}}",
                          "{hello, 1, #{kind => cnode, format => 25, supervisors => [], features => [], drained => [{a, 0, true}]}}",
                          "{hello, 1, #{kind => cnode, format => 25, supervisors => [], features => [], drained => [{a, 1, yes}]}}",
                          "{hello, 1, #{kind => cnode, format => 25, supervisors => [], features => [], drained => [{a, 1, true} | b]}}", "{ask, \"S\", []}", "{ask, s, [a|b]}", "{answer, s, [], x}", "{move, offer, s, -1, {}}",
                          "{move, jump, s, 1, []}", "{move, taken, s, 1, not_a_pid}", "{move, state, s, 1, 5}", "{move, offer, \"s\", 1, {}}", "{leaving, now}",
                          "{hello, 1, #{kind => cnode, format => 25, supervisors => [], features => [], cordoned => [{a, 1}]}}", "{kept, 0, 1, []}", "{kept, 2, 1, []}",
                          "{news, [], x}", "{news, [{a, {1,2,3}, none}], []}", "{news, [], [{'a@h', {1,2}, none}]}", "{news, [], [{'a@h', {1,2,3}}]}", "{news, [{'a@h', {1,2,3}, none} | b], []}",
                          "{kept, 1, 100000, []}", "{kept, 1, 1, x}", "{kept, 1, 1, [{\"s\", []}]}", "{kept, 1, 1, [{s, [a | b]}]}", "{kept, 1, 1, [{s}]}",
                          "{digest, <<1,2,3>>, a, b}", "{digest, x, a, b}", "{digest, <<1,2,3>>}"};
  for (const char* body : bodies) {
    const auto decoded = decode_peer_message(message(body));
    ASSERT_FALSE(decoded) << body;
    EXPECT_NE(decoded.error().find("expected"), std::string::npos);
  }
  EXPECT_FALSE(decode_peer_message(T("{supervisorring_peer, me, {leaving}}")));
}

TEST(PeerMessages, UnknownCapabilitiesAreIgnored) {
  EXPECT_TRUE(decode_peer_message(message("{hello, 9, #{kind => cnode, format => 26, supervisors => [], features => [later], more => 1}}")));
}

TEST(PeerMessages, AnAskForTooManyIdsIsRefused) {
  std::vector<Term> ids(kMaxIdsInAMessage + 1, atom("x"));
  EXPECT_FALSE(decode_peer_message(tuple(atom("supervisorring_peer"), kFrom, tuple(atom("ask"), atom("s"), Term::list(ids)))));
  EXPECT_FALSE(decode_peer_message(tuple(atom("supervisorring_peer"), kFrom, tuple(atom("kept"), integer(1), integer(1), list({tuple(atom("s"), Term::list(ids))})))));
}

}  // namespace
}  // namespace supervisorring
