#include "bus/zmq/ledger_file.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/bus/ledger/ledger_fixture.h"
#include "tests/bus/zmq/bus_node.h"

namespace zswarm::bus {
namespace {

using test::at_ms;
using test::node_key;
using test::options;
using test::signer;

struct LedgerFileTest : ::testing::Test {
  LedgerFileTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "ledgerfile_XXXXXX").native();
    folder = mkdtemp(pattern.data());
    path = folder / "ledger";
  }
  ~LedgerFileTest() override { std::filesystem::remove_all(folder); }

  void fill(Ledger& into, int from, int to) {
    for (int i = from; i < to; ++i)
      ASSERT_TRUE(into.put(at_ms(i), node_key(1, std::to_string(i)), Bytes(8, static_cast<std::uint8_t>(i))));
  }
  LedgerFile::Log log() {
    return [this](const std::string& sentence) { said += sentence + "\n"; };
  }

  std::filesystem::path folder, path;
  std::string said;
  Ledger ledger{options(), &signer(1), 1};
  Ledger fresh{options(), &signer(1), 2};
};

TEST_F(LedgerFileTest, ASmallLedgerIsWholeWhenTheBusOpens) {
  fill(ledger, 0, 100);
  ASSERT_TRUE(save_snapshot(path, ledger));
  LedgerFile file(path, log());
  file.open(at_ms(1000), fresh);
  EXPECT_EQ(fresh.state_hash(), ledger.state_hash());
  EXPECT_EQ(said, "");
}

TEST_F(LedgerFileTest, ALargeOneComesInSteps) {
  fill(ledger, 0, 3000);
  ASSERT_TRUE(save_snapshot(path, ledger));
  LedgerFile file(path, log());
  const Now now = at_ms(5000);
  file.open(now, fresh);
  EXPECT_EQ(fresh.used().entries, LedgerFile::kInlineEntries);
  std::size_t steps = 0;
  while (file.next_timer() <= now.steady) {
    file.turn(now, fresh);
    steps += 1;
  }
  EXPECT_EQ(steps,
            (3000 - LedgerFile::kInlineEntries + LedgerFile::kStepEntries - 1) / LedgerFile::kStepEntries);
  EXPECT_EQ(fresh.state_hash(), ledger.state_hash());
}

TEST_F(LedgerFileTest, AChangeIsSavedInStepsThoughTheLedgerGoesOnChanging) {
  fill(ledger, 0, 1500);
  LedgerFile file(path, log());
  file.open(at_ms(0), fresh);
  fill(fresh, 0, 1500);
  Now now = at_ms(LedgerFile::kSaveEvery / std::chrono::milliseconds(1));
  std::size_t steps = 0;
  for (; file.next_timer() <= now.steady; ++steps) {
    file.turn(now, fresh);
    const auto key = node_key(1, std::to_string(10 * steps));  // one that was written, or comes yet
    ASSERT_TRUE(fresh.put(at_ms(2000 + static_cast<int>(steps)), key, Bytes(3, 1)));
  }
  EXPECT_EQ(steps, 3u);
  Ledger again(options(), &signer(1), 3);
  LedgerFile reread(path, log());
  reread.open(now, again);
  EXPECT_EQ(again.used().entries, 1500u);
  EXPECT_EQ(said, "");
}

TEST_F(LedgerFileTest, WithoutAChangeNothingIsWritten) {
  LedgerFile file(path, log());
  file.open(at_ms(0), fresh);
  const Now now = at_ms(LedgerFile::kSaveEvery / std::chrono::milliseconds(1));
  file.turn(now, fresh);
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_GT(file.next_timer(), now.steady);
}

TEST_F(LedgerFileTest, LeavingSavesAll) {
  LedgerFile file(path, log());
  file.open(at_ms(0), ledger);
  fill(ledger, 0, 10);
  file.close(ledger);
  ASSERT_TRUE(load_snapshot(path, at_ms(100), fresh));
  EXPECT_EQ(fresh.state_hash(), ledger.state_hash());
}

TEST_F(LedgerFileTest, LeavingWhileItLoadsKeepsTheOldFile) {
  fill(ledger, 0, 3000);
  ASSERT_TRUE(save_snapshot(path, ledger));
  LedgerFile file(path, log());
  file.open(at_ms(5000), fresh);
  file.close(fresh);
  Ledger again(options(), &signer(1), 3);
  ASSERT_TRUE(load_snapshot(path, at_ms(5000), again));
  EXPECT_EQ(again.state_hash(), ledger.state_hash());
}

TEST_F(LedgerFileTest, ADamagedFileIsToldAndReplacedInTime) {
  std::ofstream(path) << "nonsense";
  LedgerFile file(path, log());
  file.open(at_ms(0), ledger);
  EXPECT_NE(said.find("damaged"), std::string::npos);
  fill(ledger, 0, 10);
  file.close(ledger);
  EXPECT_TRUE(load_snapshot(path, at_ms(100), fresh));
}

TEST_F(LedgerFileTest, AFileOfALaterVersionStays) {
  fill(ledger, 0, 3);
  ASSERT_TRUE(save_snapshot(path, ledger));
  Bytes bytes;
  {
    std::ifstream in(path, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  bytes[8] = 2;
  bytes.resize(bytes.size() - 32);
  const Hash hash = hash_of(bytes);
  bytes.insert(bytes.end(), hash.begin(), hash.end());
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  LedgerFile file(path, log());
  file.open(at_ms(0), fresh);
  fill(fresh, 0, 10);
  file.close(fresh);
  std::ifstream in(path, std::ios::binary);
  EXPECT_EQ(Bytes(std::istreambuf_iterator<char>(in), {}), bytes);
}

TEST_F(LedgerFileTest, AFolderThatIsGoneIsToldOnce) {
  LedgerFile file(folder / "none" / "ledger", log());
  file.open(at_ms(0), ledger);
  fill(ledger, 0, 3);
  for (int round = 1; round < 4; ++round)
    file.turn(at_ms(round * (LedgerFile::kSaveEvery / std::chrono::milliseconds(1))), ledger);
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1);
}

TEST_F(LedgerFileTest, ANodeThatStartsAgainKnowsWhatItKnew) {
  const Network network;
  const Secret<32> seed = Secret<32>::random();
  const auto keep = [this](BusOptions& bus_options) { bus_options.ledger_file = path; };
  std::string key;
  {
    Node node(network, keep, Identity::from_seed(seed, 1));
    key = node.own_key();
    ASSERT_TRUE(write_note(node, "kept"));
  }
  Node again(network, keep, Identity::from_seed(seed, 2));
  EXPECT_EQ(again.value(key), "kept");
}

}  // namespace
}  // namespace zswarm::bus
