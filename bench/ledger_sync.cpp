// What it costs to reconcile two ledgers that differ in a few entries.
//
//   ledger_sync [entries=1000000] [differences=100] [runs=3]
//
// Half of the differences are missing on either side. "scattered": over the whole life of the entries, the
// worst case; "recent": among the last ones, what broadcasts lose. Prints bytes in both directions without
// and with the entries themselves, round trips (messages of the opener that are answered), the largest
// message, the time of both sides together, and memory for an entry.
#include <malloc.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <set>

#include "bus/ledger/sync.h"

namespace {

using namespace zswarm::bus;
using Clock = std::chrono::steady_clock;

constexpr std::int64_t kLifeMs = LedgerOptions{}.life_ms, kNowMs = 1'800'000'000'000;
constexpr std::size_t kAuthors = 1'000;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

Now at_ms(std::int64_t ms) {
  return {{std::chrono::milliseconds(ms)}, {ms}};
}

LedgerOptions options(std::size_t entries, const SignPublicKey& operator_key) {
  LedgerOptions options;
  options.operator_key = operator_key;
  options.author = {entries / kAuthors + 1, 1u << 30};
  options.total = {entries, std::size_t{1} << 34};
  return options;
}

/// Which entries each side leaves out.
struct Gaps {
  std::set<std::size_t> a, b;
};

Gaps gaps(std::size_t entries, std::size_t differences, std::size_t among_last, Random& random) {
  Gaps gaps;
  while (gaps.a.size() < differences / 2) gaps.a.insert(entries - 1 - random.below(among_last));
  while (gaps.b.size() < differences - differences / 2) {
    const std::size_t entry = entries - 1 - random.below(among_last);
    if (!gaps.a.contains(entry)) gaps.b.insert(entry);
  }
  return gaps;
}

/// The same entries on both sides but for the gaps: signatures of Ed25519 are the same every time, so each
/// side can write them by itself, without checking 2,000,000 signatures.
void fill(Ledger& ledger, const std::vector<SignKeyPair>& authors, std::size_t entries,
          const std::set<std::size_t>& left_out) {
  for (std::size_t i = 0; i < entries; ++i) {
    const SignKeyPair& author = authors[i % authors.size()];
    const std::string key = "node/" + node_id_of(author.public_key).text() + "/key-" + std::to_string(i);
    const auto age =
        static_cast<std::int64_t>(static_cast<double>(kLifeMs - 120'000) * static_cast<double>(entries - i) /
                                  static_cast<double>(entries));
    if (left_out.contains(i)) continue;
    const Bytes value(64, static_cast<std::uint8_t>(i));
    if (const auto put = ledger.put_as(author, at_ms(kNowMs - age), key, value); !put) {
      std::fprintf(stderr, "%s\n", put.error().message.c_str());
      std::exit(1);
    }
  }
}

struct Side {
  Side(const LedgerOptions& options, std::uint8_t number)
      : ledger(options, nullptr, number), sync(ledger, number), id{{number}} {}
  Ledger ledger;
  Sync sync;
  Outbox outbox;
  NodeId id;
};

bool reconcile(const char* name, Side& a, Side& b, const Now& now) {
  const auto start = Clock::now();
  if (!a.sync.open(now, b.id, a.outbox)) return false;
  std::size_t largest = 0;
  for (bool any = true; any;) {
    any = false;
    for (Side* from : {&a, &b}) {
      Side& to = from == &a ? b : a;
      for (const Effect& effect : from->outbox.take()) {
        const Bytes& message = std::get<Send>(effect).message;
        largest = std::max(largest, message.size());
        to.sync.on_message(now, from->id, message, to.outbox);
        any = true;
      }
    }
  }
  const double seconds = seconds_since(start);
  const SyncReport mine = a.sync.take_reports().at(0), theirs = b.sync.take_reports().at(0);
  const std::size_t all = mine.bytes_sent + theirs.bytes_sent;
  const std::size_t entries = mine.entry_bytes_sent + theirs.entry_bytes_sent;
  std::printf(
      "%-10s %4zu entries carried, %7zu bytes of protocol, %7zu with entries, %u round trips, "
      "largest message %6zu, %.1f ms\n",
      name, mine.entries_new + theirs.entries_new, all - entries, all, mine.messages_sent, largest,
      seconds * 1e3);
  const bool equal = a.ledger.state_hash() == b.ledger.state_hash();
  if (!equal) std::fprintf(stderr, "the ledgers are still different\n");
  return equal;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t entries = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  const std::size_t differences = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 100;
  const int runs = argc > 3 ? std::atoi(argv[3]) : 3;
  if (entries < 10 * differences || differences == 0) {
    std::fprintf(stderr, "usage: ledger_sync [entries] [differences, at most a tenth of them] [runs]\n");
    return 2;
  }
  std::vector<SignKeyPair> authors;
  for (std::size_t i = 0; i < kAuthors; ++i) authors.push_back(SignKeyPair::from_seed(Secret<32>::random()));
  const LedgerOptions shared = options(entries, SignKeyPair::from_seed(Secret<32>::random()).public_key);
  Random random(1);
  for (int run = 0; run < runs; ++run) {
    const bool scattered = run % 2 == 0;
    const Gaps left_out = gaps(entries, differences, scattered ? entries : 10 * differences, random);
    Side a(shared, 1), b(shared, 2);
    const auto start = Clock::now();
    const auto before = mallinfo2().uordblks;
    fill(a.ledger, authors, entries, left_out.a);
    const auto memory = mallinfo2().uordblks - before;
    fill(b.ledger, authors, entries, left_out.b);
    if (run == 0) {
      std::printf(
          "two ledgers of %zu entries written and signed in %.1f s; %.0f bytes of memory an entry, "
          "of which 106 to 112 are key and value\n",
          entries, seconds_since(start), static_cast<double>(memory) / static_cast<double>(entries));
    }
    if (!reconcile(scattered ? "scattered" : "recent", a, b, at_ms(kNowMs))) return 1;
    if (!reconcile("equal", a, b, at_ms(kNowMs + 1'000))) return 1;
    std::fflush(stdout);
  }
  return 0;
}
