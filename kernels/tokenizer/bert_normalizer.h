// BERT's normalisation and splitting into words, as Hugging Face's BertNormalizer and BertPreTokenizer do it.
//
// In this order: control characters go, white space separates, Chinese characters stand alone, accents are
// stripped (NFD, then nonspacing marks go), letters become lower case, punctuation stands alone. Broken UTF-8
// goes too (as U+FFFD does). Pure, any thread. O(n log n).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace zswarm::tokenizer {

struct BertOptions {
  bool lowercase = true;
  bool strip_accents = true;
};

/// The words of `text`, none empty.
[[nodiscard]] std::vector<std::u32string> bert_words(std::string_view text, BertOptions options);

}  // namespace zswarm::tokenizer
