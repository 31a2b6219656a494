#include "kernels/tokenizer/special_tokens.h"

#include <algorithm>
#include <array>
#include <string>

#include "kernels/base/utf8.h"
#include "kernels/tokenizer/unicode.h"

namespace zswarm::tokenizer {
namespace {

bool contains_any(std::string_view text, std::initializer_list<std::string_view> needles) {
  return std::any_of(needles.begin(), needles.end(),
                     [&](std::string_view n) { return text.find(n) != text.npos; });
}

std::string ascii_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

/// Models whose tokenizer.json has tokens with lstrip or rstrip, recognised by what the file says about
/// itself.
class StrippingRules {
 public:
  explicit StrippingRules(const Metadata& m) {
    const std::string name = ascii_lower(m.name);
    mask_ = contains_any(m.pre, {"jina-v2-de", "jina-v2-es", "jina-v2-code"}) ||
            contains_any(m.architecture, {"nomic-bert-moe", "jina-bert-v3"});
    phi3_ = contains_any(name, {"phi-3", "phi3"});
    modern_bert_ = contains_any(name, {"modern-bert"});
  }

  [[nodiscard]] Stripping of(std::string_view token) const {
    if (mask_ && token == "<mask>") return {true, false};
    if (modern_bert_ && token == "[MASK]") return {true, false};
    if (phi3_ && token != "<unk>" && token != "<s>" && token != "<|endoftext|>") return {false, true};
    return {};
  }

 private:
  bool mask_ = false, phi3_ = false, modern_bert_ = false;
};

}  // namespace

SpecialTokens::SpecialTokens(const Vocab& vocab, const Metadata& metadata) {
  const StrippingRules rules(metadata);
  for (TokenId id = 0; id < vocab.size(); ++id) {
    const TokenType type = vocab.type(id);
    const bool user_defined = type == TokenType::kUserDefined;
    if (!user_defined && !vocab.is_special(id)) continue;
    if (const std::string_view text = vocab.text(id); !text.empty())
      insert(text, id, user_defined, rules.of(text));
  }
}

void SpecialTokens::insert(std::string_view text, TokenId token, bool user_defined, Stripping strip) {
  const auto add = [&](char byte) {
    nodes_.push_back(Node{});
    nodes_.back().byte = byte;
    return static_cast<std::uint32_t>(nodes_.size() - 1);
  };
  std::uint32_t node = roots_[static_cast<unsigned char>(text[0])];
  if (node == 0) {
    node = add(text[0]);
    roots_[static_cast<unsigned char>(text[0])] = node;
  }
  for (const char byte : text.substr(1)) {
    std::uint32_t next = child_of(node, byte);
    if (next == 0) {
      next = add(byte);
      nodes_[next].sibling = nodes_[node].child;
      nodes_[node].child = next;
    }
    node = next;
  }
  if (nodes_[node].token != kNoToken)
    return;  // of several tokens with one text the first is found, as in Vocab::find
  nodes_[node].token = token;
  nodes_[node].user_defined = user_defined;
  nodes_[node].strip = strip;
}

std::uint32_t SpecialTokens::child_of(std::uint32_t node, char byte) const {
  std::uint32_t child = nodes_[node].child;
  while (child != 0 && nodes_[child].byte != byte) child = nodes_[child].sibling;
  return child;
}

std::size_t SpecialTokens::match(std::string_view text, bool parse_special, const Node*& found) const {
  std::size_t length = 0;
  std::uint32_t node = roots_[static_cast<unsigned char>(text[0])];
  for (std::size_t i = 1; node != 0; ++i) {
    if (nodes_[node].token != kNoToken && (parse_special || nodes_[node].user_defined)) {
      found = &nodes_[node];
      length = i;
    }
    if (i == text.size()) break;
    node = child_of(node, text[i]);
  }
  return length;
}

std::vector<Fragment> SpecialTokens::split(std::string_view text, bool parse_special) const {
  std::vector<Fragment> fragments;
  std::size_t begin = 0;  // of the text not yet handed out
  std::size_t at = 0;
  while (at < text.size()) {
    const Node* found = nullptr;
    const std::size_t length = match(text.substr(at), parse_special, found);
    if (length == 0) {
      ++at;
      continue;
    }
    std::string_view before = text.substr(begin, at - begin);
    if (found->strip.left) before = without_trailing_space(before);
    if (!before.empty()) fragments.push_back({kNoToken, before});
    fragments.push_back({found->token, text.substr(at, length)});
    at += length;
    if (found->strip.right) at = text.size() - without_leading_space(text.substr(at)).size();
    begin = at;
  }
  if (begin < text.size()) fragments.push_back({kNoToken, text.substr(begin)});
  return fragments;
}

}  // namespace zswarm::tokenizer
