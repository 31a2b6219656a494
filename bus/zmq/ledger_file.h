// The ledger's snapshot on disk, loaded and saved in small steps between the turns of the bus.
//
// Loading: the first kInlineEntries when the bus opens, so that a small ledger is whole before the first
// reconciliation, the rest in steps. Saving: every kSaveEvery if the state has changed, in steps and without
// waiting for the disk; whole and flushed when the node leaves. While it loads it does not save, so a
// snapshot is never replaced by a part of itself; nor is one that a later version wrote. Problems with the
// file are sentences for the log, never an end of the node: the other members have what was in it.
//
// Steps are kStepEntries long: about 3 ms of checking signatures, 0.1 ms of writing. One thread, that of the
// bus.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "bus/ledger/snapshot.h"

namespace zswarm::bus {

class LedgerFile {
 public:
  static constexpr std::size_t kInlineEntries = 2048, kStepEntries = 32, kSaveStepEntries = 512;
  static constexpr Duration kSaveEvery = std::chrono::minutes(3);

  using Log = std::function<void(const std::string& sentence)>;
  /// An empty path: nothing is kept.
  LedgerFile(std::filesystem::path path, Log log) : path_(std::move(path)), log_(std::move(log)) {}

  void open(const Now& now, Ledger& ledger);
  /// One step, if one is due.
  void turn(const Now& now, Ledger& ledger);
  /// Now, while there are steps to do.
  [[nodiscard]] Time next_timer() const { return due_; }
  /// All of it, flushed, unless it is still being loaded.
  void close(const Ledger& ledger);

 private:
  /// False once it is done.
  bool load(const Now& now, Ledger& ledger, std::size_t entries);
  void save(const Now& now, const Ledger& ledger);
  void failed(const Now& now, const Error& error);

  std::filesystem::path path_;
  const Log log_;
  std::optional<SnapshotLoader> loader_;
  std::optional<SnapshotSaver> saver_;
  Hash saved_{};   // the state that the file has
  Hash saving_{};  // the state when the saver began
  Time due_ = kNever;
  bool failure_told_ = false;
};

}  // namespace zswarm::bus
