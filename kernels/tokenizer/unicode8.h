// Unicode general categories of Unicode 8.0, as some parts of the reference see them.
//
// Hugging Face's BERT normaliser and its Punctuation splitter ask tables that were frozen then, while models
// keep the vocabularies that came out of it. A newer library (utf8proc, PCRE2) would drop marks and split at
// punctuation that the reference leaves alone. Pure functions, any thread.
#pragma once

#include <string>

namespace zswarm::tokenizer::unicode8 {

/// Category Mn.
[[nodiscard]] bool is_nonspacing_mark(char32_t code);

/// Categories P*, without ASCII's symbols.
[[nodiscard]] bool is_punctuation(char32_t code);

/// The same as ranges inside a bracket expression: "\\x{21}-\\x{23}…".
[[nodiscard]] std::string punctuation_ranges();

/// Categories Cc, Cf and Co.
[[nodiscard]] bool is_control(char32_t code);

}  // namespace zswarm::tokenizer::unicode8
