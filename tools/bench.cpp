// zswarm bench: how fast a model reads a prompt and writes an answer here, and how near that is to the
// machine's limit.
//
// ppN: a prompt of N tokens from an empty cache. tgN: N tokens, one after the other, from an empty cache;
// tgNxB: the same for B sequences in one step. The names are llama-bench's. Tokens are arbitrary ids; nothing
// is sampled. read_share is the part of the memory's measured speed at which weights were read (they are read
// once per step).
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "kernels/simd/cpu.h"
#include "tools/command.h"
#include "tools/files.h"
#include "tools/local_model.h"
#include "tools/output.h"
#include "tools/read_probe.h"

namespace zswarm::tools {

namespace {

struct BenchOptions {
  std::string model;
  std::vector<std::uint32_t> prompt{512};
  std::vector<std::uint32_t> generate{128};
  std::vector<std::uint32_t> batch{1};
  std::uint32_t threads = 0;
  std::uint32_t repeats = 3;
  bool json = false;
};

struct TestResult {
  std::string name;
  double tokens_s = 0, tokens_s_min = 0, tokens_s_max = 0;
  double read_share = 0;
};

/// One sequence of the benchmark: its page table and its arbitrary tokens.
class Sequences {
 public:
  Sequences(std::uint32_t count, std::uint32_t length, std::uint32_t vocab)
      : length_(length),
        pages_per_(pages_for(length)),
        pages_(std::size_t{count} * pages_per_),
        tokens_(std::size_t{count} * length) {
    std::iota(pages_.begin(), pages_.end(), 0u);
    std::uint32_t state = 1;
    for (std::int32_t& token : tokens_) {
      state = state * 1664525u + 1013904223u;  // Numerical Recipes' generator: any ids will do
      token = static_cast<std::int32_t>(state % vocab);
    }
  }
  [[nodiscard]] std::uint32_t page_count() const { return static_cast<std::uint32_t>(pages_.size()); }
  [[nodiscard]] model::Slice slice(std::uint32_t sequence, std::uint32_t position,
                                   std::uint32_t count) const {
    return {.tokens = std::span(tokens_).subspan(std::size_t{sequence} * length_ + position, count),
            .position = position,
            .pages = std::span(pages_).subspan(std::size_t{sequence} * pages_per_, pages_per_),
            .outputs = model::Outputs::kLast};
  }

 private:
  std::uint32_t length_, pages_per_;
  std::vector<model::PageId> pages_;
  std::vector<std::int32_t> tokens_;
};

class Bench {
 public:
  Bench(LocalModel& local, ReadProbe probe, std::uint32_t repeats)
      : local_(local), probe_(std::move(probe)), repeats_(repeats) {
    last_probe_ = best_probe_ = probe_.measure();
  }
  [[nodiscard]] double best_probe() const { return best_probe_; }

  Result<TestResult> prompt(std::uint32_t tokens) {
    const std::uint32_t step = local_.model().max_step_tokens();
    const Sequences sequences(1, tokens, local_.model().config().vocab_size);
    return measure(fmt::format("pp{}", tokens), sequences, tokens, (tokens + step - 1) / step,
                   [&](model::KvCache& cache) {
                     for (std::uint32_t position = 0; position < tokens; position += step) {
                       model::Slice slice = sequences.slice(0, position, std::min(step, tokens - position));
                       if (position + step < tokens) slice.outputs = model::Outputs::kNone;
                       (void)local_.model().forward({&slice, 1}, cache);
                     }
                   });
  }

  Result<TestResult> generate(std::uint32_t tokens, std::uint32_t batch) {
    const Sequences sequences(batch, tokens, local_.model().config().vocab_size);
    const std::string name = batch == 1 ? fmt::format("tg{}", tokens) : fmt::format("tg{}x{}", tokens, batch);
    return measure(name, sequences, std::uint64_t{tokens} * batch, tokens, [&](model::KvCache& cache) {
      std::vector<model::Slice> slices(batch);
      for (std::uint32_t position = 0; position < tokens; ++position) {
        for (std::uint32_t s = 0; s < batch; ++s) slices[s] = sequences.slice(s, position, 1);
        (void)local_.model().forward(slices, cache);
      }
    });
  }

