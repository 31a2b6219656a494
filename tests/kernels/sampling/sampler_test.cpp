#include "kernels/sampling/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <random>

namespace zswarm::sampling {
namespace {

using ::testing::HasSubstr;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

std::vector<float> random_logits(std::size_t count, unsigned seed, float spread = 2.0f) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, spread);
  std::vector<float> logits(count);
  for (float& logit : logits) logit = normal(random);
  return logits;
}

/// A history of `length` tokens that only serves to set the position.
TokenId token_at(std::vector<float> logits, const Params& params, std::size_t position) {
  const std::vector<TokenId> history(position, 0);
  return sample(logits, params, history, 0).token;
}

// The same steps written the slow and obvious way, in double: returns each token's probability.
std::vector<double> reference(const std::vector<float>& logits, const Params& params) {
  struct Item {
    std::size_t token;
    double p;
  };
  const double top = *std::max_element(logits.begin(), logits.end());
  std::vector<Item> items;
  for (std::size_t i = 0; i < logits.size(); ++i)
    items.push_back({i, std::exp((logits[i] - top) / params.temperature)});
  const auto by_probability = [](const Item& a, const Item& b) {
    return a.p != b.p ? a.p > b.p : a.token < b.token;
  };
  const auto normalise = [&] {
    const double sum =
        std::accumulate(items.begin(), items.end(), 0.0, [](double s, const Item& i) { return s + i.p; });
    for (Item& item : items) item.p /= sum;
  };
  const auto cut_at_mass = [&](double mass) {
    double sum = 0;
    std::size_t kept = 0;
    while (kept < items.size() && (kept == 0 || sum < mass)) sum += items[kept++].p;
    items.resize(kept);
    normalise();
  };
  std::sort(items.begin(), items.end(), by_probability);
  if (params.top_k > 0) items.resize(std::min(items.size(), static_cast<std::size_t>(params.top_k)));
  normalise();
  if (params.typical_p < 1) {
    double entropy = 0;
    for (const Item& item : items) entropy -= item.p * std::log(item.p);
    std::sort(items.begin(), items.end(), [&](const Item& a, const Item& b) {
      return std::fabs(-std::log(a.p) - entropy) < std::fabs(-std::log(b.p) - entropy);
    });
    cut_at_mass(params.typical_p);
  }
  if (params.top_p < 1) {
    std::sort(items.begin(), items.end(), by_probability);
    cut_at_mass(params.top_p);
  }
  if (params.min_p > 0) {
    const double largest = std::max_element(items.begin(), items.end(), by_probability)->p;
    double best = largest;
    for (const Item& item : items) best = std::max(best, item.p);
    std::erase_if(items, [&](const Item& item) { return item.p < params.min_p * best; });
    normalise();
  }
  std::vector<double> probability(logits.size(), 0.0);
  for (const Item& item : items) probability[item.token] = item.p;
  return probability;
}

/// Draws at `count` positions and compares with `expected`: nothing outside of it, and Pearson's chi-square
/// below the value that chance exceeds once in a million (Wilson and Hilferty's approximation).
void expect_distribution(const std::vector<float>& logits, const Params& params,
                         const std::vector<double>& expected, int count) {
  std::vector<int> seen(logits.size(), 0);
  std::vector<TokenId> history;
  for (int i = 0; i < count; ++i) {
    std::vector<float> scratch = logits;
    ++seen[static_cast<std::size_t>(sample(scratch, params, history, 0).token)];
    history.push_back(0);
  }
  double statistic = 0, rare_expected = 0, rare_seen = 0;
  int bins = 0;
  const auto add = [&](double n, double e) {
    statistic += (n - e) * (n - e) / e;
    ++bins;
  };
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double e = expected[i] * count;
    if (e == 0) {
      ASSERT_EQ(seen[i], 0) << "token " << i << " should have been filtered out";
    } else if (e < 8) {
      rare_expected += e;
      rare_seen += seen[i];
    } else {
      add(seen[i], e);
    }
  }
  if (rare_expected > 8) add(rare_seen, rare_expected);
  if (bins < 2) return;
  const double df = bins - 1;
  const double limit = df * std::pow(1 - 2 / (9 * df) + 4.75 * std::sqrt(2 / (9 * df)), 3);
  EXPECT_LT(statistic, limit) << "seed " << params.seed << ", " << bins << " bins";
}

