// Every limit of the core, in one place; those of its parts are in their own folders.
#pragma once

#include <cstddef>
#include <cstdint>

namespace zswarm::bus {

/// A load hint's bytes: part of the protocol.
inline constexpr std::size_t kMaxHintBytes = 1024;
inline constexpr std::size_t kMaxClientNameBytes = 64;

struct CoreLimits {
  // Members known, about 1 KiB each. The driver's tables of keys and addresses follow this one.
  std::size_t members = 16'384;
  std::size_t duplicates = 256;      // nodes of which two processes were seen, the latest
  std::size_t clients = 1024;        // registrations that count, of all nodes
  std::size_t clients_of_node = 64;  // made by one
  std::size_t notes = 64;            // sentences for the operator that nobody has taken yet
  std::size_t fetches = 16;          // blobs fetched at one time
  std::size_t info_calls = 64;       // of zswarm.info; each is answered at once
  std::uint64_t versions_per_s = 2;  // answers to other versions of the protocol, to all
  std::uint64_t versions_burst = 16;
};

}  // namespace zswarm::bus
