// Requests, events and ends of the service `generate`, and what nodes tell of their models, from any bytes.
#include <cstdint>
#include <cstdlib>

#include "node/dispatch/served_model.h"
#include "node/dispatch/wire.h"

using namespace zswarm;
using namespace zswarm::node;

namespace {

/// What was read can be written, and reads as the same again.
void check_call(bus::ByteView payload, const std::vector<bus::Bytes>& frames) {
  const auto read = read_call(payload, frames);
  if (!read) return;
  const auto written = write_call(*read);
  if (!written) std::abort();
  const auto again = read_call(written->payload, written->frames);
  if (!again || again->what.prompt != read->what.prompt || again->what.delivered != read->what.delivered ||
      again->what.stop != read->what.stop)
    std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const bus::ByteView bytes(data + 1, size - 1);
  switch (data[0] % 4) {
    case 0: {
      const std::size_t frame = size > 16 ? 16 : 0;
      check_call(bytes.subspan(0, bytes.size() - frame),
                 {bus::Bytes(bytes.end() - static_cast<std::ptrdiff_t>(frame), bytes.end())});
      break;
    }
    case 1: {
      EventReader reader(64);
      (void)reader.read(bytes);
      (void)reader.read(bytes);
      break;
    }
    case 2:
      (void)read_end_trailer(bytes);
      break;
    default:
      if (const auto model = read_served_model({}, bytes); model && model->names.empty()) std::abort();
  }
  return 0;
}
