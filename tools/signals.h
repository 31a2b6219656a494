// SIGINT (Ctrl-C) and SIGTERM, turned into calls on a thread of their own, where any code may run.
//
// Made first thing in main(): every thread started later inherits the blocked signals, so that no code here
// runs inside a signal handler. Without a handler of the command's own, the first signal ends the program
// with a sentence and status 1; a second one always ends it at once. SIGPIPE is ignored (see output.h).
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace zswarm::tools {

class StopSignals {
 public:
  /// What to do at the `count`th signal (from 1) since it was set; `number` is SIGINT or SIGTERM. False: end
  /// the program as without a
  /// handler.
  using Handler = std::function<bool(int number, int count)>;

  /// The one of this process; made by main().
  static StopSignals& instance();

  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// Replaces the handler; an empty one restores the default. The old one is not running any more when this
  /// returns.
  void set_handler(Handler handler);

  /// A file to remove if a signal ends the program (one that is being written); empty: none.
  void set_unfinished_file(std::string path);

 private:
  StopSignals();
  void watch();

  std::mutex mutex_;
  Handler handler_;              // guarded by mutex_
  std::string unfinished_file_;  // guarded by mutex_
  int count_ = 0;                // guarded by mutex_
};

/// Undoes what StopSignals does to the process, for a child process that was started by one with it.
void restore_default_signals();

}  // namespace zswarm::tools