TEST(Philox, GivesThePublishedVectors) {
  // kat_vectors of Random123, philox4x32 with 10 rounds.
  const auto zeros = philox(0, 0, 0);
  EXPECT_THAT(zeros.w, ::testing::ElementsAre(0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u));
  const auto ones = philox(~0ull, ~0ull, ~0ull);
  EXPECT_THAT(ones.w, ::testing::ElementsAre(0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu));
  const auto pi = philox(0x85a308d3243f6a88, 0x0370734413198a2e, 0x299f31d0a4093822);
  EXPECT_THAT(pi.w, ::testing::ElementsAre(0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u));
}

TEST(Sampler, FollowsTheSoftmax) {
  for (const unsigned seed : {1u, 2u, 3u}) {
    Params params;
    params.seed = seed;
    params.temperature = 0.5f * static_cast<float>(seed);
    const auto logits = random_logits(700, seed, 1.5f);
    expect_distribution(logits, params, reference(logits, params), 20000);
  }
}

TEST(Sampler, FiltersAsTheReferenceDoes) {
  std::mt19937 random(7);
  const auto pick = [&](std::vector<float> values) { return values[random() % values.size()]; };
  for (unsigned seed = 0; seed < 60; ++seed) {
    Params params;
    params.seed = seed;
    params.temperature = pick({0.3f, 1.0f, 2.0f});
    params.top_k = static_cast<std::int32_t>(pick({0, 0, 1, 5, 40, 1000}));
    params.top_p = pick({1.0f, 0.9f, 0.5f, 0.99f, 0.0f});
    params.typical_p = pick({1.0f, 1.0f, 0.6f, 0.95f});
    params.min_p = pick({0.0f, 0.05f, 0.3f, 1.0f});
    const auto logits = random_logits(300, seed);
    SCOPED_TRACE(::testing::Message()
                 << "T " << params.temperature << " k " << params.top_k << " p " << params.top_p
                 << " typical " << params.typical_p << " min " << params.min_p);
    expect_distribution(logits, params, reference(logits, params), 3000);
  }
}

TEST(Sampler, FiltersLargeVocabulariesAsTheReferenceDoes) {
  const auto logits = random_logits(8000, 11, 1.0f);  // flat: the nucleus holds thousands of tokens
  for (const auto& [top_k, top_p, typical] :
       {std::tuple{0, 0.9f, 1.0f}, {6000, 0.8f, 1.0f}, {0, 1.0f, 0.7f}}) {
    Params params;
    params.top_k = top_k;
    params.top_p = top_p;
    params.typical_p = typical;
    expect_distribution(logits, params, reference(logits, params), 1000);
  }
}

TEST(Sampler, TakesTheLargestLogitAtTemperatureZeroAndTheSmallerIdOfEqualOnes) {
  Params params;
  params.temperature = 0;
  EXPECT_EQ(token_at({1, 5, 3}, params, 0), 1);
  EXPECT_EQ(token_at({1, 5, 5, 5}, params, 9), 1);
  EXPECT_EQ(token_at(std::vector<float>(1000, -3.5f), params, 1), 0);
}

TEST(Sampler, KeepsTheSmallerIdsOfEqualLogits) {
  Params params;
  params.top_k = 3;
  const std::vector<float> equal(5000, 1.0f);
  std::map<TokenId, int> seen;
  for (std::size_t position = 0; position < 60; ++position) ++seen[token_at(equal, params, position)];
  EXPECT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen.rbegin()->first, 2);
  params.top_k = 4500;  // the way for many candidates
  params.top_p = 1.9f / 4500;
  seen.clear();
  for (std::size_t position = 0; position < 60; ++position) ++seen[token_at(equal, params, position)];
  EXPECT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen.rbegin()->first, 1);
}

