// zswarm inspect: what a GGUF file holds, and what is wrong with a broken one.
//
// A file whose bytes are not what they claim to be, in the container or in what the metadata say of model and
// tokenizer, is broken: status 1. One that is whole, but of a kind that zswarm cannot run, is shown with the
// reason: status 0.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <variant>
#include <vector>

#include "kernels/gguf/describe.h"
#include "kernels/gguf/reader.h"
#include "kernels/model/config.h"
#include "kernels/model/obstacles.h"
#include "kernels/tokenizer/tokenizer.h"
#include "tools/command.h"
#include "tools/output.h"

namespace zswarm::tools {

namespace {

struct InspectOptions {
  std::string model;
  bool json = false;
};

struct Problems {
  std::vector<std::string> sentences;  // what keeps zswarm from running the file
  bool broken = false;                 // not merely of a kind that it does not know
};

Problems problems_of(const gguf::Reader& file) {
  Problems problems;
  if (!file.tensors().empty()) {
    problems.sentences = model::obstacles(file);
    const auto config = model::read_config(file);
    problems.broken = !config && config.error().code == ErrorCode::kCorrupt;
  }
  if (file.find("tokenizer.ggml.model") == nullptr) {
    problems.sentences.push_back(
        file.error(ErrorCode::kUnsupported, "it holds no tokenizer.").value().message);
  } else if (const auto tokenizer = tokenizer::Tokenizer::from_gguf(file); !tokenizer) {
    problems.sentences.push_back(tokenizer.error().message);
    problems.broken = problems.broken || tokenizer.error().code == ErrorCode::kCorrupt;
  }
  return problems;
}

nlohmann::ordered_json as_json(const gguf::Scalar& scalar) {
  return std::visit([](const auto& value) { return nlohmann::ordered_json(value); }, scalar);
}

nlohmann::ordered_json as_json(const gguf::DescribedValue& value) {
  if (!value.is_array) return as_json(value.values.at(0));
  auto first = nlohmann::ordered_json::array();
  for (const gguf::Scalar& element : value.values) first.push_back(as_json(element));
  return {{"type", value.type}, {"length", value.count}, {"first", first}};
}

void show_json(const gguf::Description& description, const Problems& problems) {
  auto metadata = nlohmann::ordered_json::object();
  for (const gguf::DescribedValue& value : description.metadata) metadata[value.key] = as_json(value);
  auto tensors = nlohmann::ordered_json::array();
  for (const gguf::DescribedTensor& tensor : description.tensors) {
    tensors.push_back(
        {{"name", tensor.name}, {"type", tensor.type}, {"dims", tensor.dims}, {"size_bytes", tensor.bytes}});
  }
  auto types = nlohmann::ordered_json::array();
  for (const gguf::TypeTotal& type : description.by_type) {
    types.push_back({{"type", type.type},
                     {"tensors", type.tensors},
                     {"elements", type.elements},
                     {"size_bytes", type.bytes}});
  }
  put_json({{"file", description.path},
            {"size_bytes", description.file_bytes},
            {"version", description.version},
            {"alignment", description.alignment},
            {"parameters", description.elements},
            {"runs_here", problems.sentences.empty() && !description.tensors.empty()},
            {"problems", problems.sentences},
            {"types", types},
            {"metadata", metadata},
            {"tensors", tensors}});
}

int inspect(const InspectOptions& options) {
  const auto file = gguf::Reader::open(options.model);
  if (!file) return report(file.error());
  const Problems problems = problems_of(*file);
  if (options.json) {
    show_json(gguf::describe(*file), problems);
  } else {
    put(gguf::to_text(gguf::describe(*file)));
    flush();
  }
  for (const std::string& sentence : problems.sentences) report(sentence);
  return problems.broken ? kFailed : kDone;
}

}  // namespace

void add_inspect(CLI::App& app, Action& action) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App* command = app.add_subcommand("inspect", "Show what a GGUF file holds, or what is wrong with it");
  command->add_option("MODEL", options->model, "GGUF file")->required();
  command->add_flag("--json", options->json,
                    "Print one JSON object: file, size_bytes, version, metadata, tensors…");
  command->footer("Example:\n  zswarm inspect model.gguf");
  command->callback([options, &action] { action = [options] { return inspect(*options); }; });
}

}  // namespace zswarm::tools
