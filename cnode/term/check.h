// Checks of our own promises: on in every build; print and abort. Never used for what comes from outside.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace supervisorring::detail {

inline void require(bool holds, const char* what, long long a = 0, long long b = 0) {
  if (holds) [[likely]] return;
  std::fprintf(stderr, "supervisorring: broken promise: %s (%lld, %lld)\n", what, a, b);
  std::abort();
}

}  // namespace supervisorring::detail
