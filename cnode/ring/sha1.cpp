#include "ring/sha1.h"

// Deprecated in OpenSSL 3, and several times as fast for one block as what replaces them.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include <bit>
#include <cstdint>
#include <cstring>

namespace supervisorring {

namespace {

constexpr std::size_t kOneBlock = 55;  // bytes that fit one block with the padding

// The digest of a short text is one transformation of one block, padded here: less than half the time of Update and Final.
Digest sha1_of_block(BytesView bytes) {
  unsigned char block[64] = {};
  std::memcpy(block, bytes.data(), bytes.size());
  block[bytes.size()] = 0x80;
  const std::size_t bits = 8 * bytes.size();
  block[62] = static_cast<unsigned char>(bits >> 8);
  block[63] = static_cast<unsigned char>(bits);
  SHA_CTX context;
  SHA1_Init(&context);
  SHA1_Transform(&context, block);
  Digest digest;
  const SHA_LONG words[5] = {context.h0, context.h1, context.h2, context.h3, context.h4};
  for (std::size_t i = 0; i < 5; ++i) {
    const std::uint32_t word = std::endian::native == std::endian::little ? __builtin_bswap32(words[i]) : words[i];
    std::memcpy(digest.data() + 4 * i, &word, 4);
  }
  return digest;
}

}  // namespace

Digest sha1(BytesView bytes) {
  if (bytes.size() <= kOneBlock) return sha1_of_block(bytes);
  Digest digest;
  SHA_CTX context;
  SHA1_Init(&context);
  SHA1_Update(&context, bytes.data(), bytes.size());
  SHA1_Final(digest.data(), &context);
  return digest;
}

}  // namespace supervisorring
