// Workers as another version of the library would have built them.
#include <cstdint>

extern "C" std::uint32_t supervisorring_workers_abi() { return 999; }
extern "C" void supervisorring_workers(void*) {}
