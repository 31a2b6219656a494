// What a node tells the network about one model that it serves, under `model/HASH/ID` in the ledger
// (node/PROTOCOL.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bus/base/node_id.h"
#include "bus/chunks/manifest.h"
#include "kernels/base/error.h"
#include "node/dispatch/model_hash.h"

namespace zswarm::node {

struct ServedModel {
  ModelHash hash{};
  std::vector<std::string> names;    // the first is its id; at least one, plain text
  std::uint32_t context_tokens = 0;  // what a request may use there
  std::uint32_t vocab_size = 0;
  std::uint64_t created_unix_s = 0;
  bus::Manifest vocabulary;  // of the blob that kernels/gguf/vocabulary.h makes: for entries without the file
};

inline constexpr std::size_t kModelNames = 8, kModelNameBytes = 256;
inline constexpr std::uint64_t kVocabularyBytes = 64u << 20;

[[nodiscard]] std::string served_model_key(const ModelHash& hash, const bus::NodeId& node);
/// Hash and node of such a key.
[[nodiscard]] std::optional<std::pair<ModelHash, bus::NodeId>> read_served_model_key(std::string_view key);

/// Names beyond the limits are left out.
[[nodiscard]] bus::Bytes write_served_model(const ServedModel& model);
/// kCorrupt for what no node of this version writes. The hash is the key's.
[[nodiscard]] Result<ServedModel> read_served_model(const ModelHash& hash, bus::ByteView value);

/// 64 lower-case hexadecimal digits.
[[nodiscard]] std::string text_of(const ModelHash& hash);

}  // namespace zswarm::node
