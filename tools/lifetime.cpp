#include "tools/lifetime.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <string_view>

namespace zswarm::tools {

namespace {

std::uint64_t now_s() {
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(since_1970).count());
}

/// "30d", "12h", "45m", "90s", "2w": seconds, from one to a hundred years.
Result<std::uint64_t> parse_lifetime(const std::string& text) {
  constexpr std::uint64_t kMinute = 60, kHour = 60 * kMinute, kDay = 24 * kHour, kCentury = 36'525 * kDay;
  std::uint64_t number = 0, unit = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view suffix(rest, static_cast<std::size_t>(text.data() + text.size() - rest));
  if (suffix == "s") unit = 1;
  if (suffix == "m") unit = kMinute;
  if (suffix == "h") unit = kHour;
  if (suffix == "d") unit = kDay;
  if (suffix == "w") unit = 7 * kDay;
  if (error != std::errc() || unit == 0 || number == 0 || number > kCentury / unit) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("--expires wants a time like 30d, 12h, 45m or 90s (at most 100 years), not '{}'.",
                            printable(text)));
  }
  return number * unit;
}

}  // namespace

Result<std::uint64_t> expiry_after(const std::string& lifetime) {
  const auto seconds = parse_lifetime(lifetime);
  if (!seconds) return fail(seconds.error());
  return now_s() + *seconds;
}

}  // namespace zswarm::tools
