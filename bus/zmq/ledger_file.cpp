#include "bus/zmq/ledger_file.h"

#include <fmt/format.h>

namespace zswarm::bus {

void LedgerFile::open(const Now& now, Ledger& ledger) {
  saved_ = ledger.state_hash();
  if (path_.empty()) return;
  due_ = now.steady + kSaveEvery;
  auto opened = SnapshotLoader::open(path_);
  if (!opened) {
    if (opened.error().code != ErrorCode::kNotFound) log_(opened.error().message);
    if (opened.error().code == ErrorCode::kUnsupported) {
      path_.clear();
      due_ = kNever;
    }
    return;
  }
  loader_.emplace(std::move(*opened));
  if (!load(now, ledger, kInlineEntries)) saved_ = ledger.state_hash();
}

bool LedgerFile::load(const Now& now, Ledger& ledger, std::size_t entries) {
  if (loader_->step(now, ledger, entries)) {
    due_ = now.steady;
    return true;
  }
  if (loader_->left_out() > 0) {
    log_(fmt::format(
        "of the ledger's snapshot {} entries were taken and {} left out, most likely past their life",
        loader_->loaded(), loader_->left_out()));
  }
  loader_.reset();
  due_ = now.steady + kSaveEvery;
  return false;
}

void LedgerFile::turn(const Now& now, Ledger& ledger) {
  if (due_ > now.steady) return;
  loader_ ? void(load(now, ledger, kStepEntries)) : save(now, ledger);
}

void LedgerFile::save(const Now& now, const Ledger& ledger) {
  due_ = now.steady + kSaveEvery;
  if (!saver_) {
    saving_ = ledger.state_hash();
    if (saving_ == saved_) return;
    auto opened = SnapshotSaver::open(path_);
    if (!opened) return failed(now, opened.error());
    saver_.emplace(std::move(*opened));
  }
  const auto more = saver_->step(ledger, kSaveStepEntries, SnapshotSaver::Flush::kNo);
  if (!more) return failed(now, more.error());
  if (*more) {
    due_ = now.steady;
    return;
  }
  saver_.reset();
  saved_ = saving_;
  failure_told_ = false;
}

void LedgerFile::failed(const Now& now, const Error& error) {
  saver_.reset();
  due_ = now.steady + kSaveEvery;
  if (!failure_told_) log_(error.message);
  failure_told_ = true;
}

void LedgerFile::close(const Ledger& ledger) {
  if (path_.empty() || loader_) return;
  saver_.reset();
  if (ledger.state_hash() == saved_) return;
  const auto saved = save_snapshot(path_, ledger);
  if (!saved) log_(saved.error().message);
}

}  // namespace zswarm::bus
