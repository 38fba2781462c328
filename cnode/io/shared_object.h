// Workers from a shared object: loads it and calls its entry point (SUPERVISORRING_WORKERS, supervisorring/factory.h).
//
// It stays loaded until the program ends: objects of its classes may live until then.
#pragma once

#include <string>

#include "supervisorring/factory.h"
#include "supervisorring/result.h"

namespace supervisorring {

// The path, or one line that says why not: no such file, unresolved symbols, no entry point, another ABI version, an exception.
Result<std::string> load_shared_object(const std::string& path, worker_registry& registry);

}  // namespace supervisorring
