// What the data directory says about the ring when a node starts.
//
// No file is no error. One that cannot be understood (cut short, noise) is set aside under another name, so that it is never overwritten,
// and the node starts as if there were none, with a warning. One that cannot be read at all is an error.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "io/data_directory.h"
#include "ring/ring_file.h"

namespace supervisorring {

struct KeptRing {
  std::optional<RingFile> ring;
  std::optional<RingFacts> facts;
  std::vector<std::string> warnings;
};

Result<KeptRing> read_ring_files(const DataDirectory& directory);

}  // namespace supervisorring
