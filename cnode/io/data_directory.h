// DataDirectory: the files of one node, owned by one program at a time.
//
// Holds `ring` (the ring file of nano_ring, same name and format) and `lock`. Opening it creates it and takes the lock
// (flock, so that a killed program leaves none behind). A write is atomic and durable: temporary file in the same
// directory, fsync, rename, fsync of the directory; a reader sees the old or the new content, never a part.
// File names come from the node's own code; one with a slash or a leading dot is refused.
#pragma once

#include <optional>
#include <string>

#include "io/file_descriptor.h"
#include "supervisorring/result.h"
#include "supervisorring/term.h"

namespace supervisorring {

class DataDirectory {
 public:
  // Creates what is missing of `path` (mode 0700) and locks it.
  static Result<DataDirectory> open(const std::string& path);

  // Before a write of a running program: true, the path still leads to this directory; false, it led elsewhere or nowhere (moved,
  // deleted, replaced), and what it leads to is open and locked now, created where it was missing. Error: it cannot be.
  Result<bool> look_again();

  const std::string& path() const { return path_; }
  // The whole file; nullopt when there is none.
  Result<std::optional<Bytes>> read(const std::string& name) const;
  std::optional<Error> write(const std::string& name, BytesView content) const;
  // No error when there is no such file.
  std::optional<Error> remove(const std::string& name) const;
  // Renames a file that cannot be understood to <name>.damaged, <name>.damaged.1, …; returns the new path.
  Result<std::string> set_aside(const std::string& name) const;

 private:
  DataDirectory(std::string path, FileDescriptor directory, FileDescriptor lock)
      : path_(std::move(path)), directory_(std::move(directory)), lock_(std::move(lock)) {}

  std::string path_;
  FileDescriptor directory_;
  FileDescriptor lock_;
};

}  // namespace supervisorring
