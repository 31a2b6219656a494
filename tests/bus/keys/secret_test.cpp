#include "bus/keys/secret.h"

#include <gtest/gtest.h>

#include <concepts>
#include <new>
#include <type_traits>

namespace zswarm::bus {
namespace {

template <class T>
concept Printable = requires(std::ostream& out, const T& value) {
  out << value;
};

static_assert(!std::is_copy_constructible_v<Secret<32>> && !std::is_copy_assignable_v<Secret<32>>);
static_assert(std::is_nothrow_move_constructible_v<Secret<32>> &&
              std::is_nothrow_move_assignable_v<Secret<32>>);
static_assert(!Printable<Secret<32>> && !Printable<SecretText> && !Printable<SecretBytes>);
static_assert(!std::is_copy_constructible_v<SecretText> && !std::is_copy_assignable_v<SecretText>);

const ByteArray<4> kBytes{1, 2, 3, 4};

/// What memory holds, whether or not an object lives there. Volatile: the compiler must look.
[[gnu::noinline]] Bytes seen(const volatile std::uint8_t* memory, std::size_t size) {
  return {memory, memory + size};
}

TEST(Secret, LeavesNothingInTheMemoryItHad) {
  alignas(Secret<4>) ByteArray<sizeof(Secret<4>)> memory{};
  auto* const secret = new (memory.data()) Secret<4>(Secret<4>::from(kBytes));
  EXPECT_EQ(seen(memory.data(), 4), Bytes(kBytes.begin(), kBytes.end()));
  secret->~Secret<4>();
  EXPECT_EQ(seen(memory.data(), 4), Bytes(4));
}

TEST(Secret, IsGoneWhereItWasMovedFrom) {
  auto first = Secret<4>::from(kBytes);
  auto second = std::move(first);
  EXPECT_TRUE(first == Secret<4>());  // NOLINT(bugprone-use-after-move): what is left is the point
  EXPECT_TRUE(second == Secret<4>::from(kBytes));
  first = std::move(second);
  EXPECT_TRUE(second == Secret<4>());  // NOLINT(bugprone-use-after-move)
  EXPECT_TRUE(first.copy() == first);
}

TEST(Secret, ComparesAllOfItsBytes) {
  for (std::size_t i = 0; i < kBytes.size(); ++i) {
    auto other = kBytes;
    other[i] ^= 0x80;
    EXPECT_FALSE(Secret<4>::from(kBytes) == Secret<4>::from(other)) << i;
  }
  EXPECT_FALSE(equal_in_constant_time(kBytes, ByteView(kBytes).first(3)));
  EXPECT_TRUE(equal_in_constant_time({}, {}));
}

TEST(Secret, IsAnotherEachTimeItIsDrawn) {
  EXPECT_FALSE(Secret<32>::random() == Secret<32>::random());
  EXPECT_NE(random_u64(), random_u64());
}

TEST(SecretText, LeavesNothingWhereItsTextWas) {
  std::string text(100, 'k');  // longer than what a string holds within itself
  const char* const memory = text.data();
  SecretText secret(std::move(text));
  ASSERT_EQ(secret.reveal().data(), memory);
  SecretText moved(std::move(secret));
  EXPECT_TRUE(secret.reveal().empty());  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(moved.reveal(), std::string(100, 'k'));
}

TEST(SecretText, WipesShortTextsToo) {
  alignas(SecretText) ByteArray<sizeof(SecretText)> memory{};
  const auto holds_it = [&] {
    const Bytes bytes = seen(memory.data(), memory.size());
    return std::string(bytes.begin(), bytes.end()).find("kkkk") != std::string::npos;
  };
  auto* const secret = new (memory.data()) SecretText(std::string("kkkk"));
  EXPECT_TRUE(holds_it());
  secret->~SecretText();
  EXPECT_FALSE(holds_it());
}

}  // namespace
}  // namespace zswarm::bus
