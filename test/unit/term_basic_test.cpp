#include "supervisorring/external_format.h"

namespace supervisorring {
namespace {

TEST(Term, PrintsWhatItParsed) {
  for (const char* text : {"{ok,[1,2.5,\"s\",<<1,2:3>>,#{a => b},'Quoted',255,97,fun m:f/1]}", "[a,b|c]", "[]", "<<>>", "{}", "#{}", "-98765432109876543210987654321"}) {
    const Result<Term> term = parse_term(text);
    ASSERT_TRUE(term) << term.error();
    EXPECT_EQ(to_text(*term), text);
    const Result<Term> again = decode_whole(external_form(*term));
    ASSERT_TRUE(again) << again.error();
    EXPECT_EQ(*again, *term);
    EXPECT_EQ(again->hash(), term->hash());
  }
}

}  // namespace
}  // namespace supervisorring
