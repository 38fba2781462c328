// erl_interface as the oracle: what ei writes we read as the term meant, what we write ei reads as that term.
#include <ei.h>

#include "term_test_kit.h"

namespace supervisorring::test {
namespace {

void put_name(const Term& atom, char* place) {
  const std::string_view name = atom.atom_name();
  std::copy(name.begin(), name.end(), place);
  place[name.size()] = '\0';
}

void ei_write_big(const Term& term, ei_x_buff* out) {
  const BytesView magnitude = term.magnitude();
  erlang_big* big = ei_alloc_big(static_cast<unsigned>(magnitude.size()));
  big->is_neg = term.is_negative();
  auto* digits = static_cast<unsigned char*>(big->digits);
  std::fill_n(digits, (magnitude.size() + 1) / 2 * 2, 0);
  std::copy(magnitude.begin(), magnitude.end(), digits);
  ASSERT_EQ(ei_x_encode_big(out, big), 0);
  ei_free_big(big);
}

void ei_write_identifier(const Term& term, ei_x_buff* out) {
  if (term.is_pid()) {
    erlang_pid pid{};
    put_name(term.node(), pid.node);
    pid.num = term.pid_id();
    pid.serial = term.pid_serial();
    pid.creation = term.creation();
    ASSERT_EQ(ei_x_encode_pid(out, &pid), 0);
  } else if (term.is_port()) {
    erlang_port port{};
    put_name(term.node(), port.node);
    port.id = term.port_id();
    port.creation = term.creation();
    ASSERT_EQ(ei_x_encode_port(out, &port), 0);
  } else {
    erlang_ref ref{};
    put_name(term.node(), ref.node);
    ref.len = static_cast<int>(term.reference_words().size());
    std::copy(term.reference_words().begin(), term.reference_words().end(), ref.n);
    ref.creation = term.creation();
    ASSERT_EQ(ei_x_encode_ref(out, &ref), 0);
  }
}

void ei_write(const Term& term, ei_x_buff* out) {
  switch (term.type()) {
    case TermType::nil: ei_x_encode_empty_list(out); break;
    case TermType::integer: ei_x_encode_longlong(out, term.to_int64()); break;
    case TermType::big_integer: ei_write_big(term, out); break;
    case TermType::real: ei_x_encode_double(out, term.to_double()); break;
    case TermType::atom: ei_x_encode_atom_len_as(out, term.atom_name().data(), static_cast<int>(term.atom_name().size()), ERLANG_UTF8, ERLANG_UTF8); break;
    case TermType::tuple:
      ei_x_encode_tuple_header(out, static_cast<long>(term.size()));
      for (const Term& element : term.elements()) ei_write(element, out);
      break;
    case TermType::list:
      ei_x_encode_list_header(out, static_cast<long>(term.size()));
      for (const Term& element : term.elements()) ei_write(element, out);
      ei_write(term.tail(), out);
      break;
    case TermType::map:
      ei_x_encode_map_header(out, static_cast<long>(term.size()));
      for (const auto& [key, value] : term.pairs()) {
        ei_write(key, out);
        ei_write(value, out);
      }
      break;
    case TermType::bitstring:
      if (term.is_binary()) {
        ei_x_encode_binary(out, term.bytes().data(), static_cast<int>(term.bytes().size()));
      } else {
        ei_x_encode_bitstring(out, term.bytes().data(), 0, (term.bytes().size() - 1) * 8 + term.bits_in_last_byte());
      }
      break;
    default: ei_write_identifier(term, out);
  }
}

class EiReader {
 public:
  explicit EiReader(const Bytes& bytes) : bytes_(bytes.data()), size_(static_cast<int>(bytes.size())) {
    int version = 0;
    good_ = ei_decode_version(bytes_, &at_, &version) == 0;
  }
  bool at_end() const { return good_ && at_ == size_; }

