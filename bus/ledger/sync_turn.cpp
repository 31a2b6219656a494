#include "bus/ledger/sync_turn.h"

#include <algorithm>
#include <set>

namespace zswarm::bus {

SyncTurn TurnMaker::opening(const Bound& lower) {
  list_or_cut({lower, Bound::infinity()}, limits_.first_pieces);
  return std::move(out_.turn);
}

TurnAnswer TurnMaker::answer(const SyncTurn& asked) {
  const std::vector<Job> jobs = jobs_of(asked);
  const auto to_cut =
      std::count_if(jobs.begin(), jobs.end(), [](const Job& job) { return job.kind == Kind::kDiffers; });
  const std::size_t pieces =
      std::clamp(limits_.pieces_wanted / std::max<std::size_t>(1, static_cast<std::size_t>(to_cut)),
                 limits_.fewest_pieces, limits_.first_pieces);
  for (const Job& job : jobs) {
    if (has_room()) {
      do_job(job, pieces);
    } else {
      leave(job.range);
    }
  }
  if (left_) {
    const SetSum sum = ledger_.records().sum(left_->lower, left_->upper);
    out_.turn.fingerprints.push_back({*left_, fingerprint_of(nonce_, sum)});
  }
  if (out_.turn.asks_nothing()) out_.turn.state = SyncState::kDone;
  return std::move(out_);
}

std::vector<TurnMaker::Job> TurnMaker::jobs_of(const SyncTurn& asked) const {
  std::vector<Job> jobs;
  const Records& records = ledger_.records();
  for (const IdRange& want : asked.wants) jobs.push_back({want.range, Kind::kWant, &want.ids});
  for (const IdRange& list : asked.lists) {
    const std::uint64_t count = records.sum(list.range.lower, list.range.upper).count;
    // An empty list says that all is missing, whatever the range holds.
    const bool long_range = count > limits_.list_scan && !list.ids.empty();
    jobs.push_back({list.range, long_range ? Kind::kDiffers : Kind::kList, &list.ids});
  }
  for (const FingerprintRange& other : asked.fingerprints) {
    const SetSum own = records.sum(other.range.lower, other.range.upper);
    if (fingerprint_of(nonce_, own) != other.fingerprint) jobs.push_back({other.range, Kind::kDiffers});
  }
  std::stable_sort(jobs.begin(), jobs.end(),
                   [](const Job& a, const Job& b) { return a.range.lower < b.range.lower; });
  return jobs;
}

bool TurnMaker::has_room() const {
  const SyncTurn& turn = out_.turn;
  const std::size_t ranges = turn.fingerprints.size() + turn.lists.size() + turn.wants.size();
  return ranges < limits_.ranges && ids_ < limits_.ids && scanned_ < limits_.scanned &&
         entry_bytes_ < limits_.entry_bytes;
}

void TurnMaker::do_job(const Job& job, std::size_t pieces) {
  switch (job.kind) {
    case Kind::kWant:
      return send_wanted(job);
    case Kind::kList:
      return send_missing(job);
    case Kind::kDiffers:
      return list_or_cut(job.range, pieces);
  }
}

void TurnMaker::send_missing(const Job& job) {
  std::set<ShortId> theirs(job.ids->begin(), job.ids->end());
  bool sending = true;
  ledger_.records().walk_positions(job.range.lower, job.range.upper, [&](RecordIndex record) {
    if (!theirs.empty() && theirs.erase(id_of(record)) > 0) return true;
    if (!sending) return !theirs.empty();
    if (entry_bytes_ >= limits_.entry_bytes) {
      leave({{ledger_.records()[record].position_key(), false}, job.range.upper});
      sending = false;
      return !theirs.empty();
    }
    send_entry(record);
    return true;
  });
  if (theirs.empty()) return;
  // Lists of a node with the same limits are shorter; of a longer one the rest is asked for in a later turn.
  if (theirs.size() > limits_.ids) leave(job.range);
  const auto end =
      std::next(theirs.begin(), static_cast<std::ptrdiff_t>(std::min(theirs.size(), limits_.ids)));
  out_.turn.wants.push_back({job.range, {theirs.begin(), end}});
  ids_ += out_.turn.wants.back().ids.size();
}

void TurnMaker::send_wanted(const Job& job) {
  // A longer range has grown since it was listed here, or never was.
  if (ledger_.records().sum(job.range.lower, job.range.upper).count > limits_.list_scan)
    return leave(job.range);
  std::set<ShortId> wanted(job.ids->begin(), job.ids->end());
  ledger_.records().walk_positions(job.range.lower, job.range.upper, [&](RecordIndex record) {
    if (wanted.empty()) return false;
    if (wanted.erase(id_of(record)) == 0) return true;
    if (entry_bytes_ >= limits_.entry_bytes) {
      leave({{ledger_.records()[record].position_key(), false}, job.range.upper});
      return false;
    }
    send_entry(record);
    return true;
  });
}

void TurnMaker::list_or_cut(const Range& range, std::size_t pieces) {
  const std::uint64_t count = ledger_.records().sum(range.lower, range.upper).count;
  if (count <= limits_.leaf) return list(range);
  cut(range, count, pieces);
}

void TurnMaker::list(const Range& range) {
  IdRange listed{range, {}};
  ledger_.records().walk_positions(range.lower, range.upper, [&](RecordIndex record) {
    listed.ids.push_back(id_of(record));
    return true;
  });
  ids_ += listed.ids.size();
  out_.turn.lists.push_back(std::move(listed));
}

void TurnMaker::cut(const Range& range, std::uint64_t count, std::size_t pieces) {
  const Records& records = ledger_.records();
  const std::uint64_t first = records.sum(Bound::start(), range.lower).count;
  // Not shorter than half a list on average; two at least, so that every turn gets further.
  const std::uint64_t parts = std::min(count, std::clamp<std::uint64_t>(2 * count / limits_.leaf, 2, pieces));
  const std::uint64_t step = count / parts;
  Bound lower = range.lower;
  for (std::uint64_t part = 1; part <= parts; ++part) {
    Bound upper = range.upper;
    if (part < parts) {
      const std::uint64_t rank = first + count * part / parts - random_.below(step / 4 + 1);
      upper = bound_between(records[records.by_rank(rank - 1)].position_key(),
                            records[records.by_rank(rank)].position_key());
    }
    out_.turn.fingerprints.push_back({{lower, upper}, fingerprint_of(nonce_, records.sum(lower, upper))});
    lower = upper;
  }
}

void TurnMaker::leave(const Range& range) {
  if (!left_) left_ = range;
  left_->lower = std::min(left_->lower, range.lower);
  left_->upper = std::max(left_->upper, range.upper);
}

void TurnMaker::send_entry(RecordIndex record) {
  out_.entries.push_back(ledger_.encoded(record));
  entry_bytes_ += out_.entries.back().size();
}

ShortId TurnMaker::id_of(RecordIndex record) {
  ++scanned_;
  return short_id_of(nonce_, ledger_.records()[record].hash);
}

}  // namespace zswarm::bus