TEST(Sampler, DrawsTheSameAtTheSameSeedAndPosition) {
  const auto logits = random_logits(1000, 5);
  Params params;
  params.seed = 42;
  for (std::size_t position = 0; position < 50; ++position) {
    EXPECT_EQ(token_at(logits, params, position), token_at(logits, params, position));
  }
}

TEST(Sampler, DrawsIndependentlyAtOtherPositionsAndSeeds) {
  const std::vector<float> equal(64, 0.0f);
  Params params;
  std::vector<int> pairs(64 * 64, 0);
  int same_as_other_seed = 0;
  TokenId before = token_at(equal, params, 0);
  constexpr int kDraws = 20000;
  std::vector<TokenId> history;
  Params other;
  other.seed = 1;
  for (int i = 1; i <= kDraws; ++i) {
    history.push_back(0);
    std::vector<float> scratch = equal;
    const TokenId now = sample(scratch, params, history, 0).token;
    scratch = equal;
    same_as_other_seed += sample(scratch, other, history, 0).token == now ? 1 : 0;
    ++pairs[static_cast<std::size_t>(before * 64 + now)];
    before = now;
  }
  double statistic = 0;  // of 4,096 cells with 4.9 expected each; mean 4,095, deviation about 90
  for (const int n : pairs) statistic += (n - kDraws / 4096.0) * (n - kDraws / 4096.0) / (kDraws / 4096.0);
  EXPECT_NEAR(statistic, 4095, 5 * 90);
  EXPECT_NEAR(same_as_other_seed, kDraws / 64.0, 5 * std::sqrt(kDraws / 64.0));
}

// A change of these tokens changes the answers that people get for a seed.
TEST(Sampler, TokensAreFixed) {
  std::uint64_t hash = 1469598103934665603ull;
  std::mt19937 random(100);  // its words, unlike the distributions, are the same in every library
  for (unsigned i = 0; i < 200; ++i) {
    std::vector<float> scaled(i % 2 == 0 ? 997 : 3001);
    for (float& logit : scaled)
      logit = static_cast<float>(random() % 4096) * 0.0004f * static_cast<float>(i % 7);
    Params params;
    params.seed = i;
    params.temperature = 0.5f + 0.1f * static_cast<float>(i % 10);
    params.top_p = i % 3 == 0 ? 0.9f : 1.0f;
    params.top_k = i % 5 == 0 ? 50 : 0;
    params.typical_p = i % 4 == 0 ? 0.8f : 1.0f;
    hash = (hash ^ static_cast<std::uint64_t>(token_at(scaled, params, i))) * 1099511628211ull;
  }
  EXPECT_EQ(hash, 0xb1efec8a42d4f339u) << "0x" << std::hex << hash;
}

TEST(Sampler, AddsBias) {
  Params params;
  params.temperature = 0;
  params.logit_bias = {{0, 100.0f}, {3, -100.0f}};
  EXPECT_EQ(token_at({-20, 1, 2, 30}, params, 0), 0);
  params.logit_bias = {{3, -100.0f}};
  EXPECT_EQ(token_at({-20, 1, 2, 30}, params, 0), 2);
  params.logit_bias = {{0, 100.0f}};
  EXPECT_EQ(token_at({-kInfinity, 1}, params, 0), 1);  // what the model excludes stays excluded
}

