#include "engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <thread>

#include "tests/support/temp_folder.h"
#include "tests/support/tiny_moe.h"

namespace moira::engine {
namespace {

using ::testing::HasSubstr;
using Kind = TokenStream::Event::Kind;

struct Answer {
  std::vector<GeneratedToken> prompt;
  std::vector<GeneratedToken> tokens;
  TokenStream::Event end;

  std::vector<TokenId> ids() const {
    std::vector<TokenId> ids;
    for (const GeneratedToken& token : tokens) ids.push_back(token.token);
    return ids;
  }
};

Answer Collect(TokenStream& stream) {
  Answer answer;
  while (answer.end.kind != Kind::kEnd) {
    auto event = stream.Pop(std::chrono::minutes(5));
    if (event.kind == Kind::kPrompt) answer.prompt = std::move(event.prompt);
    if (event.kind == Kind::kToken) answer.tokens.push_back(std::move(event.token));
    if (event.kind == Kind::kEnd) answer.end = std::move(event);
  }
  return answer;
}

class EngineTest : public ::testing::Test {
 protected:
  EngineTest() {
    options_.model_path = folder_.Write("tiny.gguf", testing::TinyMoe().Bytes());
    options_.threads = 2;
    options_.context_size = 256;
    options_.expert_cache = {cache::ExpertCacheBudget::Kind::kPercent, 0, 50};
  }

  std::unique_ptr<Engine> Load() {
    auto engine = Engine::Load(options_, {});
    EXPECT_TRUE(engine.ok()) << engine.status().message();
    return std::move(engine).value();
  }
  static GenerateRequest Greedy(const Engine& engine, std::string_view text, uint32_t tokens) {
    GenerateRequest request;
    request.prompt = engine.tokenizer().Encode(text, {});
    request.max_tokens = tokens;
    request.sampling.temperature = 0;
    request.ignore_end = true;
    return request;
  }

