// zswarm perplexity: how well a model predicts a text, and the raw logits for comparisons.
//
// The text's tokens are cut into windows of C tokens, each run from an empty cache; scored are the
// predictions at positions C/2 to C-2. Tokens are plain text; if the model asks for BOS, it stands before the
// text and in place of each window's first token.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernels/sampling/sampler.h"
#include "kernels/tokenizer/tokenizer.h"
#include "tools/command.h"
#include "tools/files.h"
#include "tools/local_model.h"
#include "tools/npy_writer.h"
#include "tools/output.h"

namespace zswarm::tools {

namespace {

using TokenId = tokenizer::TokenId;

struct PerplexityOptions {
  std::string model;
  std::string file;
  std::uint32_t context = 512;
  std::string logits;
  std::uint32_t threads = 0;
  bool json = false;
};

struct Score {
  double log_likelihood = 0;
  std::uint64_t tokens = 0;
};

Result<std::vector<TokenId>> text_tokens(const tokenizer::Tokenizer& tokenizer, const std::string& text) {
  auto encoded = tokenizer.encode(text, {.add_special = false, .parse_special = false});
  if (encoded && tokenizer.adds_bos() && tokenizer.bos()) encoded->insert(encoded->begin(), *tokenizer.bos());
  return encoded;
}

/// Runs one window from an empty cache; rows go to `npy` (may be null), predictions of its second half into
/// `score`.
Status run_window(std::span<const TokenId> window, LocalModel& local, model::KvCache& cache,
                  std::span<const model::PageId> pages, NpyWriter* npy, Score& score) {
  const auto length = static_cast<std::uint32_t>(window.size());
  const std::uint32_t first_scored = length / 2;
  for (std::uint32_t position = 0; position < length;) {
    std::uint32_t end = std::min(length, position + local.model().max_step_tokens());
    // Without --logits nobody looks at the first half's rows; so no step crosses the border.
    const bool skip_rows = npy == nullptr && position < first_scored;
    if (skip_rows) end = std::min(end, first_scored);
    const model::Slice slice{.tokens = window.subspan(position, end - position),
                             .position = position,
                             .pages = pages,
                             .outputs = skip_rows ? model::Outputs::kNone : model::Outputs::kAll};
    const model::StepResult result = local.model().forward({&slice, 1}, cache);
    if (npy != nullptr) {
      if (auto written = npy->append(result.rows); !written) return written;
    }
    for (std::uint32_t p = std::max(position, first_scored); p < end && p + 1 < length && !skip_rows; ++p) {
      const auto row = result.rows.subspan((p - position) * result.row_width, result.row_width);
      score.log_likelihood += static_cast<double>(sampling::score(row, window[p + 1], 0).logprob);
      score.tokens += 1;
    }
    position = end;
  }
  return {};
}

Result<Score> run_windows(std::span<TokenId> tokens, const PerplexityOptions& options,
                          std::optional<TokenId> bos, LocalModel& local) {
  const std::size_t windows = tokens.size() / options.context;
  std::unique_ptr<NpyWriter> npy;
  if (!options.logits.empty()) {
    auto created =
        NpyWriter::create(options.logits, windows * options.context, local.model().config().vocab_size);
    if (!created) return fail(std::move(created.error()));
    npy = std::move(*created);
  }
  auto cache =
      model::KvCache::create(local.model().config(), local.model().layers(), pages_for(options.context));
  if (!cache) return fail(std::move(cache.error()));
  std::vector<model::PageId> pages((*cache)->pages());
  std::iota(pages.begin(), pages.end(), 0u);

  Score score;
  ProgressBar bar("Reading the text");
  for (std::size_t w = 0; w < windows; ++w) {
    const auto window = tokens.subspan(w * options.context, options.context);
    if (bos) window[0] = *bos;
    if (auto done = run_window(window, local, **cache, pages, npy.get(), score); !done)
      return fail(std::move(done.error()));
    bar.show(static_cast<double>(w + 1) / static_cast<double>(windows));
  }
  if (npy) {
    if (auto finished = npy->finish(); !finished) return fail(std::move(finished.error()));
  }
  return score;
}

int perplexity(const PerplexityOptions& options) {
  const auto text = read_text(options.file, kTextBytesMax);
  if (!text) return report(text.error());
  auto local = LocalModel::load(options.model, options.threads);
  if (!local) return report(local.error());
  const auto tokenizer = tokenizer::Tokenizer::from_gguf((*local)->file());
  if (!tokenizer) return report(tokenizer.error());
  auto tokens = text_tokens(**tokenizer, *text);
  if (!tokens) return report(tokens.error());

  const std::size_t windows = tokens->size() / options.context;
  if (windows == 0) {
    return report(fmt::format(
        "{}: the text has {} tokens and one window needs {}; give a longer text or a smaller --context.",
        shown(options.file), tokens->size(), options.context));
  }
  const auto bos = (*tokenizer)->adds_bos() ? (*tokenizer)->bos() : std::nullopt;
  const auto score = run_windows(*tokens, options, bos, **local);
  if (!score) return report(score.error());

  const double perplexity = std::exp(-score->log_likelihood / static_cast<double>(score->tokens));
  if (options.json) {
    put_json({{"perplexity", perplexity}, {"tokens", score->tokens}, {"windows", windows}});
  } else {
    put(fmt::format("perplexity {:.4f} over {} tokens in {} windows of {}\n", perplexity, score->tokens,
                    windows, options.context));
    flush();
  }
  return kDone;
}

}  // namespace

void add_perplexity(CLI::App& app, Action& action) {
  auto options = std::make_shared<PerplexityOptions>();
  CLI::App* command = app.add_subcommand("perplexity", "Measure how well a model predicts a text");
  command->add_option("MODEL", options->model, "GGUF file")->required();
  command->add_option("-f,--file", options->file, "The text")->required();
  command
      ->add_option("-c,--context", options->context,
                   "Tokens per window; predictions of the second half are scored")
      ->capture_default_str()
      ->check(CLI::Range(4, 1 << 20));
  command->add_option("--logits", options->logits,
                      "Write all raw logits here: float32 .npy, [windows * context, vocabulary]");
  command->add_option("-t,--threads", options->threads, "Compute threads (one per processor)")
      ->check(CLI::Range(1, 1024));
  command->add_flag("--json", options->json, "Print one JSON object: perplexity, tokens, windows");
  command->footer("Example:\n  zswarm perplexity model.gguf --file book.txt --context 512 --json");
  command->callback([options, &action] { action = [options] { return perplexity(*options); }; });
}

}  // namespace zswarm::tools
