// Standard output and standard error, as scripts and pipes expect them.
//
// One thread at a time. Writes are checked: a reader that has gone away (EPIPE) ends the program quietly with
// status 0, since it wanted no more; any other failure (a full disk) ends it with a sentence and status 1.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "kernels/base/error.h"

namespace zswarm::tools {

/// Appends to standard output; what is written reaches the reader at flush() or when the buffer is full.
void put(std::string_view text);
void flush();

/// One JSON value on one line; strings that are not UTF-8 show U+FFFD in place of the broken bytes.
void put_json(const nlohmann::ordered_json& value);

/// "zswarm: <sentence>" on standard error, without control characters. Returns the exit status kFailed.
int report(std::string_view sentence);
int report(const Error& error);
/// The same for wrong usage that the parser cannot see. Returns kUsage.
int report_usage(std::string_view sentence);

/// True if standard error is a terminal that can show a line being rewritten.
[[nodiscard]] bool stderr_is_terminal();

/// A line on standard error that is rewritten in place: "Loading x.gguf  [######    ]  60 %". Shows nothing
/// unless standard error is a terminal. The destructor wipes it.
class ProgressBar {
 public:
  explicit ProgressBar(std::string_view title);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  void show(double share);  // 0 to 1
  void wipe();

 private:
  std::string_view title_;
  bool active_;
  int shown_percent_ = -1;
};

}  // namespace zswarm::tools
