#include "bus/base/text.h"

#include <algorithm>
#include <cstdint>

namespace zswarm::bus {
namespace {

/// The length of the well-formed UTF-8 character at the front of `text` (Unicode, table 3-7), 0 if there is
/// none.
std::size_t character_at_front(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<std::uint8_t>(text[i]) : 0; };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const int first = byte(0), second = byte(1);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const bool fits = (first != 0xe0 || second >= 0xa0) && (first != 0xed || second <= 0x9f);
    return fits && follows(1) && follows(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const bool fits = (first != 0xf0 || second >= 0x90) && (first != 0xf4 || second <= 0x8f);
    return fits && follows(1) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

bool is_plain_text(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = character_at_front(text);
    const auto first = static_cast<std::uint8_t>(text[0]);
    if (size == 0 || (size == 1 && (first < 0x20 || first == 0x7f))) return false;
    if (first == 0xc2 && static_cast<std::uint8_t>(text[1]) < 0xa0) return false;  // C1
    text.remove_prefix(size);
  }
  return true;
}

bool is_plain_word(std::string_view text) {
  const auto fine = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), fine);
}

}  // namespace zswarm::bus
