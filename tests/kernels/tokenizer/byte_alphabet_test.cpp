#include "kernels/tokenizer/byte_alphabet.h"

#include <gtest/gtest.h>

#include <set>

namespace zswarm::tokenizer {
namespace {

TEST(ByteAlphabet, GivesEachByteACharacterOfItsOwn) {
  std::set<char32_t> seen;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char32_t c = byte_to_char(static_cast<unsigned char>(byte));
    EXPECT_TRUE(seen.insert(c).second);
    EXPECT_EQ(char_to_byte(c), static_cast<unsigned char>(byte));
  }
}

TEST(ByteAlphabet, SpellsAsGpt2Does) {
  EXPECT_EQ(spelling_of(" a\n"), "\u0120a\u010a");
  EXPECT_EQ(spelling_of("\xad"), "\u0143");  // the last of the others
  EXPECT_EQ(spelling_of("\xc3\xa9"), "\u00c3\u00a9");
}

TEST(ByteAlphabet, TakesATextOutsideTheAlphabetForItself) {
  EXPECT_EQ(bytes_of("\u0120a"), " a");
  EXPECT_EQ(bytes_of("<\uff5cend\uff5c>"), "<\uff5cend\uff5c>");
  EXPECT_EQ(char_to_byte(U' '), std::nullopt);
  EXPECT_EQ(char_to_byte(0x144), std::nullopt);
}

}  // namespace
}  // namespace zswarm::tokenizer
