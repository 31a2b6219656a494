#include "bus/discovery/address_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

namespace zswarm::bus {
namespace {

struct AddressFileTest : ::testing::Test {
  AddressFileTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "addresses_XXXXXX").native();
    folder = mkdtemp(pattern.data());
    path = folder / "addresses";
  }
  ~AddressFileTest() override { std::filesystem::remove_all(folder); }
  std::filesystem::path folder, path;
};

TEST_F(AddressFileTest, BringsBackWhatWasSavedInItsOrder) {
  const std::vector<Endpoint> addresses = {
      {"192.0.2.7", 7000}, {"2001:db8::7", 1}, {"node.example.org", 65535}};
  ASSERT_TRUE(save_addresses(path, addresses));
  const auto loaded = load_addresses(path);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->addresses, addresses);
  EXPECT_EQ(loaded->bad_lines, 0u);
}

TEST_F(AddressFileTest, IsReplacedAsAWholeAndForItsOwnerAlone) {
  ASSERT_TRUE(save_addresses(path, std::vector<Endpoint>{{"192.0.2.7", 7000}, {"192.0.2.8", 7000}}));
  ASSERT_TRUE(save_addresses(path, std::vector<Endpoint>{{"192.0.2.9", 7000}}));
  EXPECT_EQ(load_addresses(path)->addresses, (std::vector<Endpoint>{{"192.0.2.9", 7000}}));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
  struct stat status {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(AddressFileTest, ThatIsMissingIsEmpty) {
  const auto loaded = load_addresses(path);
  ASSERT_TRUE(loaded);
  EXPECT_TRUE(loaded->addresses.empty());
}

TEST_F(AddressFileTest, BadLinesArePassedOverAndCounted) {
  const AddressFile file = read_addresses(
      "# a comment\n\n  192.0.2.7:7000 \r\nno address\n192.0.2.7:7000\n192.0.2.8:0\n\x1b[2J:1\n[::1]:5");
  EXPECT_EQ(file.addresses, (std::vector<Endpoint>{{"192.0.2.7", 7000}, {"::1", 5}}));
  EXPECT_EQ(file.bad_lines, 3u);
}

TEST_F(AddressFileTest, HoldsABoundedNumberEachWay) {
  std::vector<Endpoint> many;
  std::string text;
  for (int i = 0; i < 1000; ++i) {
    many.push_back({"n" + std::to_string(i) + ".example", 7});
    text += many.back().text() + "\n";
  }
  const AddressFile file = read_addresses(text);
  EXPECT_EQ(file.addresses.size(), kAddressFileAddresses);
  EXPECT_EQ(file.bad_lines, 1000 - kAddressFileAddresses);
  ASSERT_TRUE(save_addresses(path, many));
  EXPECT_EQ(load_addresses(path)->addresses.size(), kAddressFileAddresses);
}

TEST_F(AddressFileTest, TheLongestAddressesStillFit) {
  std::vector<Endpoint> many;
  const std::string label(60, 'a');
  for (std::size_t i = 0; i < kAddressFileAddresses; ++i)
    many.push_back(
        {std::to_string(i) + "x." + label + "." + label + "." + label + "." + std::string(50, 'b'), 65535});
  ASSERT_TRUE(save_addresses(path, many));
  const auto loaded = load_addresses(path);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->addresses, many);
}

TEST_F(AddressFileTest, ThatIsTooLargeOrNoFileSaysSo) {
  std::ofstream(path) << std::string(kAddressFileBytes + 1, '#');
  EXPECT_EQ(load_addresses(path).error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(load_addresses(folder).error().code, ErrorCode::kMalformed);
  EXPECT_EQ(save_addresses(folder / "none" / "addresses", {}).error().code, ErrorCode::kIo);
}

}  // namespace
}  // namespace zswarm::bus
