// Errors of the network as the program's own: bus/ stands alone and has a kind of its own.
#pragma once

#include "bus/base/error.h"
#include "kernels/base/error.h"

namespace zswarm::node {

[[nodiscard]] Error from_bus(bus::Error error);

/// A Result of the bus as ours.
template <class T>
[[nodiscard]] Result<T> from_bus(bus::Result<T> result) {
  if (!result) return fail(from_bus(std::move(result.error())));
  return std::move(*result);
}

}  // namespace zswarm::node
