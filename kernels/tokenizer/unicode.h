// The few character classes that tokenizers need beyond PCRE2's.
//
// Pure functions, any thread.
#pragma once

#include <string_view>

namespace zswarm::tokenizer {

/// Unicode's White_Space property, which is what \s means in the reference implementations' regular
/// expressions.
[[nodiscard]] bool is_white_space(char32_t code);

/// `text` without the white space at its start or end.
[[nodiscard]] std::string_view without_leading_space(std::string_view text);
[[nodiscard]] std::string_view without_trailing_space(std::string_view text);

}  // namespace zswarm::tokenizer
