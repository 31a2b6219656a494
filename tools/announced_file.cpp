#include "tools/announced_file.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "tools/files.h"

namespace zswarm::tools {

Result<AnnouncedFile> AnnouncedFile::write(std::string path, const nlohmann::ordered_json& contents) {
  if (path.empty()) return AnnouncedFile({});
  const std::string line =
      contents.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  if (auto written = write_whole(path, line); !written) return fail(std::move(written.error()));
  return AnnouncedFile(std::move(path));
}

AnnouncedFile::~AnnouncedFile() {
  if (!path_.empty()) unlink(path_.c_str());
}

}  // namespace zswarm::tools
