// Which model a request means on the network: the BLAKE2b-256 of its whole file. Nodes with the same hash
// give the same answers, whatever they call the model.
#pragma once

#include "bus/base/bytes.h"

namespace zswarm::node {

using ModelHash = bus::ByteArray<32>;

}  // namespace zswarm::node
