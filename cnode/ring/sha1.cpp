#include "ring/sha1.h"

// Deprecated in OpenSSL 3, and several times as fast for one block as what replaces them.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

namespace supervisorring {

Digest sha1(BytesView bytes) {
  Digest digest;
  SHA_CTX context;
  SHA1_Init(&context);
  SHA1_Update(&context, bytes.data(), bytes.size());
  SHA1_Final(digest.data(), &context);
  return digest;
}

}  // namespace supervisorring
