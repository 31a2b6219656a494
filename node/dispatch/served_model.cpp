#include "node/dispatch/served_model.h"

#include <algorithm>

#include "bus/base/text.h"
#include "bus/wire/pack.h"

namespace zswarm::node {

namespace {

constexpr std::string_view kPrefix = "model/";
constexpr std::uint64_t kServedFormat = 1;
constexpr bus::PackLimits kServedLimits{.elements = 64, .depth = 3, .bytes = 1024};

std::optional<std::uint8_t> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  return std::nullopt;
}

std::optional<ModelHash> hash_of_text(std::string_view text) {
  ModelHash hash{};
  if (text.size() != 2 * hash.size()) return std::nullopt;
  for (std::size_t i = 0; i < hash.size(); ++i) {
    const auto high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
    if (!high || !low) return std::nullopt;
    hash[i] = static_cast<std::uint8_t>(*high << 4 | *low);
  }
  return hash;
}

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= kModelNameBytes && bus::is_plain_text(name);
}

}  // namespace

std::string text_of(const ModelHash& hash) {
  return bus::hash_text(hash);
}

std::string served_model_key(const ModelHash& hash, const bus::NodeId& node) {
  return std::string(kPrefix) + text_of(hash) + "/" + node.text();
}

std::optional<std::pair<ModelHash, bus::NodeId>> read_served_model_key(std::string_view key) {
  if (!key.starts_with(kPrefix)) return std::nullopt;
  key.remove_prefix(kPrefix.size());
  const std::size_t slash = key.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto hash = hash_of_text(key.substr(0, slash));
  const auto node = bus::NodeId::parse(key.substr(slash + 1));
  if (!hash || !node) return std::nullopt;
  return std::pair(*hash, *node);
}

bus::Bytes write_served_model(const ServedModel& model) {
  std::vector<std::string> names;
  std::copy_if(model.names.begin(), model.names.end(), std::back_inserter(names), is_name);
  names.resize(std::min(names.size(), kModelNames));
  bus::Writer writer(6);
  writer.uint(kServedFormat).array(static_cast<std::uint32_t>(names.size()));
  for (const std::string& name : names) writer.text(name);
  writer.uint(model.context_tokens).uint(model.vocab_size).uint(model.created_unix_s);
  const bus::Manifest& blob = model.vocabulary;
  return writer.array(3).uint(blob.size).uint(blob.chunk_bytes).bin(blob.root).take();
}

Result<ServedModel> read_served_model(const ModelHash& hash, bus::ByteView value) {
  const auto wrong = [] {
    return fail(ErrorCode::kCorrupt, "a node describes its model in a form unknown here");
  };
  auto reader = bus::Reader::of_bytes(value, kServedLimits);
  if (reader.uint() != kServedFormat) return wrong();
  ServedModel model;
  model.hash = hash;
  bus::Reader names = reader.array(kModelNames);
  while (names.left() > 0) model.names.emplace_back(names.text(kModelNameBytes));
  constexpr std::uint64_t kMost = 1u << 31;
  model.context_tokens = static_cast<std::uint32_t>(reader.uint(kMost));
  model.vocab_size = static_cast<std::uint32_t>(reader.uint(kMost));
  model.created_unix_s = reader.uint(std::uint64_t{1} << 48);
  bus::Reader blob = reader.array(3);
  model.vocabulary.size = blob.uint(kVocabularyBytes);
  model.vocabulary.chunk_bytes = static_cast<std::uint32_t>(blob.uint(bus::kChunkBytesMax));
  model.vocabulary.root = blob.fixed<32>();
  if (!reader.ok() || model.names.empty() || !std::all_of(model.names.begin(), model.names.end(), is_name) ||
      model.vocab_size == 0 || !model.vocabulary.check())
    return wrong();
  return model;
}

}  // namespace zswarm::node
