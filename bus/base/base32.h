// Crockford's base32 in lower case: digits and letters without i, l, o and u, so that what is read aloud or
// copied by hand comes out right. Reading takes capitals, and i, l, o for 1, 1, 0.
// https://www.crockford.com/base32.html
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "bus/base/bytes.h"

namespace zswarm::bus {

/// Five bits a character, the last one filled up with zero bits.
[[nodiscard]] std::string base32_text(ByteView bytes);

/// Nothing if a character is foreign, the length impossible or a filling bit not zero: each byte string has
/// one text.
[[nodiscard]] std::optional<Bytes> base32_bytes(std::string_view text);

}  // namespace zswarm::bus
