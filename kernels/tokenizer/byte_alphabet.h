// GPT-2's byte alphabet: each byte is written as one printable character in the vocabulary (space as "Ġ",
// 0x0A as "Ċ").
//
// Bytes that are printable in Latin-1 stand for themselves, the other 68 are U+0100 onwards in their order.
// See OpenAI's gpt-2/src/encoder.py, bytes_to_unicode. Pure functions, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace zswarm::tokenizer {

/// The character that stands for `byte`.
[[nodiscard]] char32_t byte_to_char(unsigned char byte);

/// The byte that `code` stands for, or nothing if it is not in the alphabet.
[[nodiscard]] std::optional<unsigned char> char_to_byte(char32_t code);

/// The bytes that a token's text stands for. A text with a character outside the alphabet stands for itself,
/// as in Hugging Face's ByteLevel decoder.
[[nodiscard]] std::string bytes_of(std::string_view token_text);

/// The way back: `bytes` as the vocabulary spells them.
[[nodiscard]] std::string spelling_of(std::string_view bytes);

}  // namespace zswarm::tokenizer
