// KeptFiles: the files that the node keeps on disk, until they are there.
//
// What was last to be written is remembered, so that a write that failed (a full disk, a directory that was taken away) is repeated, with
// back-off, and one into a data directory that is not the one of before brings all of them. One line in the log says why a file
// cannot be written, one that it is again; unwritten() is for the node's status. The driver writes, see effect.h.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "supervisorring/external_format.h"
#include "supervisorring/time.h"

namespace supervisorring {

class Kernel;

inline constexpr Duration kFirstWriteRetry = std::chrono::seconds(1);
inline constexpr Duration kLastWriteRetry = std::chrono::seconds(60);

struct UnwrittenFile { std::string name; std::string why; Instant since; };

class KeptFiles {
 public:
  explicit KeptFiles(Kernel& kernel) : kernel_(kernel) {}

  void write(const std::string& name, Bytes content);
  void remove(const std::string& name);

  // ---- inputs ---------------------------------------------------------------------------------------
  void handle_written(const std::string& name);
  void handle_failed(const std::string& name, const std::string& why);
  void handle_directory_changed();  // what was written before is not there
  void handle_timeout();

  std::optional<Instant> next_timeout() const;
  std::vector<UnwrittenFile> unwritten() const;  // by name

 private:
  struct Failure { std::string why; Instant since; Instant again_at; Duration delay; };
  struct File { Bytes content; std::optional<Failure> failure; };

  Kernel& kernel_;
  std::map<std::string, File> files_;
};

}  // namespace supervisorring
