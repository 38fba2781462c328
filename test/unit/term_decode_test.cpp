// decode(): what is refused, and that nothing hostile costs more than its bytes.
#include "term_test_kit.h"

namespace supervisorring::test {
namespace {

std::string refusal(BytesView bytes) {
  const Result<Term> term = decode_whole(bytes);
  EXPECT_FALSE(term) << to_hex(bytes).substr(0, 200);
  if (term) return "";
  EXPECT_EQ(term.error().find('\n'), std::string::npos);
  return term.error();
}

Term accepted(std::initializer_list<int> bytes) {
  const Result<Term> term = decode_whole(external(bytes));
  EXPECT_TRUE(term) << term.error();
  return term ? *term : Term();
}

TEST(TermDecode, EveryTruncationOfATermIsRefused) {
  TermGenerator generate(11);
  for (int i = 0; i < 200; ++i) {
    const Bytes bytes = external_form(generate.term());
    for (std::size_t size = 0; size < bytes.size(); ++size) refusal(BytesView(bytes).substr(0, size));
  }
}

TEST(TermDecode, BytesAfterTheTermAreLeftByDecodeAndRefusedByDecodeWhole) {
  const Bytes bytes = external({131, 97, 5, 131, 106});
  const Result<Decoded> decoded = decode(bytes);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->bytes_used, 3u);
  EXPECT_NE(refusal(bytes).find("2 bytes follow"), std::string::npos);
  const Result<Decoded> body = decode_body(BytesView(bytes).substr(1));
  ASSERT_TRUE(body);
  EXPECT_EQ(body->bytes_used, 2u);
}

TEST(TermDecode, HostileLengthsAreRefusedBeforeAnythingIsReserved) {
  for (const int tag : {105, 108, 109, 111, 116, 117, 112, 77}) refusal(external({131, tag, 0xFF, 0xFF, 0xFF, 0xFF, 1, 1, 1, 1}));
  for (const int tag : {100, 118, 107}) refusal(external({131, tag, 0xFF, 0xFF, 1, 1}));
  for (const int tag : {90, 114}) refusal(external({131, tag, 0xFF, 0xFF, 119, 1, 'a', 0, 0, 0, 1}));
}

TEST(TermDecode, NestedContainersCannotEachPromiseTheSameBytes) {
  Bytes bytes = external({131});
  for (int i = 0; i < 1000; ++i) bytes += external({105, 0, 0, 0x10, 0});  // each announces 4096 elements of the same rest
  EXPECT_NE(refusal(bytes).find("announced"), std::string::npos);
}

TEST(TermDecode, DepthIsLimited) {
  for (const auto& opening : {external({104, 1}), external({108, 0, 0, 0, 1}), external({116, 0, 0, 0, 1, 106}), external({108, 0, 0, 0, 2, 106})}) {
    const auto nested = [&](std::size_t depth) {
      Bytes bytes = external({131});
      for (std::size_t i = 0; i < depth; ++i) bytes += opening;
      bytes += external({106});
      if (opening[0] == 108) bytes.append(depth, 106);
      return bytes;
    };
    const Bytes deepest = nested(kMaxTermDepth);
    const Result<Term> term = decode_whole(deepest);
    ASSERT_TRUE(term) << term.error();
    EXPECT_EQ(external_form(*term), deepest);
    EXPECT_NE(refusal(nested(kMaxTermDepth + 1)).find("nested deeper"), std::string::npos);
    EXPECT_FALSE(decode_whole(nested(300'000)));
  }
}

TEST(TermDecode, AListThatIsTheTailOfAListContinuesIt) {
  Bytes bytes = external({131});
  constexpr std::size_t kCells = 200'000;
  for (std::size_t i = 0; i < kCells; ++i) bytes += external({108, 0, 0, 0, 1, 119, 1, 'a'});
  bytes += external({107, 0, 2, 'x', 'y'});
  const Result<Term> term = decode_whole(bytes);
  ASSERT_TRUE(term) << term.error();
  EXPECT_EQ(term->size(), kCells + 2);
  EXPECT_TRUE(term->is_proper_list());
  EXPECT_EQ((*term)[kCells + 1].to_int64(), 'y');
  EXPECT_EQ(accepted({131, 108, 0, 0, 0, 0, 97, 1}), T("1"));
  EXPECT_EQ(accepted({131, 108, 0, 0, 0, 1, 97, 1, 108, 0, 0, 0, 0, 108, 0, 0, 0, 1, 97, 2, 97, 3}), T("[1, 2 | 3]"));
}

TEST(TermDecode, AMapWithTwoEqualKeysIsRefused) {
  EXPECT_NE(refusal(external({131, 116, 0, 0, 0, 2, 97, 1, 106, 97, 1, 106})).find("two equal keys"), std::string::npos);
  EXPECT_EQ(accepted({131, 116, 0, 0, 0, 2, 97, 2, 106, 97, 1, 106}), T("#{1 => [], 2 => []}"));
  Bytes many = external({131, 116, 0, 0, 0xC3, 0x50});  // 50,000 pairs in falling order, the last key twice
  for (int i = 50'000; i > 1; --i) many += external({98, 0, 0, i >> 8, i & 255, 106});
  many += external({98, 0, 0, 0, 2, 106});
  EXPECT_NE(refusal(many).find("two equal keys"), std::string::npos);
}

TEST(TermDecode, MapsKeepTheOrderTheyCameInAndFindByKey) {
  const Bytes bytes = external({131, 116, 0, 0, 0, 3, 119, 1, 'b', 97, 2, 97, 9, 97, 3, 119, 1, 'a', 97, 1});
  const Result<Term> map = decode_whole(bytes);
  ASSERT_TRUE(map);
  EXPECT_EQ(external_form(*map), bytes);
  EXPECT_EQ(*map, T("#{a => 1, b => 2, 9 => 3}"));
  EXPECT_EQ(map->hash(), T("#{a => 1, b => 2, 9 => 3}").hash());
  EXPECT_EQ(map->find("a")->to_int64(), 1);
  EXPECT_EQ(map->find("b")->to_int64(), 2);
  EXPECT_EQ(map->find(integer(9))->to_int64(), 3);
  EXPECT_EQ(map->find("c"), nullptr);
  EXPECT_EQ(map->find(Term::real(9)), nullptr);
}

TEST(TermDecode, FloatsMustBeFinite) {
  refusal(external({131, 70, 0x7F, 0xF0, 0, 0, 0, 0, 0, 0}));
  refusal(external({131, 70, 0x7F, 0xF8, 0, 0, 0, 0, 0, 0}));
  const auto text_float = [](std::string text) {
    text.resize(31, '\0');
    return external({131, 99}) + text;
  };
  EXPECT_EQ(*decode_whole(text_float("1.50000000000000000000e+00")), T("1.5"));
  EXPECT_EQ(*decode_whole(text_float("-2.5e-3")), T("-2.5e-3"));
  for (const char* text : {"inf", "nan", "", "1.5x", "1e999", " 1.5"}) refusal(text_float(text));
}

TEST(TermDecode, AtomsAreUtf8OfAtMost255Characters) {
  refusal(external({131, 119, 1, 0xE9}));
  refusal(external({131, 119, 3, 0xED, 0xA0, 0x80}));  // a surrogate
  refusal(external({131, 119, 2, 0xC1, 0x81}));        // not the shortest form
  refusal(external({131, 118, 1, 0}) + Bytes(256, 'a'));
  refusal(external({131, 100, 1, 0}) + Bytes(256, 'a'));
  refusal(external({131, 100, 1, 0}) + Bytes(256, '\xE9'));
  EXPECT_EQ(accepted({131, 100, 0, 1, 0xE9}), T("'\xC3\xA9'"));
  EXPECT_EQ(accepted({131, 115, 1, 0xE9}), accepted({131, 119, 2, 0xC3, 0xA9}));
  std::string wide;
  for (int i = 0; i < 255; ++i) wide += "\xF0\x9F\x98\x80";
  const Bytes widest = external({131, 118, 1020 >> 8, 1020 & 255}) + wide;
  ASSERT_TRUE(decode_whole(widest));
  EXPECT_EQ(external_form(*decode_whole(widest), AtomEncoding::minor_version_1), widest);
}

TEST(TermDecode, OldTagsAreRead) {
  EXPECT_EQ(accepted({131, 103, 100, 0, 1, 'n', 0, 0, 0, 1, 0, 0, 0, 2, 3}), Term::pid(atom("n"), 1, 2, 3));
  EXPECT_EQ(accepted({131, 102, 100, 0, 1, 'n', 0, 0, 0, 1, 3}), Term::port(atom("n"), 1, 3));
  EXPECT_EQ(accepted({131, 89, 100, 0, 1, 'n', 0, 0, 0, 1, 0, 0, 0, 3}), Term::port(atom("n"), 1, 3));
  const std::uint32_t words[] = {7, 8};
  EXPECT_EQ(accepted({131, 101, 100, 0, 1, 'n', 0, 0, 0, 7, 3}), Term::reference(atom("n"), 3, std::span(words, 1)));
  EXPECT_EQ(accepted({131, 114, 0, 2, 100, 0, 1, 'n', 3, 0, 0, 0, 7, 0, 0, 0, 8}), Term::reference(atom("n"), 3, words));
  refusal(external({131, 90, 0, 0, 119, 1, 'n', 0, 0, 0, 1}));
  refusal(external({131, 90, 0, 6, 119, 1, 'n', 0, 0, 0, 1}) + Bytes(24, '\0'));
  refusal(external({131, 88, 97, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3}));  // a pid whose node is a number
}

TEST(TermDecode, IntegersNeedNotBeInTheirShortestForm) {
  EXPECT_EQ(accepted({131, 110, 1, 0, 5}), T("5"));
  EXPECT_EQ(accepted({131, 110, 0, 1}), T("0"));
  EXPECT_EQ(accepted({131, 111, 0, 0, 0, 3, 1, 1, 0, 0}), T("-1"));
  EXPECT_EQ(accepted({131, 110, 8, 1, 0, 0, 0, 0, 0, 0, 0, 0x80}).to_int64(), INT64_MIN);
}

TEST(TermDecode, WhatNoFlagOfOursOffersIsRefused) {
  EXPECT_NE(refusal(external({131, 80, 0, 0, 0, 1, 1})).find("COMPRESSED"), std::string::npos);
  EXPECT_NE(refusal(external({131, 82, 0})).find("ATOM_CACHE_REF"), std::string::npos);
  EXPECT_NE(refusal(external({131, 200})).find("unknown tag 200"), std::string::npos);
  EXPECT_NE(refusal(external({130, 106})).find("131"), std::string::npos);
  refusal("");
}

Bytes closure(BytesView free_variable, int size_error = 0) {
  const Bytes rest = external({1}) + Bytes(16, 'u') + external({0, 0, 0, 1, 0, 0, 0, 1, 119, 1, 'm', 97, 3, 97, 4, 88, 119, 1, 'n', 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3}) + Bytes(free_variable);
  const std::size_t size = rest.size() + 4 + static_cast<std::size_t>(size_error);
  return external({112, static_cast<int>(size >> 24 & 255), static_cast<int>(size >> 16 & 255), static_cast<int>(size >> 8 & 255), static_cast<int>(size & 255)}) + rest;
}

TEST(TermDecode, AClosureKeepsItsBytesAndItsFreeVariablesAreChecked) {
  const Bytes good = closure(external({106}));
  const Result<Term> term = decode_whole(external({131}) + good);
  ASSERT_TRUE(term) << term.error();
  EXPECT_EQ(term->bytes(), good);
  EXPECT_EQ(to_text(*term), "#Fun<m.3.4>");
  EXPECT_EQ(external_form(*term, AtomEncoding::minor_version_1), external({131}) + good);
  refusal(external({131}) + closure(external({119, 1, 0xE9})));
  refusal(external({131}) + closure(external({106}), 1) + external({106}));
  refusal(external({131}) + closure(external({106}), -1));
  refusal(external({131}) + closure(""));
}

TEST(TermDecode, ClosuresWithinClosuresCostNoMoreThanTheirBytes) {
  Bytes nested = closure(external({106}));
  for (int i = 0; i < 2000; ++i) nested = closure(nested);
  const Result<Term> term = decode_whole(external({131}) + nested);
  ASSERT_TRUE(term) << term.error();
  EXPECT_EQ(term->bytes(), nested);
}

TEST(TermDecode, RandomBytesNeverCrash) {
  std::mt19937 random(3);
  const char tags[] = {70, 77, 88, 89, 90, 97, 98, 99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 116, 117, 118, 119, 120, 0, 0, 0, 1, 2};
  for (int i = 0; i < 50'000; ++i) {
    Bytes bytes = external({131});
    for (std::size_t size = random() % 60; size > 0; --size) bytes += random() % 4 == 0 ? static_cast<char>(random()) : tags[random() % sizeof tags];
    const Result<Decoded> decoded = decode(bytes);
    if (decoded) {
      EXPECT_EQ(*decode_whole(external_form(decoded->term)), decoded->term);
    }
  }
}

}  // namespace
}  // namespace supervisorring::test
