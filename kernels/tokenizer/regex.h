// One compiled regular expression over UTF-8 (PCRE2 with UTF and UCP, just-in-time compiled where the
// processor allows).
//
// `\s` and `\S` mean Unicode's White_Space, as in Oniguruma and Rust's regex; PCRE2's own \s would add
// U+180E. `$` is the end of the subject only. Immutable after construction: any thread may match, each with
// its own RegexMatcher.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "kernels/base/error.h"

namespace zswarm::tokenizer {

namespace detail {
struct CodeDeleter {
  void operator()(void* code) const;
};
struct MatchDataDeleter {
  void operator()(void* data) const;
};
struct MatchContextDeleter {
  void operator()(void* context) const;
};
}  // namespace detail

class Regex {
 public:
  /// Fails with kInternal: expressions are ours, none comes from a file.
  static Result<Regex> compile(std::string_view expression);

 private:
  friend class RegexMatcher;
  std::unique_ptr<void, detail::CodeDeleter> code_;
  bool jit_ = false;
};

struct Span {
  std::size_t begin = 0, end = 0;
};

/// Working memory for matching; one per thread.
class RegexMatcher {
 public:
  /// `subject_bytes_max`: the longest subject to come; the limits on matching follow from it.
  explicit RegexMatcher(std::size_t subject_bytes_max);

  /// First match in `subject` (valid UTF-8) at or after byte `from`, or nothing. Fails with kInternal if a
  /// limit was hit.
  Result<std::optional<Span>> find(const Regex& regex, std::string_view subject, std::size_t from);

 private:
  std::unique_ptr<void, detail::MatchDataDeleter> data_;
  std::unique_ptr<void, detail::MatchContextDeleter> context_;
};

}  // namespace zswarm::tokenizer
