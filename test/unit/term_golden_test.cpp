// Against what a real OTP wrote: test/golden.
#include <fstream>
#include <nlohmann/json.hpp>

#include "term_test_kit.h"

namespace supervisorring::test {
namespace {

nlohmann::json wire() {
  std::ifstream file(SR_TEST_DIR "/golden/wire-otp25.json");
  return nlohmann::json::parse(file);
}

TEST(TermGolden, EveryCapturedTermIsReencodedByteForByte) {
  int rows = 0;
  const nlohmann::json all = wire();
  for (const auto& row : all["terms"]) {
    const Bytes bytes = from_hex(row["hex"].get<std::string>());
    const Result<Term> term = decode_whole(bytes);
    ASSERT_TRUE(term) << row["name"] << ": " << term.error();
    EXPECT_EQ(to_hex(external_form(*term, AtomEncoding::minor_version_1)), to_hex(bytes)) << row["name"];
    EXPECT_FALSE(to_text(*term).empty());
    ++rows;
  }
  EXPECT_EQ(rows, 41);
}

TEST(TermGolden, EveryFrameCapturedFromOtpIsReencodedByteForByte) {
  int frames = 0;
  const nlohmann::json all = wire();
  for (const auto& row : all["frames"]) {
    if (!row.contains("hex") || row.contains("hs")) continue;
    const Bytes bytes = from_hex(row["hex"].get<std::string>());
    ASSERT_EQ(bytes.at(0), 112) << row["name"];
    // Frames that a C node answered in the capture mix both ways of writing atoms: those are the same terms only.
    const bool from_otp = row["dir"].get<std::string>().starts_with("OTP25");
    Bytes again(1, 'p');
    for (BytesView rest = BytesView(bytes).substr(1); !rest.empty();) {
      const Result<Decoded> decoded = decode(rest);
      ASSERT_TRUE(decoded) << row["name"] << ": " << decoded.error();
      encode(decoded->term, AtomEncoding::minor_version_2, again);
      EXPECT_EQ(*decode_whole(external_form(decoded->term)), decoded->term);
      rest.remove_prefix(decoded->bytes_used);
    }
    if (from_otp) {
      EXPECT_EQ(to_hex(again), to_hex(bytes)) << row["name"];
    }
    ++frames;
  }
  EXPECT_GE(frames, 20);
}

struct OrderRow {
  bool equals_before;
  Bytes minor_1, minor_2;
  Term term;
};

std::vector<OrderRow> order_rows() {
  std::vector<OrderRow> rows;
  std::ifstream file(SR_TEST_DIR "/golden/term-order-otp25.txt");
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    const std::size_t space = line.find(' ', 2);
    OrderRow row{line[0] == '=', from_hex(line.substr(2, space - 2)), from_hex(line.substr(space + 1)), Term()};
    const Result<Term> term = decode_whole(row.minor_2);
    EXPECT_TRUE(term.ok()) << line.substr(0, 200) << (term.ok() ? "" : term.error());
    if (term) row.term = *term;
    rows.push_back(std::move(row));
  }
  return rows;
}

TEST(TermGolden, BothMinorVersionsAreWrittenAsOtpWritesThem) {
  const auto rows = order_rows();
  EXPECT_GT(rows.size(), 280u);
  for (const OrderRow& row : rows) {
    const Result<Term> other = decode_whole(row.minor_1);
    ASSERT_TRUE(other) << other.error();
    if (to_text(row.term).find("#Fun<") != std::string::npos) continue;  // a closure keeps the bytes it came as
    EXPECT_EQ(*other, row.term) << to_text(row.term, 200);
    EXPECT_EQ(other->hash(), row.term.hash());
    EXPECT_EQ(to_hex(external_form(row.term, AtomEncoding::minor_version_1)).substr(0, 2000), to_hex(row.minor_1).substr(0, 2000)) << to_text(row.term, 200);
    EXPECT_EQ(external_form(row.term, AtomEncoding::minor_version_2), row.minor_2) << to_text(row.term, 200);
  }
}

TEST(TermGolden, TheOrderIsOtps) {
  const auto rows = order_rows();
  std::vector<int> place;  // equal terms share one
  for (const OrderRow& row : rows) place.push_back(place.empty() ? 0 : place.back() + (row.equals_before ? 0 : 1));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t j = 0; j < rows.size(); ++j) {
      const int expected = place[i] < place[j] ? -1 : place[i] > place[j] ? 1 : 0;
      ASSERT_EQ(compare(rows[i].term, rows[j].term), expected) << to_text(rows[i].term, 200) << " and " << to_text(rows[j].term, 200);
      const int exact = compare_exact(rows[i].term, rows[j].term);
      ASSERT_EQ(exact == 0, rows[i].term == rows[j].term);
      ASSERT_EQ(exact, -compare_exact(rows[j].term, rows[i].term));
    }
  }
}

TEST(TermGolden, MapsMadeHereHoldTheirKeysInOtpsOrder) {
  std::mt19937 random(7);
  int maps = 0;
  for (const OrderRow& row : order_rows()) {
    if (!row.term.is_map() || row.term.size() > 32) continue;
    std::vector<Term::Pair> pairs(row.term.pairs().begin(), row.term.pairs().end());
    std::shuffle(pairs.begin(), pairs.end(), random);
    EXPECT_EQ(external_form(Term::map(pairs), AtomEncoding::minor_version_2), row.minor_2) << to_text(row.term);
    ++maps;
  }
  EXPECT_GT(maps, 40);
}

TEST(TermGolden, TextIsWhatOtpPrints) {
  std::ifstream file(SR_TEST_DIR "/golden/term-text-otp25.txt");
  int rows = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    const std::size_t space = line.find(' ');
    const Result<Term> term = decode_whole(from_hex(line.substr(0, space)));
    ASSERT_TRUE(term) << term.error();
    EXPECT_EQ(to_text(*term), line.substr(space + 1));
    EXPECT_EQ(T(line.substr(space + 1)), *term) << line.substr(space + 1);
    ++rows;
  }
  EXPECT_GT(rows, 400);
}

}  // namespace
}  // namespace supervisorring::test
