#include "kernels/tokenizer/byte_alphabet.h"

#include <array>

#include "kernels/base/utf8.h"

namespace zswarm::tokenizer {
namespace {

constexpr bool is_printable(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

struct Alphabet {
  std::array<char32_t, 256> chars{};
  std::array<unsigned char, 68> others{};  // byte of U+0100 + i
};

constexpr Alphabet make_alphabet() {
  Alphabet a;
  std::size_t others = 0;
  for (unsigned byte = 0; byte < 256; ++byte) {
    if (is_printable(byte)) {
      a.chars[byte] = byte;
    } else {
      a.chars[byte] = static_cast<char32_t>(0x100 + others);
      a.others[others++] = static_cast<unsigned char>(byte);
    }
  }
  return a;
}

constexpr Alphabet kAlphabet = make_alphabet();

}  // namespace

char32_t byte_to_char(unsigned char byte) {
  return kAlphabet.chars[byte];
}

std::optional<unsigned char> char_to_byte(char32_t code) {
  if (code < 256 && is_printable(static_cast<unsigned>(code))) return static_cast<unsigned char>(code);
  if (code >= 0x100 && code - 0x100 < kAlphabet.others.size()) return kAlphabet.others[code - 0x100];
  return std::nullopt;
}

std::string bytes_of(std::string_view token_text) {
  std::string out;
  for (std::string_view rest = token_text; !rest.empty();) {
    const utf8::Char c = utf8::decode(rest);
    const auto byte = c.valid ? char_to_byte(c.code) : std::nullopt;
    if (!byte) return std::string(token_text);
    out += static_cast<char>(*byte);
    rest.remove_prefix(c.length);
  }
  return out;
}

std::string spelling_of(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char byte : bytes) utf8::append(byte_to_char(static_cast<unsigned char>(byte)), out);
  return out;
}

}  // namespace zswarm::tokenizer
