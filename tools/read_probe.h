// How fast this machine reads memory right now: the limit for generating text, which reads all weights for
// each token.
//
// The figure changes from minute to minute on shared machines, so it is measured between the tests it is
// compared with.
#pragma once

#include <cstddef>

#include "kernels/base/error.h"
#include "kernels/base/team.h"

namespace zswarm::tools {

class ReadProbe {
 public:
  /// Takes (and touches) 512 MiB, in huge pages where the system grants them. kOutOfMemory.
  static Result<ReadProbe> create(Team& team);
  ReadProbe(ReadProbe&& other) noexcept;
  ReadProbe& operator=(ReadProbe&&) = delete;
  ~ReadProbe();

  /// Bytes per second, the best of `passes` readings by all members together.
  [[nodiscard]] double measure(int passes = 5);

 private:
  ReadProbe(Team& team, std::byte* memory) : team_(&team), memory_(memory) {}
  Team* team_;
  std::byte* memory_;
};

}  // namespace zswarm::tools