TEST(Sampler, PenalisesRepetitionWithinTheWindow) {
  Params params;
  params.temperature = 0;
  params.repetition_penalty = 2.0f;
  const auto choose = [&](std::vector<float> logits, std::vector<TokenId> history, std::int32_t window) {
    params.penalty_window = window;
    return sample(logits, params, history, 0).token;
  };
  EXPECT_EQ(choose({4, 3}, {0}, 64), 1);        // 4 / 2
  EXPECT_EQ(choose({4, 3}, {0, 0, 0}, 64), 1);  // once, however often it occurs: 2, not 0.5
  EXPECT_EQ(choose({4, 1.5f}, {0, 0, 0}, 64), 0);
  EXPECT_EQ(choose({-1, -1.5f}, {0}, 64), 1);     // -1 * 2
  EXPECT_EQ(choose({4, 3, 0}, {0, 2, 2}, 2), 0);  // out of the window
  EXPECT_EQ(choose({4, 3, 0}, {0, 2, 2}, 3), 1);
  EXPECT_EQ(choose({4, 3, 0}, {0, 2, 2}, -1), 1);
  EXPECT_EQ(choose({4, 3, 0}, {0, 0, 0}, 0), 0);
}

TEST(Sampler, PenalisesFrequencyAndPresenceInTheAnswerOnly) {
  Params params;
  params.temperature = 0;
  const auto choose = [&](std::vector<float> logits, std::vector<TokenId> history, std::size_t generated) {
    return sample(logits, params, history, generated).token;
  };
  params.frequency_penalty = 0.5f;
  EXPECT_EQ(choose({4, 3}, {0, 0, 0}, 0), 0);     // a prompt
  EXPECT_EQ(choose({4, 3.1f}, {0, 0, 0}, 1), 0);  // 3.5
  EXPECT_EQ(choose({4, 3.1f}, {0, 0, 0}, 2), 1);  // 3.0
  params.frequency_penalty = 0;
  params.presence_penalty = 1.0f;
  EXPECT_EQ(choose({4, 2.9f}, {0, 0, 0}, 3), 0);  // 3.0, once
  EXPECT_EQ(choose({4, 3.1f}, {0, 0, 0}, 3), 1);
  params.presence_penalty = -2.0f;
  EXPECT_EQ(choose({4, 3}, {1}, 1), 1);  // negative: encouraged
}

TEST(Sampler, SurvivesLogitsThatAreNotFinite) {
  for (const float temperature : {0.0f, 1.0f}) {
    for (const float top_p : {1.0f, 0.5f}) {
      for (const float typical : {1.0f, 0.5f}) {
        Params params;
        params.temperature = temperature;
        params.top_p = top_p;
        params.typical_p = typical;
        params.repetition_penalty = 0.5f;  // doubles positive logits
        params.top_logprobs = 2;
        const auto pick = [&](std::vector<float> logits) {
          return sample(logits, params, std::vector<TokenId>{1}, 1);
        };
        EXPECT_EQ(pick({kNaN, 1, kNaN}).token, 1);
        EXPECT_EQ(pick({0, kInfinity, 3}).token, 1);
        EXPECT_EQ(pick({kNaN, -kInfinity, kNaN}).token, 0);
        EXPECT_TRUE(pick({kNaN, -kInfinity, kNaN}).top.empty());
        EXPECT_EQ(pick({kNaN, -kInfinity, kNaN}).logprob, kLogprobMin);
        EXPECT_EQ(pick({-kInfinity, 3e38f, -3e38f}).token, 1);
        EXPECT_EQ(pick({-kInfinity, 3e38f, -3e38f}).top[0].logprob, 0.0f);
        EXPECT_EQ(pick({-kInfinity, 3e38f, -3e38f}).top[1].logprob, kLogprobMin);
      }
    }
  }
  Params params;
  params.temperature = std::numeric_limits<float>::denorm_min();
  EXPECT_EQ(token_at({1, 2, 1.999999f}, params, 3), 1);
}

