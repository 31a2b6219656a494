// Reading a text, writing a file in one piece: with errors that name the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "kernels/base/error.h"

namespace zswarm::tools {

/// A path fit for a message.
[[nodiscard]] std::string shown(const std::filesystem::path& path);

inline constexpr std::size_t kTextBytesMax = std::size_t{1} << 30;  // of a text that a command works on

/// All bytes of `path`, or of standard input if it is empty. kTooLarge above max_bytes.
[[nodiscard]] Result<std::string> read_text(const std::filesystem::path& path, std::size_t max_bytes);

/// Writes `text` so that a reader sees either nothing (or the old file) or all of it: a file beside it, then
/// a rename. A secret is written with mode 0600.
enum class Secrecy : std::uint8_t { kPublic, kSecret };
[[nodiscard]] Status write_whole(const std::filesystem::path& path, const std::string& text,
                                 Secrecy secrecy = Secrecy::kPublic);

}  // namespace zswarm::tools
