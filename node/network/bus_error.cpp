#include "node/network/bus_error.h"

namespace zswarm::node {

namespace {

ErrorCode code_here(bus::ErrorCode code) {
  switch (code) {
    case bus::ErrorCode::kUnsupported:
      return ErrorCode::kUnsupported;
    case bus::ErrorCode::kTooLarge:
      return ErrorCode::kTooLarge;
    case bus::ErrorCode::kNotFound:
      return ErrorCode::kNotFound;
    case bus::ErrorCode::kBusy:
    case bus::ErrorCode::kUnreachable:
      return ErrorCode::kUnavailable;
    case bus::ErrorCode::kDeadline:
      return ErrorCode::kDeadline;
    case bus::ErrorCode::kCancelled:
      return ErrorCode::kCancelled;
    case bus::ErrorCode::kIo:
      return ErrorCode::kIo;
    case bus::ErrorCode::kMalformed:
    case bus::ErrorCode::kRefused:
      break;
  }
  return ErrorCode::kInvalidArgument;
}

}  // namespace

Error from_bus(bus::Error error) {
  return {code_here(error.code), std::move(error.message), {}};
}

}  // namespace zswarm::node
