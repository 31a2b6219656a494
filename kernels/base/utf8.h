// UTF-8 by the Unicode standard, section 3.9, table 3-7: overlong forms, surrogates and codes above U+10FFFF
// are broken.
//
// Pure functions, any thread. Bytes that are not UTF-8 are never an error here: callers see which bytes they
// are.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace zswarm::utf8 {

struct Char {
  char32_t code = 0;  // U+FFFD if not valid
  std::uint8_t length =
      1;  // bytes consumed; a broken sequence is consumed as its maximal valid prefix, at least one byte
  bool valid = false;
};

/// First character of `text`, which must not be empty.
[[nodiscard]] Char decode(std::string_view text);

/// Appends the UTF-8 form of `code` (a Unicode scalar value) to `out`.
void append(char32_t code, std::string& out);

/// True if all of `text` is well-formed.
[[nodiscard]] bool is_valid(std::string_view text);

/// Number of bytes at the end of `text` that begin a character which is not complete yet (0 to 3).
[[nodiscard]] std::size_t incomplete_tail(std::string_view text);

/// `text` with each maximal broken sequence replaced by U+FFFD.
[[nodiscard]] std::string sanitized(std::string_view text);

}  // namespace zswarm::utf8
