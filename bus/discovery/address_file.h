// Addresses of members, remembered from one run to the next: a text file that a person may read and change.
//
//   # a comment; empty lines are passed over
//   HOST:PORT        of a join socket, keys/endpoint.h; one on a line
//
// It holds nothing secret, and nothing in it is trusted: whoever answers at an address has to prove the
// token. A file appears whole or not at all: written beside its place with mode 0600, flushed, then moved
// there. Blocking; errors name the file.
#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "bus/base/error.h"
#include "bus/keys/endpoint.h"

namespace zswarm::bus {

inline constexpr std::size_t kAddressFileBytes = 64 << 10;
inline constexpr std::size_t kAddressFileAddresses = 128;

struct AddressFile {
  std::vector<Endpoint> addresses;  // each once, in the order of the file
  std::size_t bad_lines = 0;        // passed over: no address, or beyond the limits
};

/// A file that is not there is an empty one. kIo; kTooLarge over kAddressFileBytes.
[[nodiscard]] Result<AddressFile> load_addresses(const std::filesystem::path& path);
/// What load_addresses() makes of the file's text.
[[nodiscard]] AddressFile read_addresses(std::string_view text);

/// At most kAddressFileAddresses of them are written. kIo.
[[nodiscard]] Status save_addresses(const std::filesystem::path& path, std::span<const Endpoint> addresses);

}  // namespace zswarm::bus
