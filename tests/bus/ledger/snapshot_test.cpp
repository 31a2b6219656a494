#include "bus/ledger/snapshot.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "tests/bus/ledger/ledger_fixture.h"

namespace zswarm::bus {
namespace {

using test::at_ms;
using test::node_key;
using test::options;
using test::signer;

Bytes contents(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void write(const std::filesystem::path& path, const Bytes& bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

/// Makes the hash at the end fit again.
Bytes rehashed(Bytes file) {
  file.erase(file.end() - 32, file.end());
  const Hash hash = hash_of(file);
  file.insert(file.end(), hash.begin(), hash.end());
  return file;
}

struct SnapshotTest : ::testing::Test {
  SnapshotTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "ledger_XXXXXX").native();
    folder = mkdtemp(pattern.data());
    path = folder / "ledger";
    for (int i = 0; i < 20; ++i) {
      EXPECT_TRUE(ledger.put(at_ms(i), node_key(1, std::to_string(i)), Bytes(static_cast<std::size_t>(i))));
    }
    EXPECT_TRUE(ledger.erase(at_ms(20), node_key(1, "0")));
    EXPECT_TRUE(ledger.put_as(signer(0), at_ms(21), "network/revoked/" + test::id_of(3).text(), {}));
    EXPECT_EQ(save_snapshot(path, ledger), ledger.used().entries);
  }
  ~SnapshotTest() override { std::filesystem::remove_all(folder); }

  std::filesystem::path folder, path;
  Ledger ledger{options(), &signer(1), 1};
  Ledger fresh{options(), &signer(1), 2};
};

TEST_F(SnapshotTest, BringsBackTheSameState) {
  const auto loaded = load_snapshot(path, at_ms(100), fresh);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->loaded(), ledger.used().entries);
  EXPECT_EQ(loaded->left_out(), 0u);
  EXPECT_EQ(fresh.state_hash(), ledger.state_hash());
  EXPECT_TRUE(fresh.is_revoked(test::id_of(3)));
  EXPECT_EQ(fresh.clock(), ledger.clock());
}

TEST_F(SnapshotTest, IsForItsOwnerAloneAndLeavesNothingBeside) {
  struct stat status {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  ASSERT_TRUE(ledger.put(at_ms(30), node_key(1, "more"), {}));
  EXPECT_EQ(save_snapshot(path, ledger), ledger.used().entries);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
  ASSERT_TRUE(load_snapshot(path, at_ms(100), fresh));
  EXPECT_EQ(fresh.state_hash(), ledger.state_hash());
}

TEST_F(SnapshotTest, WithAnyByteChangedIsMovedAsideAndLoadsNothing) {
  const Bytes whole = contents(path);
  for (std::size_t at = 0; at < whole.size(); at += 1 + whole.size() / 40) {
    Bytes changed = whole;
    changed[at] ^= 0x10;
    write(path, changed);
    const auto loaded = load_snapshot(path, at_ms(100), fresh);
    ASSERT_FALSE(loaded) << at;
    EXPECT_EQ(loaded.error().code, ErrorCode::kMalformed);
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_EQ(contents(path.native() + ".damaged"), changed);
  }
  EXPECT_EQ(fresh.used().entries, 0u);
}

TEST_F(SnapshotTest, CutOffAnywhereIsDamaged) {
  const Bytes whole = contents(path);
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{7}, std::size_t{20}, whole.size() - 1}) {
    write(path, {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(bytes)});
    EXPECT_EQ(load_snapshot(path, at_ms(100), fresh).error().code, ErrorCode::kMalformed);
  }
}

TEST_F(SnapshotTest, IsCheckedEntryByEntryThoughItsHashFits) {
  Bytes forged = contents(path);
  // The first entry is at 24; the last byte of its signature lies before the next one's length.
  const std::size_t length = forged[20] | forged[21] << 8;
  forged[24 + length - 1] ^= 1;
  write(path, rehashed(forged));
  const auto loaded = load_snapshot(path, at_ms(100), fresh);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->left_out(), 1u);
  EXPECT_EQ(fresh.used().entries, ledger.used().entries - 1);
}

TEST_F(SnapshotTest, LengthsBeyondTheFileEndTheReading) {
  Bytes wrong = contents(path);
  wrong[23] = 0xff;
  write(path, rehashed(wrong));
  const auto loaded = load_snapshot(path, at_ms(100), fresh);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->loaded(), 0u);
  EXPECT_EQ(loaded->left_out(), ledger.used().entries);
}

TEST_F(SnapshotTest, LeavesOutWhatEndedItsLifeMeanwhile) {
  const auto loaded = load_snapshot(path, at_ms(LedgerOptions{}.life_ms + 10), fresh);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->left_out(), 9u);  // those from 1 to 9 ms; the one from 0 was erased at 20
}

TEST_F(SnapshotTest, OfALaterVersionIsLeftInItsPlace) {
  Bytes later = contents(path);
  later[8] = 2;
  write(path, rehashed(later));
  EXPECT_EQ(load_snapshot(path, at_ms(100), fresh).error().code, ErrorCode::kUnsupported);
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(SnapshotTest, OfAnotherNetworkLoadsNothing) {
  LedgerOptions other = options();
  other.network = {'o'};
  Ledger stranger(other, nullptr, 1);
  ASSERT_TRUE(load_snapshot(path, at_ms(100), stranger));
  EXPECT_EQ(stranger.used().entries, 0u);
}

TEST_F(SnapshotTest, ThatIsMissingOrUnwritableSaysSo) {
  EXPECT_EQ(load_snapshot(folder / "none", at_ms(0), fresh).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(save_snapshot(folder / "none" / "ledger", ledger).error().code, ErrorCode::kIo);
  EXPECT_EQ(SnapshotLoader::open(path, 10).error().code, ErrorCode::kTooLarge);
}

TEST_F(SnapshotTest, LoadsInSteps) {
  auto loader = SnapshotLoader::open(path);
  ASSERT_TRUE(loader);
  std::size_t steps = 1;
  while (loader->step(at_ms(100), fresh, 4)) ++steps;
  EXPECT_EQ(steps, (ledger.used().entries + 3) / 4);
  EXPECT_EQ(fresh.state_hash(), ledger.state_hash());
}

}  // namespace
}  // namespace zswarm::bus