  Term term() {
    int type = 0, size = 0;
    check(ei_get_type(bytes_, &at_, &type, &size));
    if (!good_) return Term();
    switch (type) {
      case ERL_SMALL_INTEGER_EXT:
      case ERL_INTEGER_EXT:
      case ERL_SMALL_BIG_EXT:
      case ERL_LARGE_BIG_EXT: return integer_of(static_cast<unsigned>(size));
      case NEW_FLOAT_EXT:
      case ERL_FLOAT_EXT: {
        double value = 0;
        check(ei_decode_double(bytes_, &at_, &value));
        return Term::real(value);
      }
      case ERL_ATOM_EXT:
      case ERL_SMALL_ATOM_EXT:
      case ERL_ATOM_UTF8_EXT:
      case ERL_SMALL_ATOM_UTF8_EXT: {
        char name[MAXATOMLEN_UTF8];
        check(ei_decode_atom_as(bytes_, &at_, name, sizeof name, ERLANG_UTF8, nullptr, nullptr));
        return atom(name);
      }
      case ERL_SMALL_TUPLE_EXT:
      case ERL_LARGE_TUPLE_EXT: check(ei_decode_tuple_header(bytes_, &at_, &size)); return Term::tuple(terms(size));
      case ERL_NIL_EXT: check(ei_decode_list_header(bytes_, &at_, &size)); return Term();
      case ERL_STRING_EXT: {
        std::string text(static_cast<std::size_t>(size) + 1, '\0');
        check(ei_decode_string(bytes_, &at_, text.data()));
        text.pop_back();
        return Term::string(text);
      }
      case ERL_LIST_EXT: {
        check(ei_decode_list_header(bytes_, &at_, &size));
        std::vector<Term> elements = terms(size);
        return Term::list(std::move(elements), term());
      }
      case ERL_MAP_EXT: return map();
      case ERL_BINARY_EXT:
      case ERL_BIT_BINARY_EXT: {
        const char* place = nullptr;
        unsigned offset = 0;
        std::size_t bits = 0;
        check(ei_decode_bitstring(bytes_, &at_, &place, &offset, &bits));
        return Term::bits(BytesView(place, (bits + 7) / 8), bits == 0 ? 8 : static_cast<unsigned>((bits - 1) % 8 + 1));
      }
      default: return identifier(type);
    }
  }

 private:
  void check(int result) {
    EXPECT_EQ(result, 0) << "at byte " << at_;
    good_ = good_ && result == 0;
  }
  std::vector<Term> terms(int count) {
    std::vector<Term> all;
    for (int i = 0; i < count; ++i) all.push_back(term());
    return all;
  }
  Term map() {
    int size = 0;
    check(ei_decode_map_header(bytes_, &at_, &size));
    std::vector<Term::Pair> pairs;
    for (int i = 0; i < size; ++i) {
      Term key = term();
      pairs.emplace_back(std::move(key), term());
    }
    return Term::map(std::move(pairs));
  }
  Term integer_of(unsigned size) {
    long long value = 0;
    int at = at_;
    if (ei_decode_longlong(bytes_, &at, &value) == 0) {
      at_ = at;
      return integer(value);
    }
    erlang_big* big = ei_alloc_big(size);
    check(ei_decode_big(bytes_, &at_, big));
    const Term term = Term::big(big->is_neg, BytesView(static_cast<const char*>(big->digits), size));
    ei_free_big(big);
    return term;
  }
  Term identifier(int type) {
    if (type == ERL_PID_EXT || type == ERL_NEW_PID_EXT) {
      erlang_pid pid;
      check(ei_decode_pid(bytes_, &at_, &pid));
      return Term::pid(atom(pid.node), pid.num, pid.serial, pid.creation);
    }
    if (type == ERL_PORT_EXT || type == ERL_NEW_PORT_EXT || type == ERL_V4_PORT_EXT) {
      erlang_port port;
      check(ei_decode_port(bytes_, &at_, &port));
      return Term::port(atom(port.node), port.id, port.creation);
    }
    erlang_ref ref;
    check(ei_decode_ref(bytes_, &at_, &ref));
    return Term::reference(atom(ref.node), ref.creation, std::span<const std::uint32_t>(ref.n, static_cast<std::size_t>(ref.len)));
  }

  const char* bytes_;
  int size_;
  int at_ = 0;
  bool good_ = true;
};

TEST(TermAndEi, WhatEiWritesIsReadAsTheTermMeant) {
  TermGenerator generate(21);
  for (int i = 0; i < 2000; ++i) {
    const Term term = generate.term();
    ei_x_buff out;
    ei_x_new_with_version(&out);
    ei_write(term, &out);
    const Result<Term> read = decode_whole(BytesView(out.buff, static_cast<std::size_t>(out.index)));
    ei_x_free(&out);
    ASSERT_TRUE(read) << read.error();
    ASSERT_EQ(*read, term);
  }
}

TEST(TermAndEi, WhatWeWriteEiReadsAsTheSameTerm) {
  TermGenerator generate(22);
  for (int i = 0; i < 2000; ++i) {
    const Term term = generate.term();
    for (const AtomEncoding encoding : {AtomEncoding::minor_version_1, AtomEncoding::minor_version_2}) {
      const Bytes bytes = external_form(term, encoding);
      EiReader reader(bytes);
      ASSERT_EQ(reader.term(), term);
      ASSERT_TRUE(reader.at_end());
    }
  }
}

TEST(TermAndEi, AListOfBytesIsAStringUpToItsLongestLength) {
  EXPECT_EQ(external_form(Term::string(Bytes(65535, 'a')))[1], 107);
  EXPECT_EQ(external_form(Term::string(Bytes(65536, 'a')))[1], 108);
  for (const std::size_t size : {65535u, 65536u}) {
    const Bytes bytes = external_form(Term::string(Bytes(size, 'a')));
    EiReader reader(bytes);
    EXPECT_EQ(reader.term(), Term::string(Bytes(size, 'a')));
    EXPECT_TRUE(reader.at_end());
  }
}

}  // namespace
}  // namespace supervisorring::test