TEST(Sampler, GivesLogprobsOfTheModelsOwnDistribution) {
  const auto logits = random_logits(5000, 21);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
  Params params;
  params.temperature = 0.7f;
  params.top_k = 10;
  params.top_logprobs = 20;
  params.repetition_penalty = 1.3f;
  params.logit_bias = {{17, 50.0f}};
  const std::vector<TokenId> history = {4, 5, 17};
  auto scratch = logits;
  const Sampled sampled = sample(scratch, params, history, 1);
  EXPECT_EQ(sampled.token, 17);
  EXPECT_NEAR(sampled.logprob, logits[17] - std::log(sum), 1e-5);
  ASSERT_EQ(sampled.top.size(), 20u);
  auto sorted = logits;
  std::sort(sorted.rbegin(), sorted.rend());
  for (std::size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(logits[static_cast<std::size_t>(sampled.top[i].token)], sorted[i]);
    EXPECT_NEAR(sampled.top[i].logprob, sorted[i] - std::log(sum), 1e-5);
  }
  const Sampled scored = score(logits, 17, 3);
  EXPECT_EQ(scored.logprob, sampled.logprob);
  ASSERT_EQ(scored.top.size(), 3u);
  EXPECT_EQ(scored.top[2].token, sampled.top[2].token);
  EXPECT_TRUE(score(logits, 17, 0).top.empty());
  const Sampled ties = score(std::vector<float>{1, 2, 2, 2}, 0, 2);
  EXPECT_EQ(ties.top[0].token, 1);
  EXPECT_EQ(ties.top[1].token, 2);
}

TEST(Sampler, ValidateNamesTheFieldThatIsWrong) {
  EXPECT_TRUE(validate(Params{}, 100));
  const auto refused = [](auto change) -> std::string {
    Params params;
    change(params);
    const Status status = validate(params, 100);
    if (status) return "accepted";
    EXPECT_EQ(status.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(status.error().message, HasSubstr(status.error().param));
    return status.error().param;
  };
  EXPECT_EQ(refused([](Params& p) { p.temperature = 2.1f; }), "temperature");
  EXPECT_EQ(refused([](Params& p) { p.temperature = -0.1f; }), "temperature");
  EXPECT_EQ(refused([](Params& p) { p.temperature = kNaN; }), "temperature");
  EXPECT_EQ(refused([](Params& p) { p.top_k = -1; }), "top_k");
  EXPECT_EQ(refused([](Params& p) { p.top_p = 1.1f; }), "top_p");
  EXPECT_EQ(refused([](Params& p) { p.min_p = -1; }), "min_p");
  EXPECT_EQ(refused([](Params& p) { p.typical_p = 0; }), "typical_p");
  EXPECT_EQ(refused([](Params& p) { p.repetition_penalty = 0; }), "repetition_penalty");
  EXPECT_EQ(refused([](Params& p) { p.repetition_penalty = kInfinity; }), "repetition_penalty");
  EXPECT_EQ(refused([](Params& p) { p.frequency_penalty = 2.5f; }), "frequency_penalty");
  EXPECT_EQ(refused([](Params& p) { p.presence_penalty = kNaN; }), "presence_penalty");
  EXPECT_EQ(refused([](Params& p) { p.penalty_window = -2; }), "penalty_window");
  EXPECT_EQ(refused([](Params& p) { p.top_logprobs = 21; }), "top_logprobs");
  EXPECT_EQ(refused([](Params& p) { p.logit_bias = {{100, 1.0f}}; }), "logit_bias");
  EXPECT_EQ(refused([](Params& p) { p.logit_bias = {{-1, 1.0f}}; }), "logit_bias");
  EXPECT_EQ(refused([](Params& p) { p.logit_bias = {{1, 101.0f}}; }), "logit_bias");
  EXPECT_EQ(refused([](Params& p) { p.logit_bias = {{1, 1.0f}, {2, 1.0f}, {1, 2.0f}}; }), "logit_bias");
  EXPECT_EQ(refused([](Params& p) { p.logit_bias = {{99, -100.0f}, {0, 100.0f}}; }), "accepted");
  EXPECT_EQ(refused([](Params& p) { p.temperature = 0, p.top_p = 0, p.min_p = 1, p.top_logprobs = 20; }),
            "accepted");
}

}  // namespace
}  // namespace zswarm::sampling
