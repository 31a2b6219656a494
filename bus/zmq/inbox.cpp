#include "bus/zmq/inbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "bus/base/error.h"

namespace zswarm::bus {

Inbox::Inbox() : descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  // Fails only where a process may have no more files open, before any socket could be.
  ZS_BUS_ASSERT(descriptor_ >= 0);
}

Inbox::~Inbox() {
  close(descriptor_);
}

void Inbox::put(Work work) {
  {
    const std::lock_guard lock(mutex_);
    work_.push_back(std::move(work));
  }
  wake();
}

void Inbox::wake() {
  const std::uint64_t one = 1;
  // A full counter cannot be added to, and is readable all the same.
  [[maybe_unused]] const auto written = write(descriptor_, &one, sizeof(one));
}

std::vector<Inbox::Work> Inbox::take() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto read_bytes = read(descriptor_, &count, sizeof(count));
  const std::lock_guard lock(mutex_);
  return std::exchange(work_, {});
}

}  // namespace zswarm::bus
