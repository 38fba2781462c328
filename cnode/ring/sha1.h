// SHA-1 of a few bytes: every point and every look-up is one.
#pragma once

#include "ring/consistent_hash.h"

namespace supervisorring {

Digest sha1(BytesView bytes);

}  // namespace supervisorring
