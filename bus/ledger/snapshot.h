// The ledger on disk, so that a node that starts again resumes and needs only what changed meanwhile.
//
//   "zsledger"  version u32 LE = 1  count u64 LE, count times (length u32 LE, entry), BLAKE2b-256 of all
//   before
//
// A count of 2^64 - 1 stands for "as many as there are": a saver that goes in steps, between which the ledger
// changes, does not know it beforehand.
//
// Writing: beside its place with mode 0600, flushed to the disk, then moved there, so the old snapshot stays
// until the new one is whole. Reading: the hash of the whole file first, then every entry goes through
// Ledger::merge() as if a peer had sent it; what has ended its life meanwhile, or is forged, is counted and
// left out. A damaged file is moved aside to PATH.damaged and reported; the ledger is then as empty as on a
// first start, and reconciliation fills it.
//
// The only file of this folder that does I/O; blocking. Checking a signature takes about 0.1 ms, so loading
// goes in steps, between which the owner can do other things. One thread.
#pragma once

#include <filesystem>
#include <memory>

#include "bus/ledger/store.h"

namespace zswarm::bus {

/// kIo with the file's name if the operating system refuses. Entries written.
[[nodiscard]] Result<std::size_t> save_snapshot(const std::filesystem::path& path, const Ledger& ledger);

/// The same in steps, between which the ledger may change: what is written is at least all that stood from
/// the first step to the last. Entries go by position, so what is put meanwhile mostly comes at the end.
class SnapshotSaver {
 public:
  static constexpr std::uint64_t kCountUnknown = UINT64_MAX;
  /// `count`: entries, where the ledger will not change before the last step.
  [[nodiscard]] static Result<SnapshotSaver> open(const std::filesystem::path& path,
                                                  std::uint64_t count = kCountUnknown);
  ~SnapshotSaver();
  SnapshotSaver(SnapshotSaver&&) noexcept;
  SnapshotSaver& operator=(SnapshotSaver&&) = delete;

  /// Writes up to `max_entries`; false once all have been and the file stands in its place. Without kFlush it
  /// is left to the operating system when the bytes reach the disk: after a power failure the file may be
  /// damaged, which its hash shows.
  enum class Flush : std::uint8_t { kNo, kYes };
  [[nodiscard]] Result<bool> step(const Ledger& ledger, std::size_t max_entries, Flush flush);
  [[nodiscard]] std::size_t written() const { return written_; }

 private:
  struct File;
  explicit SnapshotSaver(std::unique_ptr<File> file);
  Status finish(Flush flush);

  std::unique_ptr<File> file_;
  Bound next_ = Bound::start();
  std::size_t written_ = 0;
};

class SnapshotLoader {
 public:
  /// Reads the file and checks its hash. kNotFound if there is none; kMalformed if it is damaged, and then it
  /// has been moved aside; kUnsupported if a later version wrote it; kTooLarge over `max_bytes`.
  [[nodiscard]] static Result<SnapshotLoader> open(const std::filesystem::path& path,
                                                   std::size_t max_bytes = std::size_t{1} << 30);

  /// Merges up to `max_entries`; false once all have been.
  bool step(const Now& now, Ledger& ledger, std::size_t max_entries);

  [[nodiscard]] std::size_t loaded() const { return loaded_; }
  /// Refused by the ledger, most likely past their life; or not found behind a wrong length.
  [[nodiscard]] std::size_t left_out() const { return left_out_; }

 private:
  explicit SnapshotLoader(Bytes file, std::uint64_t count) : file_(std::move(file)), left_(count) {}
  Bytes file_;
  std::uint64_t left_;
  std::size_t at_ = 0, loaded_ = 0, left_out_ = 0;
};

/// All at once, for programs that have nothing else to do yet.
[[nodiscard]] Result<SnapshotLoader> load_snapshot(const std::filesystem::path& path, const Now& now,
                                                   Ledger& ledger);

}  // namespace zswarm::bus
