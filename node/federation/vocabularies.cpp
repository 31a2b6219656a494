#include "node/federation/vocabularies.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace zswarm::node {

namespace {

constexpr bus::Duration kPauseAfterFailure = std::chrono::seconds(10);
constexpr std::size_t kFetchesAtOnce = 4;

}  // namespace

void Vocabularies::want(bus::Time now, bus::Core& core, const ServedModel& model,
                        const std::vector<bus::NodeId>& sources) {
  if (done_.contains(model.hash) || sources.empty()) return;
  const bus::BlobId blob = model.vocabulary.id();
  if (fetches_.contains(blob)) {
    // Already known ones, and one too many, change nothing.
    for (const bus::NodeId& source : sources) (void)core.fetches().add_source(now, blob, source, core.out());
    return;
  }
  if (fetches_.size() >= kFetchesAtOnce || bytes_ + model.vocabulary.size > kVocabulariesBytes) return;
  if (const auto again = again_.find(model.hash); again != again_.end() && now < again->second) return;
  auto store = std::make_shared<bus::MemoryStore>(model.vocabulary);
  if (!core.fetches().fetch(now, store, sources, core.out())) return;  // too many at once: later
  bytes_ += model.vocabulary.size;
  fetches_.emplace(blob, Fetch{model, std::move(store)});
}

std::vector<Vocabularies::Arrived> Vocabularies::take_arrived(bus::Time now, bus::Core& core) {
  std::vector<Arrived> arrived;
  for (const bus::FetchResult& result : core.fetches().take_results()) {
    const auto at = fetches_.find(result.blob);
    if (at == fetches_.end()) continue;
    Fetch fetch = std::move(at->second);
    fetches_.erase(at);
    if (result.outcome) {
      // Fetched once; what cannot be read does not get better by another try.
      done_.insert(fetch.model.hash);
      arrived.push_back({std::move(fetch.model), fetch.store->bytes()});
    } else {
      bytes_ -= fetch.model.vocabulary.size;
      again_[fetch.model.hash] = now + kPauseAfterFailure;
    }
  }
  return arrived;
}

Result<std::shared_ptr<const StoredModel>> read_vocabulary(const ServedModel& model, bus::ByteView file) {
  const std::string& name = model.names.front();
  std::vector<std::byte> bytes(file.size());
  if (!file.empty()) std::memcpy(bytes.data(), file.data(), file.size());
  auto reader = gguf::Reader::from_bytes(std::move(bytes), name + ".gguf");
  if (!reader) return fail(std::move(reader.error()));
  auto read = read_stored_model(std::move(*reader), {.file = name + ".gguf", .alias = name});
  if (!read) return fail(std::move(read.error()));
  if (static_cast<std::uint32_t>((*read)->card.vocab_size) != model.vocab_size)
    return fail(
        ErrorCode::kCorrupt,
        fmt::format("{}: the vocabulary that a node gave is not the one that it announced", printable(name)));
  return std::shared_ptr<const StoredModel>(std::move(*read));
}

}  // namespace zswarm::node
