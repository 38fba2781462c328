#include "io/shared_object.h"

#include <dlfcn.h>

#include <exception>

namespace supervisorring {
namespace {

std::string loader_error() {
  const char* text = ::dlerror();
  return text == nullptr ? "unknown error" : text;
}

}  // namespace

Result<std::string> load_shared_object(const std::string& path, worker_registry& registry) {
  const auto fail = [&](const std::string& why) { return Error{"cannot load workers from " + path + ": " + why}; };
  // Without a slash the loader would search its own directories instead of the working directory.
  const std::string file = path.find('/') == std::string::npos ? "./" + path : path;
  void* handle = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return fail(loader_error());
  const auto abi = reinterpret_cast<WorkersAbiFunction*>(::dlsym(handle, kWorkersAbiSymbol));
  const auto workers = reinterpret_cast<WorkersFunction*>(::dlsym(handle, kWorkersSymbol));
  if (abi == nullptr || workers == nullptr)
    return fail("it has no entry point: expected SUPERVISORRING_WORKERS(registry) { … } in one of its sources");
  if (const std::uint32_t version = abi(); version != kWorkersAbi)
    return fail("it was built against ABI version " + std::to_string(version) + ", this program has " + std::to_string(kWorkersAbi) + ": build it again");
  try {
    workers(registry);
  } catch (const std::exception& exception) {
    return fail(std::string("its entry point threw: ") + exception.what());
  } catch (...) {
    return fail("its entry point threw");
  }
  return path;
}

}  // namespace supervisorring
