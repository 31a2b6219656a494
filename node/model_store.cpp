#include "node/model_store.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <system_error>
#include <utility>

namespace zswarm::node {

namespace {

namespace fs = std::filesystem;

std::int64_t modified_unix_s(const fs::path& path) {
  struct stat info = {};
  return ::stat(path.c_str(), &info) == 0 ? info.st_mtim.tv_sec : 0;
}

/// The variables that transformers hands to a template, as far as the file names such tokens.
std::vector<std::pair<std::string, std::string>> special_tokens(const gguf::Reader& file,
                                                                const tokenizer::Tokenizer& tokenizer) {
  static constexpr std::pair<const char*, const char*> kNames[] = {
      {"bos_token", "tokenizer.ggml.bos_token_id"},     {"eos_token", "tokenizer.ggml.eos_token_id"},
      {"unk_token", "tokenizer.ggml.unknown_token_id"}, {"sep_token", "tokenizer.ggml.seperator_token_id"},
      {"pad_token", "tokenizer.ggml.padding_token_id"}, {"cls_token", "tokenizer.ggml.cls_token_id"},
      {"mask_token", "tokenizer.ggml.mask_token_id"},
  };
  std::vector<std::pair<std::string, std::string>> tokens;
  for (const auto& [variable, key] : kNames) {
    const auto id = file.get_int(key, 0, tokenizer.vocab_size() - 1);
    if (id) tokens.emplace_back(variable, std::string(tokenizer.token_text(static_cast<TokenId>(*id))));
  }
  return tokens;
}

Result<std::unique_ptr<StoredModel>> open_model(const ModelSource& source) {
  auto file = gguf::Reader::open(source.file);
  if (!file) return fail(std::move(file.error()));
  return read_stored_model(std::move(*file), source);
}

}  // namespace

Result<std::unique_ptr<StoredModel>> read_stored_model(gguf::Reader file, const ModelSource& source) {
  auto config = model::read_config(file);
  if (!config) return fail(std::move(config.error()));
  auto tokenizer = tokenizer::Tokenizer::from_gguf(file);
  if (!tokenizer) return fail(std::move(tokenizer.error()));

  ModelCard card;
  const std::string stem = source.file.stem().string();
  card.id = source.alias.empty() ? stem : source.alias;
  card.description = config->name;
  card.created_unix_s = modified_unix_s(source.file);
  card.context_length = config->context_length;
  card.vocab_size = static_cast<std::int32_t>(config->vocab_size);
  card.bos = (*tokenizer)->bos();
  std::optional<std::string> chat_template;
  if (const auto* value = file.find("tokenizer.chat_template")) {
    if (const auto text = value->as_string()) chat_template.emplace(*text);
  }
  card.has_chat_template = chat_template.has_value();
  std::vector<std::string> names{card.id};
  if (!source.alias.empty() && source.alias != stem) names.push_back(stem);
  auto tokens = special_tokens(file, **tokenizer);
  return std::make_unique<StoredModel>(StoredModel{std::move(card), std::move(names), source.file,
                                                   std::move(file), std::move(*config), std::move(*tokenizer),
                                                   std::move(chat_template), std::move(tokens)});
}

Result<ModelStore> ModelStore::open(const std::vector<ModelSource>& sources, const fs::path& folder) {
  ModelStore store;
  for (const ModelSource& source : sources) {
    auto model = open_model(source);
    if (!model) return fail(std::move(model.error()));
    if (auto ok = store.add(std::move(*model)); !ok) return fail(std::move(ok.error()));
  }
  if (!folder.empty()) {
    if (auto ok = store.add_folder(folder); !ok) return fail(std::move(ok.error()));
  }
  if (store.models_.empty()) {
    if (!store.skipped_.empty()) return fail(store.skipped_.front());
    if (folder.empty()) return fail(ErrorCode::kNotFound, "no model was given: name a GGUF file");
    return fail(ErrorCode::kNotFound,
                fmt::format("{}: there is no GGUF file in this folder", printable(folder.string(), 4096)));
  }
  return store;
}

Status ModelStore::add(std::shared_ptr<const StoredModel> model) {
  for (const std::string& name : model->names) {
    if (!find(name)) continue;
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("{}: another model is called \"{}\" already: give this one another name with --alias",
                    printable(model->path.string(), 4096), printable(name)));
  }
  models_.push_back(std::move(model));
  return {};
}

Status ModelStore::add_folder(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> files;
  for (auto entry = fs::directory_iterator(folder, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    if (entry->path().extension() == ".gguf") files.push_back(entry->path());
  }
  if (error) {
    return fail(ErrorCode::kIo, fmt::format("{}: cannot read this folder: {}",
                                            printable(folder.string(), 4096), error.message()));
  }
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    const bool given = std::any_of(models_.begin(), models_.end(), [&](const auto& model) {
      std::error_code ignored;  // of a file that is gone: then it is not the same
      return fs::equivalent(model->path, file, ignored);
    });
    if (given) continue;
    auto model = open_model({file, {}});
    if (!model) {
      skipped_.push_back(std::move(model.error()));
    } else if (auto ok = add(std::move(*model)); !ok) {
      skipped_.push_back(std::move(ok.error()));
    }
  }
  return {};
}

Result<std::size_t> ModelStore::find(std::string_view name) const {
  for (std::size_t i = 0; i < models_.size(); ++i) {
    const auto& names = models_[i]->names;
    if (name.empty() || std::find(names.begin(), names.end(), name) != names.end()) return i;
  }
  return fail(ErrorCode::kNotFound, fmt::format("there is no model \"{}\" here", printable(name)), "model");
}

}  // namespace zswarm::node
