// What this machine, or the container that limits us, has to offer. Read from the operating system on each
// call; any thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace zswarm::node {

/// Processor cores that this process may use, hyper-threads of one core counted once; at least 1.
[[nodiscard]] std::size_t physical_cores();

/// Bytes of memory that this process may use in all: the machine's, or its control group's limit.
[[nodiscard]] std::uint64_t memory_bytes();

}  // namespace zswarm::node
