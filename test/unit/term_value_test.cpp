// Terms made here: factories, equality, depth, text.
#include <thread>

#include "term_test_kit.h"

namespace supervisorring::test {
namespace {

TEST(Term, IsSixteenBytes) { EXPECT_EQ(sizeof(Term), 16u); }

TEST(Term, BigIntegersThatFitAreIntegers) {
  EXPECT_EQ(Term::big(false, BytesView("\x05\0\0\0\0\0\0\0\0\0", 10)), integer(5));
  EXPECT_EQ(Term::unsigned_integer(UINT64_MAX), T("18446744073709551615"));
  EXPECT_EQ(Term::big(true, BytesView("\0\0\0\0\0\0\0\x80", 8)).to_int64(), INT64_MIN);
  EXPECT_EQ(Term::big(false, BytesView("\0\0\0\0\0\0\0\x80", 8)).type(), TermType::big_integer);
  EXPECT_EQ(Term::big(true, ""), integer(0));
}

TEST(Term, ListsThatAreTailsAreJoined) {
  EXPECT_EQ(Term::list({integer(1)}, list({integer(2), integer(3)})), T("[1, 2, 3]"));
  EXPECT_EQ(Term::list({integer(1)}, Term::list({integer(2)}, atom("x"))), T("[1, 2 | x]"));
  EXPECT_EQ(Term::list({}, atom("x")), atom("x"));
  EXPECT_EQ(Term::list({}), Term());
}

TEST(Term, UnusedBitsAreCleared) {
  EXPECT_EQ(Term::bits("\xFF", 3), T("<<7:3>>"));
  EXPECT_EQ(Term::bits("", 3), T("<<>>"));
  EXPECT_TRUE(Term::bits("", 3).is_binary());
}

TEST(Term, OfEqualKeysTheLastWins) {
  EXPECT_EQ(to_text(Term::map({{atom("a"), integer(1)}, {atom("b"), integer(2)}, {atom("a"), integer(3)}})), "#{a => 3,b => 2}");
}

TEST(Term, FindLooksAmongKeysOfEveryType) {
  std::vector<Term::Pair> pairs;
  for (int i = 0; i < 100; ++i) pairs.emplace_back(atom("k" + std::to_string(i)), integer(i));
  for (const char* key : {"1", "1.0", "{a}", "[]", "<<1>>", "\"s\"", "#{}"}) pairs.emplace_back(T(key), atom("other"));
  const Term map = Term::map(pairs);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(map.find("k" + std::to_string(i))->to_int64(), i);
  EXPECT_EQ(map.find("k100"), nullptr);
  EXPECT_EQ(map.find(""), nullptr);
  for (const char* key : {"1", "1.0", "{a}", "[]", "<<1>>", "\"s\"", "#{}"}) EXPECT_NE(map.find(T(key)), nullptr) << key;
}

TEST(Term, HundredsOfThousandsOfLevelsAreMadeComparedHashedWrittenAndFreed) {
  const auto deep = [] {
    Term term = atom("bottom");
    for (int i = 0; i < 300'000; ++i) {
      switch (i % 4) {
        case 0: term = list({term, integer(i)}); break;
        case 1: term = tuple(integer(i), term); break;
        case 2: term = Term::map({{atom("k"), term}}); break;
        default: term = Term::list({integer(i)}, tuple(term)); break;
      }
    }
    return term;
  };
  const Term a = deep();
  const Term b = deep();
  EXPECT_EQ(a, b);
  EXPECT_EQ(compare(a, b), 0);
  EXPECT_EQ(a.hash(), b.hash());
  EXPECT_EQ(external_form(a), external_form(b));
  EXPECT_EQ(to_text(a), to_text(b));
}

TEST(Term, AtomsFromManyThreadsAreTheSameAtoms) {
  std::vector<std::thread> threads;
  std::vector<Term> made(4);
  for (std::size_t t = 0; t < made.size(); ++t) {
    threads.emplace_back([&made, t] {
      std::vector<Term> all;
      for (int i = 0; i < 5000; ++i) all.push_back(atom("atom_" + std::to_string(i % 3000)));
      made[t] = Term::list(std::move(all));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Term& list : made) EXPECT_EQ(list, made[0]);
  EXPECT_NE(atom("a"), atom("b"));
}

TEST(Term, EqualTermsHaveEqualHashes) {
  EXPECT_EQ(Term::real(0.0), Term::real(-0.0));
  EXPECT_EQ(Term::real(0.0).hash(), Term::real(-0.0).hash());
  const std::uint32_t words[] = {1, 2, 3, 0, 0};
  const Term five = Term::reference(atom("a@h"), 1, words);
  const Term three = Term::reference(atom("a@h"), 1, std::span(words, 3));
  EXPECT_EQ(five, three);
  EXPECT_EQ(five.hash(), three.hash());
  EXPECT_NE(T("1"), T("1.0"));
}

TEST(Term, ComparisonIsATotalOrder) {
  TermGenerator generate(5);
  std::vector<Term> terms;
  for (int i = 0; i < 150; ++i) terms.push_back(generate.term(3));
  for (const auto order : {compare, compare_exact}) {
    std::sort(terms.begin(), terms.end(), [order](const Term& a, const Term& b) { return order(a, b) < 0; });
    for (std::size_t i = 0; i < terms.size(); ++i) {
      for (std::size_t j = i; j < terms.size(); ++j) {
        ASSERT_LE(order(terms[i], terms[j]), 0) << to_text(terms[i]) << " / " << to_text(terms[j]);
        ASSERT_EQ(order(terms[j], terms[i]), -order(terms[i], terms[j]));
      }
    }
  }
}

TEST(Term, TextOfListsBinariesAndAtoms) {
  EXPECT_EQ(T("\"\xD0\x96x\"").as_text(), "\xD0\x96x");
  EXPECT_EQ(T("<<\"\xD0\x96\"/utf8>>").as_text(), "\xD0\x96");
  EXPECT_EQ(T("abc").as_text(), "abc");
  EXPECT_EQ(T("[]").as_text(), "");
  EXPECT_FALSE(T("[1|2]").as_text());
  EXPECT_FALSE(T("<<255>>").as_text());
  EXPECT_FALSE(T("[-1]").as_text());
}

TEST(TermText, WhatIsPrintedIsReadBackTheSame) {
  TermGenerator generate(2, true);
  for (int i = 0; i < 3000; ++i) {
    const Term term = generate.term();
    ASSERT_EQ(T(to_text(term)), term) << to_text(term);
    for (const AtomEncoding encoding : {AtomEncoding::minor_version_1, AtomEncoding::minor_version_2}) {
      const Result<Term> again = decode_whole(external_form(term, encoding));
      ASSERT_TRUE(again) << again.error();
      ASSERT_EQ(*again, term);
    }
  }
}

TEST(TermText, IdentifiersPrintForPeople) {
  const std::uint32_t words[] = {1, 2, 3};
  EXPECT_EQ(to_text(Term::pid(atom("a@h"), 1, 2, 3)), "<a@h.1.2>");
  EXPECT_EQ(to_text(Term::reference(atom("a@h"), 9, words)), "#Ref<a@h.3.2.1>");
  EXPECT_EQ(to_text(Term::port(atom("a@h"), 5, 9)), "#Port<a@h.5>");
}

TEST(TermText, ALimitCutsAtACharacter) {
  EXPECT_EQ(to_text(T("[aaaa,bbbb]"), 7), "[aaaa,b...");
  EXPECT_EQ(to_text(T("'\xD0\x96\xD0\x96'"), 4), "'\xD0\x96...");
  EXPECT_EQ(to_text(T("[a]"), 3), "[a]");
  EXPECT_EQ(to_text(binary(Bytes(1 << 20, '\0')), 10).size(), 13u);
}

TEST(TermText, ReadsErlangSyntax) {
  EXPECT_EQ(T(" { ok , [ 1 , 2 | x ] } . "), T("{ok,[1,2|x]}"));
  EXPECT_EQ(T("[1|[2|[3|[]]]]"), T("[1,2,3]"));
  EXPECT_EQ(T("[1|[2,x|[{a}|y]]]"), T("[1,2,x,{a}|y]"));
  EXPECT_EQ(T("[16#FF, 2#101, 36#Zz, -16#10, +5, $a, $\\n, $\\s, $\\\\]"), list({integer(255), integer(5), integer(1295), integer(-16), integer(5), integer('a'), integer(10), integer(32), integer('\\')}));
  EXPECT_EQ(T("\"\\x41\\x{416}\\101\\^A\""), list({integer('A'), integer(0x416), integer('A'), integer(1)}));
  EXPECT_EQ(T("<<1, \"ab\", $c, 258:16, -1:4, 5:3>>"), Term::bits("\x01""abc\x01\x02\xFA", 7));
  EXPECT_EQ(T("<<\"\xC3\xA9\">>"), binary("\xE9"));
  EXPECT_EQ(T("<<\"\", 1>>"), binary("\x01"));
  EXPECT_EQ(T("-1.5e-3").to_double(), -1.5e-3);
  EXPECT_EQ(T("fun 'a b':c/2"), Term::export_fun(atom("a b"), atom("c"), 2));
  EXPECT_EQ(T("#{ a => 1 , b=>#{} }").size(), 2u);
}

TEST(TermText, SaysWhereAndWhatWasExpected) {
  const auto refusal = [](std::string_view text) {
    const Result<Term> term = parse_term(text);
    EXPECT_FALSE(term) << text;
    return term ? "" : term.error();
  };
  EXPECT_EQ(refusal("{a, b"), "Erlang term: expected ',' or '}', found the end of the text at position 6");
  EXPECT_EQ(refusal("[a b]"), "Erlang term: expected ',', '|' or ']', found 'b' at position 4");
  EXPECT_EQ(refusal("#{a = 1}"), "Erlang term: expected '=>', found '=' at position 5");
  EXPECT_EQ(refusal("a b"), "Erlang term: expected the end of the text, found 'b' at position 3");
  EXPECT_NE(refusal("MySup").find("needs its quotes"), std::string::npos);
  EXPECT_NE(refusal("if").find("reserved"), std::string::npos);
  for (const char* text : {"", " ", "{,}", "[|a]", "[a|b,c]", "#{a}", "#{a=>}", "<<", "<<1", "<<1:99999>>", "<<300000000000000000000>>", "\"a", "'a", "\"\\", "$", "1.0e999", "37#1", "16#", "fun", "fun a", "fun a:b", "fun a:b/256", "<0.1.2>", "\xFF", "'\xFF'", "\"\\x{D800}\"", "a.b", "{a}}", "a,"}) {
    EXPECT_EQ(refusal(text).find('\n'), std::string::npos) << text;
  }
  refusal(std::string(256, 'a'));
  refusal(std::string(100'000, '{'));
  refusal(std::string(10'000, '9'));
}

TEST(TermText, LongBigIntegersPrintInBaseSixteenAndReadBack) {
  const Term huge = Term::big(true, Bytes(100'000, '\x1F'));
  EXPECT_EQ(to_text(huge).substr(0, 8), "-16#1F1F");
  EXPECT_EQ(T(to_text(huge)), huge);
}

}  // namespace
}  // namespace supervisorring::test
