// Splits text into the pieces within which BPE merges, by tokenizer.ggml.pre.
//
// A pre-tokenizer is a list of stages. Each stage splits every piece of the stage before at the matches of
// its expression; what lies between matches becomes a piece too ("Isolated" in Hugging Face's terms). A piece
// is a text of its own for the next stage: look-around does not see past it.
//
// Bytes that are not UTF-8: each run of them is a piece of its own, and the text around it is split as if it
// ended there.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "kernels/base/error.h"
#include "kernels/tokenizer/regex.h"

namespace zswarm::tokenizer {

/// One entry of the table in pretokenizer_table.cpp.
struct PretokenizerSpec {
  std::vector<std::string_view> names;        // values of tokenizer.ggml.pre
  std::vector<std::string_view> expressions;  // the stages
  bool whole_words = false;  // a piece that is a token is not merged step by step ("ignore_merges")
  bool adds_bos = false;     // if the file does not say
};

/// The entry for `name`, or nullptr.
[[nodiscard]] const PretokenizerSpec* find_pretokenizer(std::string_view name);

/// All entries, for tests.
[[nodiscard]] const std::vector<PretokenizerSpec>& pretokenizer_table();

/// Compiled stages; immutable, any thread.
class Pretokenizer {
 public:
  /// Fails with kInternal (an expression of ours is broken).
  static Result<Pretokenizer> compile(const PretokenizerSpec& spec);

  /// Replaces `pieces` by those of `text`, in order; together they are `text`. Fails with kInternal (a match
  /// limit).
  Status split(std::string_view text, std::vector<std::string_view>& pieces) const;

 private:
  Status split_valid(std::string_view text, RegexMatcher& matcher,
                     std::vector<std::string_view>& pieces) const;

  std::vector<Regex> stages_;
};

}  // namespace zswarm::tokenizer
