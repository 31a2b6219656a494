#include "kernels/tokenizer/vocab.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

namespace zswarm::tokenizer {
namespace {

// Ids travel as 32-bit numbers and tables grow with the vocabulary; the largest known has 262,144 tokens.
constexpr std::size_t kMaxTokens = std::size_t{1} << 24;

/// Spreads FNV's state over all bits; the low ones choose the slot, the high ones are the tag.
std::uint64_t mixed(TextHash hash) {
  std::uint64_t h = hash.state;
  h = (h ^ (h >> 32)) * 0xd6e8feb86659fd93;
  return h ^ (h >> 32);
}

/// Texts that chat and code models put at the end of a turn, an answer or a file; the file itself names EOS
/// at most.
constexpr std::array<std::string_view, 33> kEndTexts = {
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|flush|>",
    "<|calls|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<eos>",
    "<turn|>",
    "<|tool_response>",
    "<｜end▁of▁sentence｜>",
    "[e~[",
    "<|EOT|>",
    "<|END_OF_TURN_TOKEN|>",
    "<|fim_pad|>",
    "<fim-pad>",
    "<fim_pad>",
    "<|fim_repo|>",
    "<|repo_name|>",
    "<fim-repo>",
    "<REPO>",
    "<reponame>",
    "<|file_sep|>",
};

}  // namespace

Result<Vocab> Vocab::build(const Metadata& metadata) {
  const std::size_t count = metadata.tokens.size();
  if (count == 0) return fail(ErrorCode::kCorrupt, "tokenizer.ggml.tokens is empty.");
  if (count > kMaxTokens) {
    return fail(
        ErrorCode::kCorrupt,
        fmt::format("tokenizer.ggml.tokens has {} entries; at most {} are possible.", count, kMaxTokens));
  }
  Vocab vocab;
  std::size_t bytes = 0;
  for (const std::string_view token : metadata.tokens) bytes += token.size();
  vocab.arena_.reserve(bytes);
  vocab.ends_.reserve(count + 1);
  vocab.ends_.push_back(0);
  for (const std::string_view token : metadata.tokens) {
    vocab.arena_ += token;
    vocab.ends_.push_back(vocab.arena_.size());
    vocab.longest_text_ = std::max(vocab.longest_text_, token.size());
  }
  if (auto ok = vocab.read_types(metadata); !ok) return fail(ok.error());
  if (auto ok = vocab.read_ids(metadata); !ok) return fail(ok.error());
  vocab.index_texts();
  vocab.index_bytes();
  vocab.mark_ends_of_generation();
  return vocab;
}

Status Vocab::read_types(const Metadata& metadata) {
  const std::size_t count = metadata.tokens.size();
  if (!metadata.types.empty() && metadata.types.size() != count) {
    return fail(ErrorCode::kCorrupt, fmt::format("tokenizer.ggml.token_type has {} entries for {} tokens.",
                                                 metadata.types.size(), count));
  }
  if (!metadata.scores.empty() && metadata.scores.size() != count) {
    return fail(ErrorCode::kCorrupt, fmt::format("tokenizer.ggml.scores has {} entries for {} tokens.",
                                                 metadata.scores.size(), count));
  }
  types_.assign(count, TokenType::kNormal);
  for (std::size_t i = 0; i < metadata.types.size(); ++i) {
    const std::int64_t type = metadata.types[i];
    if (type < 0 || type > 6) {
      return fail(ErrorCode::kCorrupt,
                  fmt::format("tokenizer.ggml.token_type[{}] is {}; types go from 0 to 6.", i, type));
    }
    types_[i] = static_cast<TokenType>(type);
  }
  for (std::size_t i = 0; i < metadata.scores.size(); ++i) {
    // A NaN would leave the order of merges undefined.
    if (std::isnan(metadata.scores[i]))
      return fail(ErrorCode::kCorrupt, fmt::format("tokenizer.ggml.scores[{}] is not a number.", i));
  }
  scores_ = metadata.scores;
  return {};
}

Status Vocab::read_ids(const Metadata& metadata) {
  struct Entry {
    const char* name;
    std::optional<std::int64_t> given;
    std::optional<TokenId> family_default;
    std::optional<TokenId>* target;
  };
  using Default = std::optional<TokenId>;
  const bool spm = metadata.model == "llama";
  const bool bert = metadata.model == "bert";
  const Entry entries[] = {
      {"bos", bert && metadata.cls ? metadata.cls : metadata.bos,
       spm    ? Default(1)
       : bert ? Default(101)
              : Default(),
       &bos},
      {"eos", metadata.eos, spm ? Default(2) : Default(), &eos},
      {"eot", metadata.eot, {}, &eot},
      {"eom", metadata.eom, {}, &eom},
      {"unknown", metadata.unk,
       spm    ? Default(0)
       : bert ? Default(100)
              : Default(),
       &unk},
      {"seperator", metadata.sep, bert ? Default(102) : Default(), &sep},
      {"padding", metadata.pad, {}, &pad},
      {"mask", metadata.mask, {}, &mask},
  };
  for (const Entry& entry : entries) {
    if (entry.given) {
      if (*entry.given < 0 || *entry.given >= size()) {
        return fail(ErrorCode::kCorrupt,
                    fmt::format("tokenizer.ggml.{}_token_id is {}, but the vocabulary has {} tokens.",
                                entry.name, *entry.given, size()));
      }
      *entry.target = static_cast<TokenId>(*entry.given);
    } else if (entry.family_default && contains(*entry.family_default)) {
      *entry.target = entry.family_default;
    }
  }
  // Files without types say which tokens are special only through their ids.
  if (metadata.types.empty()) {
    for (const auto& id : {bos, eos, eot, eom, sep, pad, mask}) {
      if (id) types_[static_cast<std::size_t>(*id)] = TokenType::kControl;
    }
    if (unk && type(*unk) == TokenType::kNormal) types_[static_cast<std::size_t>(*unk)] = TokenType::kUnknown;
  }
  return {};
}

void Vocab::index_texts() {
  slots_.assign(std::bit_ceil(types_.size() * 2), {});
  const std::size_t mask_bits = slots_.size() - 1;
  for (TokenId id = 0; id < size(); ++id) {
    const std::string_view token = text(id);
    if (token.empty()) continue;
    TextHash hash;
    hash.add(token);
    const std::uint64_t h = mixed(hash);
    const auto tag = static_cast<std::uint32_t>(h >> 32);
    std::size_t i = h & mask_bits;
    bool known = false;
    while (slots_[i].id != kNoToken && !known) {
      known = slots_[i].tag == tag && text(slots_[i].id) == token;
      i = (i + 1) & mask_bits;
    }
    if (!known) slots_[i] = {tag, id};
  }
}

TokenId Vocab::find_hashed(std::string_view token, TextHash hash) const {
  const std::size_t mask_bits = slots_.size() - 1;
  const std::uint64_t h = mixed(hash);
  const auto tag = static_cast<std::uint32_t>(h >> 32);
  for (std::size_t i = h & mask_bits; slots_[i].id != kNoToken; i = (i + 1) & mask_bits) {
    if (slots_[i].tag == tag && text(slots_[i].id) == token) return slots_[i].id;
  }
  return kNoToken;
}

TokenId Vocab::find_plain(std::string_view token) const {
  const TokenId id = find(token);
  if (id == kNoToken) return kNoToken;
  switch (type(id)) {
    case TokenType::kUndefined:
    case TokenType::kNormal:
    case TokenType::kUnused:
      return id;
    case TokenType::kUnknown:
    case TokenType::kControl:
    case TokenType::kUserDefined:
    case TokenType::kByte:
      return kNoToken;
  }
  return kNoToken;
}

std::optional<unsigned char> Vocab::byte_value(TokenId id) const {
  const std::string_view token = text(id);
  if (token.size() != 6 || token.substr(0, 3) != "<0x" || token[5] != '>') return std::nullopt;
  unsigned value = 0;
  for (const char c : token.substr(3, 2)) {
    unsigned digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<unsigned>(c - '0');
    } else if (c >= 'A' && c <= 'F') {
      digit = static_cast<unsigned>(c - 'A') + 10;
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<unsigned>(c - 'a') + 10;
    } else {
      return std::nullopt;
    }
    value = value * 16 + digit;
  }
  return static_cast<unsigned char>(value);
}

