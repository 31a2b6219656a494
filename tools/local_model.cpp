#include "tools/local_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "tools/files.h"
#include "tools/output.h"

namespace zswarm::tools {

std::uint32_t thread_count(std::uint32_t wanted) {
  return wanted != 0 ? wanted : std::max(1u, std::thread::hardware_concurrency());
}

Result<std::unique_ptr<LocalModel>> LocalModel::load(const std::string& path, std::uint32_t threads) {
  auto file = gguf::Reader::open(path);
  if (!file) return fail(std::move(file.error()));
  std::unique_ptr<LocalModel> local(new LocalModel(std::move(*file)));
  local->threads_ = std::make_unique<ComputeThreads>(thread_count(threads));

  const std::string title = fmt::format("Loading {}", shown(std::filesystem::path(path).filename()));
  ProgressBar bar(title);
  model::LoadOptions options;
  options.progress = [&bar](std::uint64_t done, std::uint64_t total) {
    if (total != 0) bar.show(static_cast<double>(done) / static_cast<double>(total));
  };
  auto loaded = model::Model::load(local->file_, local->team(), options);
  if (!loaded) return fail(std::move(loaded.error()));
  local->model_ = std::move(*loaded);
  return local;
}

}  // namespace zswarm::tools
