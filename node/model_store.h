// The model files of a node: opened, checked and known by name. Their weights are loaded later, by the thread
// that computes.
//
// Immutable after open(); any thread may read. Owns the mapped files, which must outlive whatever is loaded
// from them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/error.h"
#include "kernels/gguf/reader.h"
#include "kernels/model/config.h"
#include "kernels/tokenizer/tokenizer.h"
#include "node/client.h"

namespace zswarm::node {

struct ModelSource {
  std::filesystem::path file;
  std::string alias;  // empty: none
};

struct StoredModel {
  ModelCard card;                  // context_length: what the model was trained for
  std::vector<std::string> names;  // all that it answers to: its id, and its file name without .gguf
  std::filesystem::path path;
  gguf::Reader file;
  model::Config config;
  std::unique_ptr<const tokenizer::Tokenizer> tokenizer;
  std::optional<std::string> chat_template;
  std::vector<std::pair<std::string, std::string>> special_tokens;  // "bos_token": "<s>", … for templates
};

/// A model whose file is open already; `source` names it. Metadata alone are enough
/// (kernels/gguf/vocabulary.h): such a model can be spoken to, not computed.
[[nodiscard]] Result<std::unique_ptr<StoredModel>> read_stored_model(gguf::Reader file,
                                                                     const ModelSource& source);

class ModelStore {
 public:
  /// Opens `sources` (any that fails is an error that names the file) and then every *.gguf of `folder`, by
  /// name, if one is given (those that cannot be served are left out: see skipped()). kInvalidArgument if two
  /// models have the same name, kNotFound if there is no model at all.
  static Result<ModelStore> open(const std::vector<ModelSource>& sources,
                                 const std::filesystem::path& folder);

  /// In order: the first is the default. At least one.
  [[nodiscard]] const std::vector<std::shared_ptr<const StoredModel>>& models() const { return models_; }
  /// Position of the model with this id or alias, empty for the default. kNotFound.
  [[nodiscard]] Result<std::size_t> find(std::string_view name) const;
  /// Why files of the folder were left out, one sentence each.
  [[nodiscard]] const std::vector<Error>& skipped() const { return skipped_; }

 private:
  Status add(std::shared_ptr<const StoredModel> model);
  Status add_folder(const std::filesystem::path& folder);

  std::vector<std::shared_ptr<const StoredModel>> models_;
  std::vector<Error> skipped_;
};

}  // namespace zswarm::node