void Vocab::index_bytes() {
  byte_tokens_.assign(256, kNoToken);
  for (TokenId id = 0; id < size(); ++id) {
    if (type(id) != TokenType::kByte) continue;
    if (const auto byte = byte_value(id)) byte_tokens_[*byte] = id;
  }
}

void Vocab::mark_ends_of_generation() {
  ends_generation_.assign(types_.size(), false);
  for (const auto& id : {eos, eot, eom}) {
    if (id) ends_generation_[static_cast<std::size_t>(*id)] = true;
  }
  const auto marked = [&](std::string_view token) {
    const TokenId id = find(token);
    return id != kNoToken && ends_generation_[static_cast<std::size_t>(id)];
  };
  for (const std::string_view token : kEndTexts) {
    const TokenId id = find(token);
    if (id == kNoToken) continue;
    // The same letters as an ordinary token are text (Gemma 4 has such a "</s>").
    if (type(id) != TokenType::kControl && type(id) != TokenType::kUserDefined) continue;
    ends_generation_[static_cast<std::size_t>(id)] = true;
  }
  // Harmony and its relatives end one of several messages with <|end|>; their answers end with <|return|> or
  // <|call|>.
  const bool several_messages =
      (marked("<|return|>") && marked("<|call|>")) || (marked("<|flush|>") && marked("<|calls|>"));
  if (several_messages && marked("<|end|>") && find("<|end|>") != eos) {
    ends_generation_[static_cast<std::size_t>(find("<|end|>"))] = false;
  }
}

}  // namespace zswarm::tokenizer