  testing::TempFolder folder_;
  EngineOptions options_;
};

TEST_F(EngineTest, TellsAboutTheModel) {
  const auto engine = Load();
  const ModelInfo& info = engine->model();
  EXPECT_EQ(info.name, "tiny");
  EXPECT_EQ(info.architecture, "qwen3moe");
  EXPECT_EQ(info.context_size, 256u);
  EXPECT_EQ(info.trained_context, testing::TinyMoe::kContext);
  EXPECT_EQ(info.vocabulary, testing::TinyMoe().vocabulary());
  EXPECT_EQ(info.layers, testing::TinyMoe::kLayers);
  EXPECT_EQ(info.moe_layers, testing::TinyMoe::kLayers);
  EXPECT_EQ(info.experts, testing::TinyMoe::kExperts);
  EXPECT_EQ(info.experts_per_token, testing::TinyMoe::kExpertsPerToken);
  EXPECT_EQ(info.threads, 2u);
  EXPECT_GT(info.parameters, 800'000u);
  EXPECT_FALSE(info.temperature.has_value());
  EXPECT_NE(engine->chat_template(), nullptr);
  EXPECT_TRUE(engine->chat_template_status().ok());
}

TEST_F(EngineTest, GeneratesAndCounts) {
  const auto engine = Load();
  auto request = Greedy(*engine, "the tea in the tin", 40);
  request.logprobs = 3;
  const size_t prompt_tokens = request.prompt.size();
  const Answer answer = Collect(**engine->Submit(request));
  EXPECT_EQ(answer.end.reason, FinishReason::kLength);
  ASSERT_EQ(answer.tokens.size(), 40u);
  for (const GeneratedToken& token : answer.tokens) {
    ASSERT_EQ(token.alternatives.size(), 3u);
    EXPECT_EQ(token.alternatives[0].token, token.token);  // greedy
    EXPECT_EQ(token.alternatives[0].logprob, *token.logprob);
    EXPECT_LT(*token.logprob, 0);
  }
  const RequestTimings& timings = answer.end.timings;
  EXPECT_EQ(timings.prompt_tokens, prompt_tokens);
  EXPECT_EQ(timings.generated_tokens, 40u);
  EXPECT_GT(timings.prefill_seconds, 0);
  EXPECT_GT(timings.decode_seconds, 0);
  // Every token but the last asks for four experts in each layer.
  EXPECT_EQ(timings.expert_hits + timings.expert_misses,
            (prompt_tokens + 39) * testing::TinyMoe::kLayers * testing::TinyMoe::kExpertsPerToken);
  EXPECT_GT(timings.expert_misses, 0u);

  const EngineStats stats = engine->stats();
  EXPECT_EQ(stats.requests_submitted, 1u);
  EXPECT_EQ(stats.requests_finished, 1u);
  EXPECT_EQ(stats.prompt_tokens, prompt_tokens);
  EXPECT_EQ(stats.generated_tokens, 40u);
  EXPECT_EQ(stats.steps, 40u);
  EXPECT_GT(stats.dense_bytes_read, 0u);
  EXPECT_GT(stats.expert_bytes_used, 0u);
  EXPECT_GT(stats.experts.fetches, 0u);
  EXPECT_EQ(stats.experts.slots, 32u);
}

TEST_F(EngineTest, LogprobsOfAPromptAgreeWithThoseOfGeneration) {
  const auto engine = Load();
  auto request = Greedy(*engine, "in the", 24);
  request.logprobs = 0;
  const Answer generated = Collect(**engine->Submit(request));

  GenerateRequest scored = request;
  scored.max_tokens = 0;
  scored.logprobs.reset();
  scored.prompt_logprobs = 0;
  for (TokenId token : generated.ids()) scored.prompt.push_back(token);
  const Answer answer = Collect(**engine->Submit(scored));
  ASSERT_EQ(answer.prompt.size(), scored.prompt.size());
  EXPECT_TRUE(answer.tokens.empty());
  for (size_t i = 0; i < generated.tokens.size(); ++i) {
    EXPECT_EQ(answer.prompt[request.prompt.size() + i].logprob, generated.tokens[i].logprob);
  }
}

TEST_F(EngineTest, ReusesAPrefixWithoutChangingTheText) {
  const auto engine = Load();
  const std::string text(90, 'e');
  const auto first = Collect(**engine->Submit(Greedy(*engine, text, 20)));
  const auto second = Collect(**engine->Submit(Greedy(*engine, text, 20)));
  EXPECT_EQ(first.end.timings.cached_tokens, 0u);
  EXPECT_GT(second.end.timings.cached_tokens, 0u);
  EXPECT_EQ(first.ids(), second.ids());
  EXPECT_EQ(engine->stats().cached_prompt_tokens, second.end.timings.cached_tokens);
}

TEST_F(EngineTest, EqualSeedsGiveEqualText) {
  const auto engine = Load();
  auto request = Greedy(*engine, "an", 30);
  request.sampling.temperature = 2;
  request.sampling.seed = 5;
  const auto first = Collect(**engine->Submit(request));
  const auto second = Collect(**engine->Submit(request));
  request.sampling.seed = 6;
  const auto other = Collect(**engine->Submit(request));
  EXPECT_EQ(first.ids(), second.ids());
  EXPECT_NE(first.ids(), other.ids());
}

TEST_F(EngineTest, RefusesWhatDoesNotFit) {
  options_.parallel = 1;
  options_.max_queued = 1;
  const auto engine = Load();
  auto request = Greedy(*engine, "t", 200);
  GenerateRequest too_long = request;
  too_long.prompt.assign(256, 5);
  EXPECT_EQ(engine->Submit(too_long).status().code(), StatusCode::kInvalidArgument);
  const auto a = engine->Submit(request);
  const auto b = engine->Submit(request);
  const auto c = engine->Submit(request);
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_EQ(c.status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(engine->stats().requests_refused, 1u);
}

TEST_F(EngineTest, DrainsWhatRunsAndRefusesTheRest) {
  const auto engine = Load();
  const auto stream = engine->Submit(Greedy(*engine, "t", 50));
  EXPECT_TRUE(engine->Drain(std::chrono::minutes(5)));
  EXPECT_EQ(engine->Submit(Greedy(*engine, "t", 5)).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(Collect(**stream).ids().size(), 50u);
}

TEST_F(EngineTest, CancelsWhatIsLeftAtTheDrainsDeadline) {
  const auto engine = Load();
  // More than a ring holds: without a consumer it cannot end by itself.
  options_.context_size = 1024;
  const auto longer = Load();
  const auto stream = longer->Submit(Greedy(*longer, "t", 600));
  EXPECT_FALSE(longer->Drain(std::chrono::milliseconds(1)));
  EXPECT_EQ(Collect(**stream).end.reason, FinishReason::kCancelled);
}

TEST_F(EngineTest, StreamsSurviveTheirEngine) {
  auto engine = Load();
  const auto stream = engine->Submit(Greedy(*engine, "t", 200));
  engine.reset();
  const Answer answer = Collect(**stream);
  EXPECT_EQ(answer.end.reason, FinishReason::kCancelled);
}

TEST_F(EngineTest, AFailedReadFailsOneRequest) {
  options_.expert_cache.percent = 0;
  options_.prefetch = prefetch::PrefetchMode::kOff;
  options_.parallel = 1;
  uint64_t reads_of_one_request = 0;
  std::vector<TokenId> expected;
  {
    const auto engine = Load();
    expected = Collect(**engine->Submit(Greedy(*engine, "the", 10))).ids();
    reads_of_one_request = engine->stats().experts.fetches;
  }
  ASSERT_GT(reads_of_one_request, 10u);
  options_.fault_plan = "read:5=error,read:" + std::to_string(reads_of_one_request + 1) + "=short";
  const auto engine = Load();
  const auto failed = Collect(**engine->Submit(Greedy(*engine, "the", 10)));
  EXPECT_EQ(failed.end.reason, FinishReason::kError);
  EXPECT_EQ(failed.end.status.code(), StatusCode::kIoError);
  int failures = 0;
  for (int i = 0; i < 4; ++i) {
    const auto answer = Collect(**engine->Submit(Greedy(*engine, "the", 10)));
    failures += answer.end.reason == FinishReason::kError;
    if (answer.end.reason != FinishReason::kError) {
      EXPECT_EQ(answer.ids(), expected);
    }
  }
  EXPECT_EQ(failures, 1);
  EXPECT_EQ(engine->stats().requests_failed, 2u);
  EXPECT_EQ(engine->stats().requests_finished, 3u);
}

TEST_F(EngineTest, RunsOnTheEmulatedDevice) {
  const auto host = Load();
  const auto expected = Collect(**host->Submit(Greedy(*host, "the tin", 30))).ids();
  options_.device = DeviceKind::kEmulated;
  for (uint64_t host_memory : {uint64_t{0}, uint64_t{200'000}}) {
    options_.host_memory = host_memory;
    const auto emulated = Load();
    EXPECT_THAT(emulated->model().device, HasSubstr("emulated"));
    EXPECT_EQ(Collect(**emulated->Submit(Greedy(*emulated, "the tin", 30))).ids(), expected);
  }
}

TEST_F(EngineTest, LoadReportsProgressAndCanBeStopped) {
  uint64_t last = 0, total = 0;
  auto engine = Engine::Load(options_, [&](uint64_t done, uint64_t all) {
    EXPECT_GE(done, last);
    EXPECT_LE(done, all);
    last = done;
    total = all;
    return true;
  });
  ASSERT_TRUE(engine.ok());
  EXPECT_EQ(last, total);
  EXPECT_GT(total, 0u);
  auto stopped = Engine::Load(options_, [](uint64_t, uint64_t) { return false; });
  EXPECT_EQ(stopped.status().code(), StatusCode::kCancelled);
}

TEST_F(EngineTest, LoadErrorsHaveTheirCode) {
  const auto code = [this](auto set) {
    EngineOptions options = options_;
    set(options);
    return Engine::Load(options, {}).status().code();
  };
  EXPECT_EQ(code([](auto& o) { o.model_path += ".absent"; }), StatusCode::kNotFound);
  EXPECT_EQ(code([](auto& o) { o.parallel = 99; }), StatusCode::kInvalidArgument);
  EXPECT_EQ(code([](auto& o) { o.cache_policy = "nonsense"; }), StatusCode::kInvalidArgument);
  EXPECT_EQ(code([](auto& o) { o.fault_plan = "nonsense"; }), StatusCode::kInvalidArgument);
  EXPECT_EQ(code([](auto& o) { o.device_memory = 1000; }), StatusCode::kResourceExhausted);
  const std::string cut = testing::TinyMoe().Bytes();
  const std::string path = folder_.Write("cut.gguf", cut.substr(0, cut.size() / 2));
  EXPECT_EQ(code([&](auto& o) { o.model_path = path; }), StatusCode::kInvalidData);
}

TEST_F(EngineTest, RecommendedSamplingComesFromTheFile) {
  testing::TinyMoe model;
  model.writer().Set("general.sampling.temp", 0.7f).Set("general.sampling.top_k", uint32_t{20});
  options_.model_path = folder_.Write("sampling.gguf", model.Bytes());
  const auto engine = Load();
  EXPECT_EQ(engine->model().temperature, 0.7f);
  EXPECT_EQ(engine->model().top_k, 20u);
  EXPECT_FALSE(engine->model().top_p.has_value());
}

}  // namespace
}  // namespace moira::engine
