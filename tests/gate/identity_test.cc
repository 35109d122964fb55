// Placement changes timing, never tokens: whatever the expert budget, the prefetching, the batch or
// the start of the process, answers are equal to the bit. Each gate also asserts that what it
// varies did something, so that a feature that does nothing cannot pass.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>

#include "tests/gate/gate_support.h"

namespace moira::engine {
namespace {

using prefetch::PrefetchMode;

class IdentityGate : public ::testing::TestWithParam<GateModel> {
 protected:
  void SetUp() override {
    if (!GetParam().path.empty() && !std::filesystem::exists(GetParam().path)) {
      GTEST_SKIP() << GetParam().path << " is not there";
    }
    path_ = GetParam().path;
    if (path_.empty()) path_ = folder_.Write("generated.gguf", testing::TinyMoe().Bytes());
    prompts_ = GatePrompts();
  }

  std::unique_ptr<Engine> Load(const EngineOptions& options) {
    auto engine = Engine::Load(options, {});
    EXPECT_TRUE(engine.ok()) << engine.status().message();
    return std::move(engine).value();
  }
  EngineOptions Options(cache::ExpertCacheBudget budget,
                        PrefetchMode prefetch = PrefetchMode::kGate) {
    EngineOptions options = BaseOptions(path_);
    options.expert_cache = budget;
    options.prefetch = prefetch;
    return options;
  }

  // The answers of the fully resident model; computed once for each model.
  const std::vector<GateAnswer>& Resident() {
    static std::map<std::string, std::vector<GateAnswer>> answers;
    auto& found = answers[GetParam().name];
    if (!found.empty()) return found;
    const auto engine = Load(BaseOptions(path_));
    found = AnswerAll(*engine, prompts_);
    const EngineStats stats = engine->stats();
    EXPECT_EQ(stats.experts.slots, stats.experts.experts);
    EXPECT_EQ(stats.experts.misses, 0u);
    EXPECT_EQ(stats.generated_tokens, kGatePrompts * kGateTokens);
    EXPECT_LT(stats.steps, stats.generated_tokens / 3) << "the batch was no batch";
    // Answers that say the same again and again would hide a difference; a small model may give the
    // same one to two prompts.
    std::set<std::vector<TokenId>> distinct;
    for (const GateAnswer& answer : found) distinct.insert(answer.tokens);
    EXPECT_GE(distinct.size(), found.size() * 3 / 4);
    return found;
  }
  void ExpectResident(const std::vector<GateAnswer>& answers) {
    const std::vector<GateAnswer>& expected = Resident();
    ASSERT_EQ(answers.size(), expected.size());
    for (size_t i = 0; i < answers.size(); ++i)
      EXPECT_EQ(answers[i], expected[i]) << "prompt " << i;
  }

