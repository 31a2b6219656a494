// The property that everything leans on: logits do not depend on where and how they are computed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <thread>

#include "kernels/model/model.h"
#include "kernels/simd/cpu.h"
#include "tests/support/small_model.h"

namespace zswarm::model {
namespace {

/// A model with a team of its own.
class Rig {
 public:
  explicit Rig(const gguf::Reader& file, std::size_t threads = 1, LayerRange layers = {0, 0})
      : team_(threads) {
    for (std::size_t i = 1; i < threads; ++i) helpers_.emplace_back([this, i] { team_.serve(i); });
    Result<std::unique_ptr<Model>> loaded = Model::load(file, team_, {layers, nullptr});
    if (!loaded) throw std::runtime_error(loaded.error().message);
    model_ = std::move(*loaded);
    cache_ = KvCache::create(model_->config(), model_->layers(), 64).value();
  }
  ~Rig() {
    team_.stop();
    for (std::thread& helper : helpers_) helper.join();
  }
  Model& model() { return *model_; }
  KvCache& cache() { return *cache_; }

  std::vector<float> run(const std::vector<Slice>& slices, std::span<const float> hidden = {}) {
    const StepResult result = model_->forward(slices, *cache_, OutputKind::kLogits, hidden);
    return {result.rows.begin(), result.rows.end()};
  }

