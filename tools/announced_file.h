// A file that says for as long as a program serves where it does (--ready-out): written in one piece, removed
// at the end.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "kernels/base/error.h"

namespace zswarm::tools {

class AnnouncedFile {
 public:
  /// One line of JSON. An empty path writes nothing.
  [[nodiscard]] static Result<AnnouncedFile> write(std::string path, const nlohmann::ordered_json& contents);
  ~AnnouncedFile();
  AnnouncedFile(AnnouncedFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  AnnouncedFile& operator=(AnnouncedFile&&) = delete;

 private:
  explicit AnnouncedFile(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace zswarm::tools
