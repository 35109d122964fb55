// A cold tier that fails ends the requests that needed it, with an error that says so, and nothing
// else: the others' answers are equal to the bit, and so is a second try.

#include <gtest/gtest.h>

#include "tests/gate/gate_support.h"

namespace moira::engine {
namespace {

class FaultGate : public ::testing::Test {
 protected:
  FaultGate() {
    path_ = folder_.Write("generated.gguf", testing::TinyMoe().Bytes());
    prompts_ = GatePrompts();
    prompts_.resize(6);
  }

  EngineOptions Options() {
    EngineOptions options = BaseOptions(path_);
    options.expert_cache = Percent(25);
    options.prefetch = prefetch::PrefetchMode::kOff;  // every read is one that a token waits for
    return options;
  }
  std::unique_ptr<Engine> Load(const EngineOptions& options) {
    auto engine = Engine::Load(options, {});
    EXPECT_TRUE(engine.ok()) << engine.status().message();
    return std::move(engine).value();
  }

  testing::TempFolder folder_;
  std::string path_;
  std::vector<std::string> prompts_;
};

class FailingReads : public FaultGate, public ::testing::WithParamInterface<const char*> {};

TEST_P(FailingReads, FailOnlyTheRequestsThatNeedThem) {
  std::vector<GateAnswer> expected;
  uint64_t reads = 0;
  {
    const auto engine = Load(Options());
    expected = AnswerAll(*engine, prompts_);
    reads = engine->stats().experts.fetches;
  }
  // One read near the end, when all prompts are through and each request decodes: a chunk of
  // prompts would need almost every expert.
  EngineOptions options = Options();
  options.parallel = 4;  // so that some requests are not there when it fails
  options.fault_plan = "read:" + std::to_string(reads * 7 / 8) + "=" + GetParam();
  const auto engine = Load(options);
  size_t failed = 0;
  const auto answers = AnswerAll(*engine, prompts_);
  for (size_t i = 0; i < answers.size(); ++i) {
    if (answers[i].reason == FinishReason::kError) {
      ++failed;
      EXPECT_EQ(answers[i].status.code(), StatusCode::kIoError);
      EXPECT_NE(answers[i].status.message(), "");
      // What it had said until then was right.
      ASSERT_LT(answers[i].tokens.size(), expected[i].tokens.size());
      EXPECT_TRUE(std::equal(answers[i].tokens.begin(), answers[i].tokens.end(),
                             expected[i].tokens.begin()));
    } else {
      EXPECT_EQ(answers[i], expected[i]) << "prompt " << i;
    }
  }
  EXPECT_GT(failed, 0u);
  EXPECT_LT(failed, answers.size()) << "somebody must not have needed the failed reads";
  EXPECT_EQ(engine->stats().requests_failed, failed);

  EXPECT_EQ(AnswerAll(*engine, prompts_), expected) << "after the failure";
}

INSTANTIATE_TEST_SUITE_P(Kinds, FailingReads, ::testing::Values("error", "short"));

// Every single read of a short generation fails in turn: no crash, no wrong token, and the next
// request is served.
TEST_F(FaultGate, EachReadInTurn) {
  EngineOptions options = Options();
  options.expert_cache = Percent(0);
  options.parallel = 1;
  const std::string prompt = "the tin";
  GateAnswer expected;
  uint64_t reads = 0;
  const auto ask = [&](Engine& engine) {
    GenerateRequest request = GreedyRequest(engine, prompt);
    request.max_tokens = 4;
    return Collect(**engine.Submit(std::move(request)));
  };
  {
    const auto engine = Load(options);
    expected = ask(*engine);
    reads = engine->stats().experts.fetches;
  }
  ASSERT_GT(reads, 0u);
  const uint64_t step = std::max<uint64_t>(reads / (kUnderSanitizer ? 10 : 60), 1);
  size_t failed = 0;
  for (uint64_t read = 1; read <= reads; read += step) {
    options.fault_plan = "read:" + std::to_string(read) + "=error";
    const auto engine = Load(options);
    const GateAnswer answer = ask(*engine);
    failed += answer.reason == FinishReason::kError;
    if (answer.reason != FinishReason::kError) {
      EXPECT_EQ(answer, expected);
    }
    EXPECT_EQ(ask(*engine), expected) << "after read " << read;
  }
  EXPECT_GT(failed, 5u);
}

// Copies that land late and out of step with the computation.
TEST_F(FaultGate, DelaysChangeNothing) {
  const auto resident = Load(BaseOptions(path_));
  const auto expected = AnswerAll(*resident, prompts_);
  EngineOptions options = Options();
  options.prefetch = prefetch::PrefetchMode::kGate;
  options.fault_plan = "read:100-160=delay:2ms";
  const auto engine = Load(options);
  EXPECT_EQ(AnswerAll(*engine, prompts_), expected);
  EXPECT_GT(engine->stats().experts.fetches + engine->stats().experts.speculative_issued, 160u);
}

}  // namespace
}  // namespace moira::engine
