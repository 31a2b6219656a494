// Texts from outside that people will see: names, versions, labels.
#pragma once

#include <string_view>

namespace zswarm::bus {

/// True for well-formed UTF-8 (no surrogates, no overlong forms) without control characters (C0, DEL, C1), so
/// that it can be shown in a terminal.
[[nodiscard]] bool is_plain_text(std::string_view text);

/// True for lower-case ASCII letters, digits, '-', '_' and '.', at least one: what roles and keys are made
/// of.
[[nodiscard]] bool is_plain_word(std::string_view text);

}  // namespace zswarm::bus
