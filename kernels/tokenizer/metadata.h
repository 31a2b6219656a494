// What a GGUF file says about its tokenizer (tokenizer.ggml.*), with types checked and nothing else.
//
// The step between the file and the tokenizers: they are built from this struct, so tests and fuzzers can
// build them without a file. Strings are views into the Reader's mapping (or whatever the caller filled in)
// and must outlive the struct.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "kernels/base/error.h"
#include "kernels/gguf/reader.h"

namespace zswarm::tokenizer {

struct Metadata {
  std::string_view architecture;  // general.architecture
  std::string_view name;          // general.name
  std::string_view model;         // tokenizer.ggml.model: "gpt2", "llama", "bert", "gemma4"
  std::string_view pre;           // tokenizer.ggml.pre, empty if missing

  std::vector<std::string_view> tokens;
  std::vector<std::string_view> merges;  // "left right", best first
  std::vector<float> scores;             // empty, or one per token
  std::vector<std::int64_t> types;       // empty, or one per token

  // Ids as the file gives them; not yet compared with the vocabulary's size.
  std::optional<std::int64_t> bos, eos, eot, eom, unk, sep, cls, pad, mask;

  std::optional<bool> add_bos, add_eos, add_space_prefix;
  std::optional<bool> lowercase, strip_accents;  // BERT's normaliser
};

/// Fails with kCorrupt if a key has another type than the format says, kNotFound if model or tokens are
/// missing.
Result<Metadata> read_metadata(const gguf::Reader& file);

}  // namespace zswarm::tokenizer
