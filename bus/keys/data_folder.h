// The folder in which a node keeps what it needs again: made with mode 0700, and held by one process at a
// time.
//
// The lock is flock(2) on the file "lock" in it: it goes with the process, however that ends. The owner keeps
// the DataFolder for as long as it runs.
#pragma once

#include <filesystem>

#include "bus/base/error.h"
#include "bus/keys/descriptor.h"

namespace zswarm::bus {

class DataFolder {
 public:
  /// Makes the folder and those above it where they are missing. kBusy if another process holds it; the
  /// sentence has its pid and says what to do. kIo if the operating system refuses.
  [[nodiscard]] static Result<DataFolder> open(const std::filesystem::path& path);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  DataFolder(std::filesystem::path path, Descriptor lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  std::filesystem::path path_;
  Descriptor lock_;
};

/// Makes the folder, without holding it: for commands that may run beside a node.
[[nodiscard]] Status make_private_folder(const std::filesystem::path& path);

}  // namespace zswarm::bus
