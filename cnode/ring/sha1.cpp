#include "ring/sha1.h"

#include <cstring>

// Deprecated in OpenSSL 3, and several times as fast for one block as what replaces them.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

namespace supervisorring {

// As FIPS 180-4 pads: 0x80, zeros, the length in bits as 64 bits. Done here, as what is hashed is mostly one block and nothing of it is
// secret: SHA1_Final also wipes what it used.
Digest sha1(BytesView bytes) {
  SHA_CTX context;
  SHA1_Init(&context);
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  std::size_t left = bytes.size();
  for (; left >= SHA_CBLOCK; at += SHA_CBLOCK, left -= SHA_CBLOCK) SHA1_Transform(&context, at);

  unsigned char last[2 * SHA_CBLOCK] = {};
  if (left != 0) std::memcpy(last, at, left);
  last[left] = 0x80;
  const std::size_t size = left + 1 + 8 <= SHA_CBLOCK ? SHA_CBLOCK : 2 * SHA_CBLOCK;
  const std::uint64_t bits = std::uint64_t{bytes.size()} * 8;
  for (unsigned i = 0; i < 8; ++i) last[size - 1 - i] = static_cast<unsigned char>(bits >> (8 * i));
  for (std::size_t block = 0; block < size; block += SHA_CBLOCK) SHA1_Transform(&context, last + block);

  Digest digest;
  const SHA_LONG words[] = {context.h0, context.h1, context.h2, context.h3, context.h4};
  for (std::size_t i = 0; i < digest.size(); ++i) digest[i] = static_cast<unsigned char>(words[i / 4] >> (24 - 8 * (i % 4)));
  return digest;
}

}  // namespace supervisorring
