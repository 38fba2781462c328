// Whatever decode() accepts: encodes, decodes to the same term, compares, prints; whatever parse_term()
// accepts prints to text that reads back the same.
#include "driver.h"
#include "supervisorring/external_format.h"

using namespace supervisorring;
using supervisorring::fuzz::hold;

namespace {

void try_bytes(BytesView bytes) {
  const Result<Decoded> decoded = decode(bytes);
  if (!decoded) {
    hold(decoded.error().find('\n') == std::string::npos, "an error is one line");
    return;
  }
  hold(decoded->bytes_used <= bytes.size(), "no byte is used that is not there");
  const Term& term = decoded->term;
  for (const AtomEncoding encoding : {AtomEncoding::minor_version_1, AtomEncoding::minor_version_2}) {
    const Bytes written = external_form(term, encoding);
    const Result<Term> again = decode_whole(written);
    hold(again.ok(), "what we write we read");
    hold(*again == term, "and it is the same term");
    hold(compare(*again, term) == 0 && compare_exact(term, *again) == 0, "equal terms compare 0");
    hold(again->hash() == term.hash(), "equal terms have equal hashes");
    hold(external_form(*again, encoding) == written, "what we write is written the same again");
  }
  const std::string text = to_text(term);
  hold(to_text(term, 20).size() <= 23, "a limit is kept");
  const Result<Term> parsed = parse_term(text);
  if (parsed) hold(*parsed == term, "what prints readably reads back the same");
}

void try_text(std::string_view text) {
  const Result<Term> term = parse_term(text);
  if (!term) {
    hold(term.error().find('\n') == std::string::npos, "an error is one line");
    return;
  }
  const Result<Term> again = parse_term(to_text(*term));
  hold(again.ok() && *again == *term, "what was read prints to what reads the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const BytesView bytes(reinterpret_cast<const char*>(data), size);
  try_bytes(bytes);
  try_text(bytes);
  return 0;
}

std::vector<std::string> fuzz_seeds() {
  std::vector<std::string> seeds;
  for (const char* text : {"{'$gen_call', [alias|x], increment}", "[1, -1, 256, -2147483649, 99999999999999999999, 1.5, -0.0, 1.0e300]",
                           "#{a => 1, \"b\" => <<1,2:3>>, {} => [], 1 => #{}, 1.0 => 'Q q'}", "[a, [b, [c|d]], fun m:f/3, <<\"text\">>, <<\"\xC3\xA9\"/utf8>>]",
                           "[16#FFFFFFFFFFFFFFFFFFFF, $a, $\\n, \"\\x{416}\", '\xD0\x96']", "{{{{{}}}}}"}) {
    const Result<Term> term = parse_term(text);
    hold(term.ok(), text);
    seeds.emplace_back(text);
    seeds.push_back(external_form(*term, AtomEncoding::minor_version_1));
    seeds.push_back(external_form(*term, AtomEncoding::minor_version_2));
  }
  const std::uint32_t words[] = {1, 2, 3, 4, 5};
  const Term node = atom("a@h");
  seeds.push_back(external_form(tuple(Term::pid(node, 1, 2, 3), Term::port(node, 1ull << 40, 3), Term::port(node, 7, 3), Term::reference(node, 9, words))));
  static const char kClosure[] = "\x83p\0\0\0\0\x01uuuuuuuuuuuuuuuu\0\0\0\x01\0\0\0\x01w\x01ma\x03" "a\x04Xw\x03" "a@h\0\0\0\x01\0\0\0\x02\0\0\0\x03j";
  std::string closure(kClosure, sizeof kClosure - 1);
  closure[5] = static_cast<char>(closure.size() - 2);
  hold(decode_whole(closure).ok(), "the closure among the seeds is one");
  seeds.push_back(closure);
  return seeds;
}

SUPERVISORRING_FUZZ_MAIN
