#include "node/engine/text_output.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "kernels/base/utf8.h"
#include "tests/node/support/word_tokenizer.h"

namespace zswarm::node {
namespace {

using test::WordTokenizer;

struct Released {
  std::string text;
  std::vector<std::string> pieces;  // what each push released
  std::vector<TokenLogprob> logprobs;
  bool stopped = false;
  std::size_t used = 0;  // tokens pushed
};

/// Pushes tokens 0, 1, 2 … whose bytes are `words`, then finishes. The log-probability of token i is -i.
Released answer(const std::vector<std::string>& words, const std::vector<std::string>& stops,
                std::size_t resume_after = 0) {
  const WordTokenizer tokenizer(words);
  TextOutput output(tokenizer, stops, true);
  Released result;
  Delta delta;
  std::size_t i = 0;
  for (; i < words.size() && !result.stopped; ++i) {
    const bool delivered = i < resume_after;
    TokenLogprob token{static_cast<TokenId>(i), delivered ? 0.0f : -static_cast<float>(i), "", {}};
    result.stopped = !output.push(std::move(token));
    output.take(delta);
    if (delivered) delta = {};
    if (i + 1 == resume_after) {
      std::vector<TokenLogprob> late;
      for (std::size_t k = i + 1 - output.pending(); k <= i; ++k) {
        late.push_back({static_cast<TokenId>(k), -static_cast<float>(k), "", {}});
      }
      output.set_logprobs(std::move(late));
    }
    result.pieces.push_back(delta.text);
    result.text += delta.text;
    for (auto& l : delta.logprobs) result.logprobs.push_back(std::move(l));
    delta = {};
  }
  result.used = i;
  output.finish();
  output.take(delta);
  result.pieces.push_back(delta.text);
  result.text += delta.text;
  for (auto& l : delta.logprobs) result.logprobs.push_back(std::move(l));
  return result;
}

std::string joined(const std::vector<TokenLogprob>& logprobs) {
  std::string bytes;
  for (const auto& l : logprobs) bytes += l.bytes;
  return bytes;
}

/// The rules of the header, for the whole answer at once.
std::string reference(const std::string& raw, const std::vector<std::string>& stops) {
  const std::string text =
      utf8::sanitized(std::string_view(raw).substr(0, raw.size() - utf8::incomplete_tail(raw)));
  for (std::size_t end = 1; end <= text.size(); ++end) {
    std::size_t longest = 0;
    for (const auto& stop : stops) {
      if (end >= stop.size() && text.compare(end - stop.size(), stop.size(), stop) == 0)
        longest = std::max(longest, stop.size());
    }
    if (longest > 0) return text.substr(0, end - longest);
  }
  return text;
}

TEST(TextOutput, CutsAStopStringThatSpansTokens) {
  const Released r = answer({"Hello", " wo", "rl", "d! EN", "D of", " it"}, {"END"});
  EXPECT_TRUE(r.stopped);
  EXPECT_EQ(r.used, 5u);
  EXPECT_EQ(r.text, "Hello world! ");
  ASSERT_EQ(r.logprobs.size(), 4u);
  EXPECT_EQ(r.logprobs[3].bytes, "d! ");
}

TEST(TextOutput, HoldsBackWhatMayBecomeAStopAndReleasesItAtTheEnd) {
  const Released r = answer({"a", "ST", "O"}, {"STOP"});
  EXPECT_EQ(r.pieces, (std::vector<std::string>{"a", "", "", "STO"}));
  EXPECT_EQ(r.text, "aSTO");
}

TEST(TextOutput, ReleasesWhatTurnsOutToBeNoStop) {
  const Released r = answer({"a", "ST", "x"}, {"STOP"});
  EXPECT_EQ(r.pieces, (std::vector<std::string>{"a", "", "STx", ""}));
}

TEST(TextOutput, TakesTheStopThatIsCompleteFirstAndOfThoseTheLongest) {
  EXPECT_EQ(answer({"xabcd"}, {"abcd", "bc"}).text, "xa");
  EXPECT_EQ(answer({"xabc"}, {"bc", "abc"}).text, "x");
}

TEST(TextOutput, FindsAStopThatOverlapsItsOwnBeginning) {
  EXPECT_EQ(answer({"a", "a", "a", "b", "!"}, {"aab"}).text, "a");
}

TEST(TextOutput, HoldsACharacterBackUntilItsLastByte) {
  const Released r = answer({"h\xc3", "\xa9", "!"}, {});
  EXPECT_EQ(r.pieces, (std::vector<std::string>{"", "h\xc3\xa9", "!", ""}));
  EXPECT_EQ(r.logprobs[0].bytes, "h\xc3");
  EXPECT_EQ(r.logprobs[1].bytes, "\xa9");
}

TEST(TextOutput, DropsHalfACharacterAtTheEnd) {
  const Released r = answer({"ok", " \xf0\x9f", "\x98"}, {});
  EXPECT_EQ(r.text, "ok ");
  ASSERT_EQ(r.logprobs.size(), 2u);
  EXPECT_EQ(r.logprobs[1].bytes, " ");
}

TEST(TextOutput, ShowsBytesThatAreNoCharacterAsReplacement) {
  const Released r = answer({"a\xc3", "(", "\xff"}, {});
  EXPECT_EQ(r.text, "a\xef\xbf\xbd(\xef\xbf\xbd");
  EXPECT_EQ(joined(r.logprobs), r.text);
}

TEST(TextOutput, DropsTheSpaceBeforeATextOfItsOwnOnly) {
  const WordTokenizer tokenizer({"", " a", " b"});
  for (const bool own_text : {false, true}) {
    TextOutput output(tokenizer, {}, false, own_text);
    for (const TokenId token : {0, 1, 2}) EXPECT_TRUE(output.push({token, 0, "", {}}));
    Delta delta;
    output.take(delta);
    EXPECT_EQ(delta.text, own_text ? "a b" : " a b");
  }
}

/// Text over a small alphabet, so that stops are hit, with multi-byte characters and broken bytes, cut
/// anywhere.
rc::Gen<std::vector<std::string>> words() {
  return rc::gen::map(
      rc::gen::container<std::vector<std::pair<int, bool>>>(
          rc::gen::pair(rc::gen::inRange(0, 12), rc::gen::arbitrary<bool>())),
      [](const std::vector<std::pair<int, bool>>& parts) {
        static const char* const kParts[] = {
            "a",    "b",    "a", "b", "c", "ab", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
            "\xc3", "\x80", ""};
        std::vector<std::string> result(1);
        for (const auto& [part, cut] : parts) {
          for (const char* byte = kParts[part]; *byte != 0; ++byte) {
            result.back() += *byte;
            if (cut) result.emplace_back();
          }
          if (!cut && result.back().size() > 4) result.emplace_back();
        }
        return result;
      });
}
rc::Gen<std::vector<std::string>> stops() {
  const auto stop =
      rc::gen::map(rc::gen::nonEmpty(rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 4))),
                   [](const std::vector<int>& parts) {
                     static const char* const kParts[] = {"a", "b", "c", "\xc3\xa9"};
                     std::string text;
                     for (const int part : parts) text += kParts[part];
                     return text;
                   });
  return rc::gen::container<std::vector<std::string>>(stop);
}

