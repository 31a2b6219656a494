#include "bus/zmq/limited_log.h"

#include <fmt/format.h>

namespace zswarm::bus {

void LimitedLog::say(Time now, const std::string& sentence) {
  std::erase_if(said_, [&](const auto& entry) { return now - entry.second >= kAgain; });
  if (said_.contains(sentence)) return;
  // What could not be remembered could come without end, so it counts as too much.
  if (said_.size() >= kRemembered || !bucket_.take(now, 1)) {
    ++left_out_;
    return;
  }
  said_.emplace(sentence, now);
  if (left_out_ == 0) return log_(sentence);
  log_(fmt::format("{} ({} other remarks were left out)", sentence, left_out_));
  left_out_ = 0;
}

}  // namespace zswarm::bus
