#include "kernels/base/huge_memory.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cstdint>
#include <utility>

namespace zswarm {

namespace {
constexpr std::size_t kHugePage = std::size_t{2} << 20;
}

Result<HugeMemory> HugeMemory::allocate(std::size_t bytes) {
  HugeMemory memory;
  if (bytes == 0) return memory;
  const auto refuse = [&] {
    return fail(
        ErrorCode::kOutOfMemory,
        fmt::format("The system refuses {:.1f} MiB of memory; free some, or use a smaller model or limit.",
                    static_cast<double>(bytes) / 1048576.0));
  };
  if (bytes > (std::size_t{1} << 46)) return refuse();
  const std::size_t mapped = bytes + kHugePage;  // room to align
  void* p =
      ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return refuse();
  const auto aligned = (reinterpret_cast<std::uintptr_t>(p) + kHugePage - 1) / kHugePage * kHugePage;
  memory.mapping_ = p;
  memory.mapping_bytes_ = mapped;
  memory.data_ = reinterpret_cast<std::byte*>(aligned);
  memory.size_ = bytes;
  // A kernel without transparent huge pages says no, and ordinary pages serve.
  (void)::madvise(memory.data_, bytes, MADV_HUGEPAGE);
  return memory;
}

HugeMemory::HugeMemory(HugeMemory&& other) noexcept {
  *this = std::move(other);
}

HugeMemory& HugeMemory::operator=(HugeMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(mapping_, other.mapping_);
  std::swap(mapping_bytes_, other.mapping_bytes_);
  return *this;
}

HugeMemory::~HugeMemory() {
  if (mapping_ != nullptr) ::munmap(mapping_, mapping_bytes_);
}

}  // namespace zswarm
