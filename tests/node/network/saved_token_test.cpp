#include "node/network/saved_token.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "bus/keys/operator_key.h"

namespace zswarm::node {
namespace {

namespace fs = std::filesystem;
using Origin = ChosenToken::Origin;
constexpr bus::WallTime kNow{1'800'000'000'000};

class SavedToken : public testing::Test {
 protected:
  SavedToken() {
    std::string path = (fs::temp_directory_path() / "saved_token_XXXXXX").native();
    EXPECT_NE(mkdtemp(path.data()), nullptr);
    path_ = path;
  }
  ~SavedToken() override { fs::remove_all(path_); }

  Result<ChosenToken> choose(std::optional<bus::Token> given, bus::WallTime now = kNow) {
    auto folder = bus::DataFolder::open(path_);
    EXPECT_TRUE(folder) << folder.error().message;
    return choose_token(*folder, std::move(given), now);
  }
  static bus::Token token(std::uint8_t network = 1, std::uint32_t epoch = 1) {
    bus::Token made;
    made.epoch = epoch;
    made.secret = bus::Secret<32>::random();
    made.operator_key[0] = network;
    return made;
  }
  [[nodiscard]] std::string kept() const {
    const auto loaded = load_token(path_);
    return loaded && *loaded ? (*loaded)->text().reveal() : std::string();
  }
  static std::string text(const bus::Token& token) { return token.text().reveal(); }

  fs::path path_;
};

TEST_F(SavedToken, WithoutAnyANewNetworkIsMadeAndItsOperatorsKeyKept) {
  const auto made = choose({});
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->origin, Origin::kMade);
  EXPECT_EQ(kept(), text(made->token));
  EXPECT_TRUE(bus::load_operator_key(path_, made->token.operator_key));
  struct stat info {};
  ASSERT_EQ(stat((path_ / "token").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0600u);
  const auto again = choose({});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->origin, Origin::kFolder);
  EXPECT_EQ(text(again->token), text(made->token));
}

TEST_F(SavedToken, TheGivenOneWinsAndIsKept) {
  ASSERT_TRUE(choose({}));
  const bus::Token given = token(7);
  const auto chosen = choose(given.copy());
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->origin, Origin::kGiven);
  EXPECT_EQ(kept(), text(given));
}

TEST_F(SavedToken, AnOlderEpochOfTheSameNetworkDoesNotReplaceANewerOne) {
  const bus::Token newer = token(1, 3);
  ASSERT_TRUE(choose(newer.copy()));
  const auto chosen = choose(token(1, 2));
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->origin, Origin::kNewer);
  EXPECT_EQ(text(chosen->token), text(newer));
  // Of another network it does.
  const auto other = choose(token(2, 1));
  ASSERT_TRUE(other);
  EXPECT_EQ(other->origin, Origin::kGiven);
}

TEST_F(SavedToken, AnExpiredOneIsForThoseWhoWereMembersBefore) {
  bus::Token expiring = token();
  expiring.expires_s = static_cast<std::uint64_t>(kNow.ms / 1000) + 10;
  const bus::WallTime later{kNow.ms + 20'000};
  const auto refused = choose(expiring.copy(), later);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("expired"), std::string::npos) << refused.error().message;
  EXPECT_EQ(kept(), "");
  ASSERT_TRUE(choose(expiring.copy(), kNow));
  EXPECT_TRUE(choose(expiring.copy(), later));
}

TEST_F(SavedToken, ManyLongAddressesAreKeptAsFarAsTheyFit) {
  bus::Token given = token();
  for (int i = 0; i < 8; ++i) {
    const std::string label(60, 'a');
    given.bootstrap.push_back({label + "." + label + "." + label + "." + std::to_string(i) + "b", 7000});
  }
  const auto chosen = choose(given.copy());
  ASSERT_TRUE(chosen) << chosen.error().message;
  EXPECT_EQ(chosen->token.bootstrap.size(), 8u);
  const auto loaded = load_token(path_);
  ASSERT_TRUE(loaded && *loaded);
  EXPECT_GE((*loaded)->bootstrap.size(), 3u);
  EXPECT_EQ((*loaded)->secret, given.secret);
}

TEST_F(SavedToken, ADamagedFileIsReportedAndNotReplaced) {
  ASSERT_TRUE(choose({}));
  ASSERT_EQ(truncate((path_ / "token").c_str(), 60), 0);
  const auto chosen = choose({});
  ASSERT_FALSE(chosen);
  EXPECT_NE(chosen.error().message.find("token"), std::string::npos);
  EXPECT_EQ(fs::file_size(path_ / "token"), 60u);
}

}  // namespace
}  // namespace zswarm::node