RC_GTEST_PROP(TextOutput, ShowsTheReferenceTextForAnySplitAndAnyStops, ()) {
  const auto w = *words();
  const auto s = *stops();
  const Released r = answer(w, s);
  std::string raw;
  for (const auto& word : w) raw += word;
  RC_ASSERT(r.text == reference(raw, s));
  RC_ASSERT(joined(r.logprobs) == r.text);
  for (std::size_t i = 0; i < r.logprobs.size(); ++i) {  // a prefix of the tokens, each with its own figure
    RC_ASSERT(r.logprobs[i].token == static_cast<TokenId>(i));
    RC_ASSERT(r.logprobs[i].logprob == -static_cast<float>(i));
  }
  for (const auto& piece : r.pieces) RC_ASSERT(utf8::is_valid(piece));
}

RC_GTEST_PROP(TextOutput, StopsAtTheTokenThatCompletesTheStop, ()) {
  const auto w = *words();
  const auto s = *stops();
  const Released r = answer(w, s);
  std::string raw;
  std::size_t needed = 0;
  for (; needed < w.size(); ++needed) {
    raw += w[needed];
    const std::string whole =
        utf8::sanitized(std::string_view(raw).substr(0, raw.size() - utf8::incomplete_tail(raw)));
    if (reference(raw, s) != whole) break;
  }
  RC_ASSERT(r.stopped == (needed < w.size()));
  RC_ASSERT(r.used == std::min(needed + 1, w.size()));
}

RC_GTEST_PROP(TextOutput, GoesOnInTheMiddleWithWhatTheFirstRunHadNotReleased, ()) {
  const auto w = *words();
  const auto s = *stops();
  const Released whole = answer(w, s);
  RC_PRE(whole.used > 1);
  const auto at = *rc::gen::inRange<std::size_t>(1, whole.stopped ? whole.used : whole.used + 1);
  const Released rest = answer(w, s, at);
  std::string first;
  for (std::size_t i = 0; i < at; ++i) first += whole.pieces[i];
  RC_ASSERT(first + rest.text == whole.text);
  RC_ASSERT(joined(rest.logprobs) == rest.text);
  for (const auto& l : rest.logprobs) RC_ASSERT(l.logprob == -static_cast<float>(l.token));
}

}  // namespace
}  // namespace zswarm::node