 private:
  Result<TestResult> measure(std::string name, const Sequences& sequences, std::uint64_t tokens,
                             std::uint64_t steps, const std::function<void(model::KvCache&)>& once) {
    auto cache =
        model::KvCache::create(local_.model().config(), local_.model().layers(), sequences.page_count());
    if (!cache) return fail(std::move(cache.error()));
    once(**cache);  // warm-up: touches the cache's memory and brings the weights in
    std::vector<double> seconds;
    for (std::uint32_t r = 0; r < repeats_; ++r) {
      const auto start = std::chrono::steady_clock::now();
      once(**cache);
      seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    // Compared with the mean of the probes just before and just after: the memory's speed changes from minute
    // to minute.
    const double before = last_probe_;
    last_probe_ = probe_.measure();
    best_probe_ = std::max(best_probe_, last_probe_);

    const auto count = static_cast<double>(tokens);
    const double mean_s =
        std::accumulate(seconds.begin(), seconds.end(), 0.0) / static_cast<double>(seconds.size());
    const auto [fastest, slowest] = std::minmax_element(seconds.begin(), seconds.end());
    const double bytes_s =
        static_cast<double>(steps) * static_cast<double>(local_.model().bytes_read_per_token()) / mean_s;
    return TestResult{std::move(name), count / mean_s, count / *slowest, count / *fastest,
                      bytes_s / ((before + last_probe_) / 2)};
  }

  LocalModel& local_;
  ReadProbe probe_;
  std::uint32_t repeats_;
  double last_probe_ = 0, best_probe_ = 0;
};

nlohmann::ordered_json as_json(const TestResult& result) {
  return {{"test", result.name},
          {"tokens_s", result.tokens_s},
          {"tokens_s_min", result.tokens_s_min},
          {"tokens_s_max", result.tokens_s_max},
          {"read_share", result.read_share}};
}

Result<std::vector<TestResult>> run_tests(Bench& bench, const BenchOptions& options) {
  std::vector<TestResult> results;
  const auto add = [&results, &options](Result<TestResult> result) -> Status {
    if (!result) return fail(std::move(result.error()));
    if (!options.json) {
      put(fmt::format("{:<12} {:>10.1f} tokens/s   {:>9.1f} … {:<9.1f} {:>6.0f} % of the memory's speed\n",
                      result->name, result->tokens_s, result->tokens_s_min, result->tokens_s_max,
                      100 * result->read_share));
      flush();
    }
    results.push_back(std::move(*result));
    return {};
  };
  for (const std::uint32_t tokens : options.prompt) {
    if (auto added = tokens == 0 ? Status{} : add(bench.prompt(tokens)); !added)
      return fail(std::move(added.error()));
  }
  for (const std::uint32_t tokens : options.generate) {
    for (const std::uint32_t batch : options.batch) {
      if (auto added = tokens == 0 ? Status{} : add(bench.generate(tokens, batch)); !added)
        return fail(std::move(added.error()));
    }
  }
  return results;
}

int bench(const BenchOptions& options) {
  auto local = LocalModel::load(options.model, options.threads);
  if (!local) return report(local.error());
  const std::uint32_t most = (*local)->model().max_step_tokens();
  for (const std::uint32_t batch : options.batch) {
    if (batch > most)
      return report_usage(fmt::format("--batch {} is more than one step holds ({}).", batch, most));
  }
  auto probe = ReadProbe::create((*local)->team());
  if (!probe) return report(probe.error());
  Bench bench(**local, std::move(*probe), options.repeats);

  const std::string name = shown(std::filesystem::path(options.model).stem());
  const std::uint64_t bytes = (*local)->model().bytes_read_per_token();
  const auto isa = simd::isa_name(simd::active_isa());
  if (!options.json) {
    put(fmt::format("{}: {} threads, {}, {:.1f} MB of weights read per token\n", name,
                    (*local)->team().size(), isa, static_cast<double>(bytes) / 1e6));
    flush();
  }
  const auto results = run_tests(bench, options);
  if (!results) return report(results.error());
  if (!options.json) {
    put(fmt::format("memory is read at {:.1f} GB/s\n", bench.best_probe() / 1e9));
    flush();
    return kDone;
  }
  auto list = nlohmann::ordered_json::array();
  for (const TestResult& result : *results) list.push_back(as_json(result));
  put_json({{"model", name},
            {"threads", (*local)->team().size()},
            {"cpu", isa},
            {"read_gb_s", bench.best_probe() / 1e9},
            {"bytes_per_token", bytes},
            {"weight_bytes", (*local)->model().weight_bytes()},
            {"results", list}});
  return kDone;
}

}  // namespace

void add_bench(CLI::App& app, Action& action) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App* command = app.add_subcommand("bench", "Measure prompt and generation speed");
  command->add_option("MODEL", options->model, "GGUF file")->required();
  command->add_option("-p,--prompt", options->prompt, "Prompt lengths, separated by commas; 0: none")
      ->delimiter(',')
      ->check(CLI::Range(0, 1 << 20))
      ->capture_default_str();
  command->add_option("-n,--generate", options->generate, "How many tokens to generate; 0: none")
      ->delimiter(',')
      ->check(CLI::Range(0, 1 << 20))
      ->capture_default_str();
  command->add_option("-b,--batch", options->batch, "How many sequences generate at once")
      ->delimiter(',')
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option("-t,--threads", options->threads, "Compute threads (one per processor)")
      ->check(CLI::Range(1, 1024));
  command->add_option("-r,--repeats", options->repeats, "How often each test is repeated")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_flag("--json", options->json,
                    "Print one JSON object: model, threads, cpu, read_gb_s, results");
  command->footer("Example:\n  zswarm bench model.gguf -p 512 -n 128 -b 1,4,16 -t 2 --json");
  command->callback([options, &action] { action = [options] { return bench(*options); }; });
}

}  // namespace zswarm::tools