  testing::TempFolder folder_;
  std::string path_;
  std::vector<std::string> prompts_;
};

TEST_P(IdentityGate, ExpertBudget) {
  uint64_t slots = UINT64_MAX;
  for (double percent : {75.0, 50.0, 25.0, 0.0}) {
    SCOPED_TRACE(percent);
    const auto engine = Load(Options(Percent(percent)));
    ExpectResident(AnswerAll(*engine, prompts_));
    const prefetch::ProviderStats stats = engine->stats().experts;
    EXPECT_LT(stats.slots, stats.experts);
    if (percent > 0) {
      EXPECT_LT(stats.slots, slots);
    } else {  // a quarter of a tiny model may be its smallest legal pool already
      EXPECT_LE(stats.slots, slots);
    }
    slots = stats.slots;
    EXPECT_GT(stats.misses, 0u);
    EXPECT_GT(stats.evictions, 0u);
    EXPECT_GT(stats.fetched_bytes, 0u);
    if (percent > 0) {
      EXPECT_GT(stats.hits, 0u);
    }
  }
}

TEST_P(IdentityGate, Prefetch) {
  {
    const auto engine = Load(Options(Percent(50), PrefetchMode::kGate));
    ExpectResident(AnswerAll(*engine, prompts_));
    const prefetch::ProviderStats stats = engine->stats().experts;
    EXPECT_GT(stats.speculative_issued, 0u);
    EXPECT_GT(stats.speculative_used, 0u);
  }
  const auto engine = Load(Options(Percent(50), PrefetchMode::kOff));
  ExpectResident(AnswerAll(*engine, prompts_));
  EXPECT_EQ(engine->stats().experts.speculative_issued, 0u);
  EXPECT_GT(engine->stats().experts.misses, 0u);
}

// One at a time, with other prefill chunks and another number of threads.
TEST_P(IdentityGate, Alone) {
  EngineOptions options = Options(Percent(50));
  options.parallel = 1;
  options.threads = 1;
  options.prefill_chunk = 7;
  const auto engine = Load(options);
  std::vector<GateAnswer> answers;
  for (const std::string& prompt : prompts_) {
    answers.push_back(Collect(**engine->Submit(GreedyRequest(*engine, prompt))));
  }
  ExpectResident(answers);
  EXPECT_GE(engine->stats().steps, kGatePrompts * kGateTokens);
}

// Among requests of other kinds and lengths, some of which are cancelled on the way.
TEST_P(IdentityGate, InAMixedBatch) {
  const auto engine = Load(Options(Percent(50)));
  std::vector<std::unique_ptr<TokenStream>> streams, others;
  for (size_t i = 0; i < prompts_.size(); ++i) {
    streams.push_back(engine->Submit(GreedyRequest(*engine, prompts_[i])).value());
    GenerateRequest other = GreedyRequest(*engine, prompts_[prompts_.size() - 1 - i] + " other");
    other.max_tokens = static_cast<uint32_t>(3 + i * 17 % 90);
    other.sampling.temperature = 1.5f;
    other.sampling.top_k = 40;
    other.sampling.seed = i;
    if (i % 4 == 0) other.prompt_logprobs = 1;
    others.push_back(engine->Submit(std::move(other)).value());
    if (i % 5 == 0) others.back()->Cancel();
  }
  std::vector<GateAnswer> answers;
  for (auto& stream : streams) answers.push_back(Collect(*stream));
  ExpectResident(answers);
  for (auto& other : others) Collect(*other);
  const EngineStats stats = engine->stats();
  EXPECT_GT(stats.requests_cancelled, 0u);
  EXPECT_LT(stats.steps, stats.generated_tokens / 2) << "the batch was no batch";
}

TEST_P(IdentityGate, RestartAndCachedPrefixes) {
  const std::vector<std::string> some(prompts_.begin(), prompts_.begin() + 5);
  for (int start = 0; start < 2; ++start) {
    const auto engine = Load(Options(Percent(25)));
    for (int again = 0; again < 2; ++again) {
      const auto answers = AnswerAll(*engine, some);
      for (size_t i = 0; i < some.size(); ++i) EXPECT_EQ(answers[i], Resident()[i]);
    }
    EXPECT_GT(engine->stats().cached_prompt_tokens, 0u);
  }
}

// The emulated device computes as the CPU does, so a slow link must not show either.
TEST_P(IdentityGate, EmulatedLink) {
  EngineOptions options = Options(Percent(50));
  options.device = DeviceKind::kEmulated;
  const auto engine = Load(options);
  const std::vector<std::string> some(prompts_.begin(), prompts_.begin() + 5);
  const auto answers = AnswerAll(*engine, some);
  for (size_t i = 0; i < some.size(); ++i) EXPECT_EQ(answers[i], Resident()[i]);
  EXPECT_GT(engine->stats().experts.fetches, 0u);
}

std::string ModelName(const ::testing::TestParamInfo<GateModel>& info) {
  std::string name = info.param.name;
  for (char& c : name) {
    if (c == '-' || c == '.') c = '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Models, IdentityGate, ::testing::ValuesIn(GateModels()), ModelName);

}  // namespace
}  // namespace moira::engine