 private:
  Team team_;
  std::vector<std::thread> helpers_;
  std::unique_ptr<Model> model_;
  std::unique_ptr<KvCache> cache_;
};

std::vector<std::int32_t> make_tokens(std::size_t n, std::uint64_t seed, std::uint32_t vocab = 300) {
  std::mt19937_64 random(seed);
  std::vector<std::int32_t> tokens(n);
  for (auto& t : tokens) t = static_cast<std::int32_t>(random() % vocab);
  return tokens;
}

std::vector<PageId> make_pages(PageId first, std::size_t count) {
  std::vector<PageId> pages;
  for (std::size_t i = 0; i < count; ++i) pages.push_back(first + static_cast<PageId>((i * 7) % count));
  return pages;
}

/// Logits of all tokens, computed in chunks of `chunk`.
std::vector<float> in_chunks(Rig& rig, const std::vector<std::int32_t>& tokens, std::size_t chunk,
                             PageId first_page = 0) {
  const std::vector<PageId> pages = make_pages(first_page, 8);
  std::vector<float> all;
  for (std::size_t at = 0; at < tokens.size(); at += chunk) {
    const auto part = std::span(tokens).subspan(at, std::min(chunk, tokens.size() - at));
    const std::vector<float> rows = rig.run({{part, static_cast<std::uint32_t>(at), pages, Outputs::kAll}});
    all.insert(all.end(), rows.begin(), rows.end());
  }
  return all;
}

void expect_same_bits(const std::vector<float>& a, const std::vector<float>& b, const std::string& what) {
  ASSERT_EQ(a.size(), b.size()) << what;
  ASSERT_EQ(std::memcmp(a.data(), b.data(), a.size() * sizeof(float)), 0) << what;
}

gguf::Reader read(const test::SmallModel& small) {
  return gguf::Reader::from_bytes(small.writer().bytes(), "small.gguf").value();
}

std::vector<test::SmallModel> models() {
  using gguf::TensorType;
  std::vector<test::SmallModel> all;
  for (const quant::WeightType* type : quant::weight_types()) {
    test::SmallModel m;
    m.type = type->type;
    all.push_back(m);
  }
  all.push_back(
      {.arch = "qwen2", .type = TensorType::kQ8_0, .heads = 6, .kv_heads = 1, .head_dim = 48, .tied = true});
  all.push_back({.arch = "qwen3", .type = TensorType::kQ4_1, .heads = 2, .kv_heads = 2, .head_dim = 128});
  all.push_back({.type = TensorType::kQ5_0,
                 .width = 96,
                 .ffn = 160,
                 .heads = 3,
                 .kv_heads = 1,
                 .head_dim = 32,
                 .vocab = 77,
                 .rope_factors = true});
  all.push_back({.type = TensorType::kF16,
                 .width = 80,
                 .ffn = 72,
                 .heads = 5,
                 .kv_heads = 5,
                 .head_dim = 16,
                 .tied = true});
  return all;
}

class SameBits : public testing::TestWithParam<test::SmallModel> {
 protected:
  ~SameBits() override { simd::set_isa(before_); }
  const simd::Isa before_ = simd::active_isa();
};

TEST_P(SameBits, for_any_chunking_of_the_prompt) {
  const gguf::Reader file = read(GetParam());
  Rig rig(file);
  const auto tokens = make_tokens(100, 1, GetParam().vocab);
  const std::vector<float> whole = in_chunks(rig, tokens, 100);
  for (const float v : whole) ASSERT_TRUE(std::isfinite(v));
  for (const std::size_t chunk : {1u, 7u, 32u, 64u})
    expect_same_bits(in_chunks(rig, tokens, chunk), whole, std::to_string(chunk));
}

TEST_P(SameBits, for_any_instruction_set_and_number_of_threads) {
  const gguf::Reader file = read(GetParam());
  const auto tokens = make_tokens(50, 2, GetParam().vocab);
  simd::set_isa(simd::Isa::kScalar);
  std::vector<float> expected;
  {
    Rig rig(file);
    expected = in_chunks(rig, tokens, 50);
  }
  for (const simd::Isa isa : {simd::Isa::kAvx2, simd::Isa::kAvx512}) {
    if (!simd::isa_supported(isa)) continue;
    simd::set_isa(isa);
    for (const std::size_t threads : {1u, 2u, 3u}) {
      Rig rig(file, threads);
      expect_same_bits(in_chunks(rig, tokens, 50), expected,
                       std::string(simd::isa_name(isa)) + " " + std::to_string(threads));
    }
  }
}

TEST_P(SameBits, for_any_neighbours_in_the_step) {
  const gguf::Reader file = read(GetParam());
  Rig rig(file, 2);
  std::vector<std::vector<std::int32_t>> prompts;
  std::vector<std::vector<float>> alone;
  for (std::uint64_t s = 0; s < 5; ++s) {
    prompts.push_back(make_tokens(3 + 9 * s, 10 + s, GetParam().vocab));
    const std::vector<float> rows = in_chunks(rig, prompts.back(), 64);
    alone.emplace_back(rows.end() - GetParam().vocab, rows.end());
  }
  // All prompts but their last token first, then the last tokens of all, beside a prompt chunk of somebody
  // else.
  std::vector<std::vector<PageId>> pages;
  std::vector<Slice> fill, last;
  for (std::size_t s = 0; s < prompts.size(); ++s)
    pages.push_back(make_pages(static_cast<PageId>(10 * s), 8));
  for (std::size_t s = 0; s < prompts.size(); ++s) {
    const std::span<const std::int32_t> tokens(prompts[s]);
    fill.push_back({tokens.first(tokens.size() - 1), 0, pages[s], Outputs::kNone});
    last.push_back({tokens.last(1), static_cast<std::uint32_t>(tokens.size() - 1), pages[s], Outputs::kLast});
  }
  EXPECT_TRUE(rig.run(fill).empty());
  const auto stranger = make_tokens(60, 99, GetParam().vocab);
  const std::vector<PageId> stranger_pages = make_pages(50, 8);
  last.push_back({stranger, 0, stranger_pages, Outputs::kNone});
  const std::vector<float> together = rig.run(last);
  for (std::size_t s = 0; s < prompts.size(); ++s) {
    const auto row = together.begin() + static_cast<std::ptrdiff_t>(s * GetParam().vocab);
    expect_same_bits(std::vector<float>(row, row + GetParam().vocab), alone[s], std::to_string(s));
  }
}

TEST_P(SameBits, for_any_split_into_layer_ranges) {
  const gguf::Reader file = read(GetParam());
  const auto tokens = make_tokens(40, 3, GetParam().vocab);
  const std::vector<PageId> pages = make_pages(0, 8);
  Rig whole(file);
  const std::vector<float> expected = in_chunks(whole, tokens, 40);
  for (const std::uint32_t cut : {1u, 2u}) {
    Rig head(file, 1, {0, cut}), tail(file, 2, {cut, 3});
    const std::vector<float> hidden = head.run({{tokens, 0, pages, Outputs::kAll}});
    ASSERT_EQ(hidden.size(), tokens.size() * GetParam().width);
    expect_same_bits(tail.run({{tokens, 0, pages, Outputs::kAll}}, hidden), expected, std::to_string(cut));
  }
}

TEST_P(SameBits, wherever_the_pages_lie) {
  const gguf::Reader file = read(GetParam());
  Rig rig(file);
  const auto tokens = make_tokens(70, 4, GetParam().vocab);
  const std::vector<float> expected = in_chunks(rig, tokens, 70, 0);
  expect_same_bits(in_chunks(rig, tokens, 70, 40), expected, "other pages");
  // A page that is copied serves as the original did.
  std::vector<PageId> copied = make_pages(0, 8);
  rig.cache().copy_page(copied[0], 60);
  copied[0] = 60;
  const std::span<const std::int32_t> all(tokens);
  expect_same_bits(rig.run({{all.subspan(32), 32, copied, Outputs::kAll}}),
                   {expected.begin() + static_cast<std::ptrdiff_t>(32 * GetParam().vocab), expected.end()},
                   "copied page");
}

INSTANTIATE_TEST_SUITE_P(Models, SameBits, testing::ValuesIn(models()), [](const auto& p) {
  return p.param.arch + "_" + std::string(gguf::tensor_type_traits(p.param.type)->name) + "_" +
         std::to_string(p.param.width) + "_" + std::to_string(p.param.head_dim);
});

TEST(Model, answers_differently_after_different_prompts) {
  const gguf::Reader file = read({});
  Rig rig(file);
  auto tokens = make_tokens(30, 5);
  const std::vector<float> before = in_chunks(rig, tokens, 30);
  tokens[0] = (tokens[0] + 1) % 300;
  const std::vector<float> after = in_chunks(rig, tokens, 30);
  EXPECT_NE(std::vector<float>(before.end() - 300, before.end()),
            std::vector<float>(after.end() - 300, after.end()));
}

TEST(Model, names_the_tensor_that_is_missing_misshapen_or_not_known) {
  const auto load = [](const test::GgufWriter& writer) {
    const gguf::Reader file = gguf::Reader::from_bytes(writer.bytes(), "broken.gguf").value();
    Team team(1);
    const auto model = Model::load(file, team);
    return model ? std::string("loaded") : model.error().message;
  };
  const test::SmallModel small{.layers = 1};
  EXPECT_EQ(load(small.writer()), "loaded");

  test::GgufWriter extra = small.writer();
  extra.tensor("blk.0.ffn_gate_inp.weight", {256}, std::vector<float>(256));
  test::SmallModel without = small, misshapen = small;
  without.without = misshapen.misshapen = "blk.0.ffn_up.weight";
  test::GgufWriter unknown = without.writer();
  unknown.tensor({"blk.0.ffn_up.weight",
                  16 /* IQ2_XXS */,
                  {256, 512},
                  std::vector<std::byte>(std::size_t{66} * 512),
                  std::nullopt});

  using testing::AllOf, testing::HasSubstr;
  EXPECT_THAT(load(extra), AllOf(HasSubstr("broken.gguf"), HasSubstr("blk.0.ffn_gate_inp.weight")));
  EXPECT_THAT(load(without.writer()),
              AllOf(HasSubstr("broken.gguf"), HasSubstr("'blk.0.ffn_up.weight' is missing")));
  EXPECT_THAT(load(misshapen.writer()),
              AllOf(HasSubstr("blk.0.ffn_up.weight"), HasSubstr("[256, 513]"), HasSubstr("[256, 512]")));
  EXPECT_THAT(load(unknown), AllOf(HasSubstr("blk.0.ffn_up.weight"), HasSubstr("IQ2_XXS")));
}

}  // namespace
}  // namespace zswarm::model
