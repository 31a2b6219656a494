// Small files that only their owner may read: identities, operator keys, snapshots of them.
//
//   line 1   "zswarm KIND: secret, never copy or share this file" — for a person who opens it
//   line 2   base32(contents || first 8 bytes of BLAKE2b-256(KIND || contents))
//
// A file appears whole or not at all: it is written beside its place with mode 0600, flushed to the disk
// and then moved. Reading refuses a file that others may read, or whose hash does not fit. Blocking; errors
// name the file.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "bus/base/error.h"
#include "bus/keys/secret.h"

namespace zswarm::bus {

inline constexpr std::size_t kMaxPrivateFileBytes = 4096;

/// kNotFound if there is none; kRefused if others may read it; kMalformed if it is damaged or of another
/// kind.
[[nodiscard]] Result<SecretBytes> read_private_file(const std::filesystem::path& path, std::string_view kind);

enum class WriteMode : std::uint8_t {
  kCreate,   // kBusy if there is one already, which stays: of several at one time, one wins
  kReplace,  // the old one is there until the new one is whole
};
[[nodiscard]] Status write_private_file(const std::filesystem::path& path, std::string_view kind,
                                        ByteView contents, WriteMode mode);

/// A path fit for a message: cut, and without control characters.
[[nodiscard]] std::string shown_path(const std::filesystem::path& path);

}  // namespace zswarm::bus
