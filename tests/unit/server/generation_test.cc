#include "server/api/generation.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/unit/server/fake_engine.h"

namespace moira::server {
namespace {

using Kind = engine::TokenStream::Event::Kind;
using std::chrono::milliseconds;
constexpr milliseconds kLong{60'000};

std::vector<Generation::Sequence> Sequences(size_t prompts, size_t choices) {
  std::vector<Generation::Sequence> sequences;
  for (size_t i = 0; i < prompts; ++i) {
    for (size_t j = 0; j < choices; ++j) {
      Generation::Sequence sequence;
      sequence.request.prompt = {static_cast<engine::TokenId>(i)};
      if (j > 0) sequence.after = i * choices;
      sequences.push_back(sequence);
    }
  }
  return sequences;
}

TEST(Generation, DeliversTheEventsOfASequenceInOrder) {
  FakeEngine engine([](const auto&, FakeStream::Shared& stream) {
    stream.PushText("ab");
    stream.End(engine::FinishReason::kLength);
  });
  Generation generation(engine, Sequences(1, 1), 4);
  ASSERT_TRUE(generation.Start().ok());
  EXPECT_EQ(generation.Next(kLong)->event.token.token, 'a');
  EXPECT_EQ(generation.Next(kLong)->event.token.token, 'b');
  EXPECT_EQ(generation.Next(kLong)->event.kind, Kind::kEnd);
  EXPECT_FALSE(generation.Next(kLong).has_value());
}

TEST(Generation, SaysWhenNothingCame) {
  FakeEngine engine;
  Generation generation(engine, Sequences(1, 1), 4);
  ASSERT_TRUE(generation.Start().ok());
  EXPECT_EQ(generation.Next(milliseconds(1))->event.kind, Kind::kTimeout);
}

TEST(Generation, ARefusedStartIsTheAnswer) {
  FakeEngine engine;
  engine.RefuseAfter(0, ResourceExhausted("full"));
  Generation generation(engine, Sequences(1, 1), 4);
  EXPECT_EQ(generation.Start().code(), StatusCode::kResourceExhausted);
}

TEST(Generation, FurtherChoicesWaitForTheFirstEventOfTheirPrompt) {
  FakeEngine engine;
  Generation generation(engine, Sequences(1, 3), 4);
  ASSERT_TRUE(generation.Start().ok());
  EXPECT_EQ(generation.Next(milliseconds(1))->event.kind, Kind::kTimeout);
  EXPECT_EQ(engine.submissions(), 1u);
  engine.stream(0)->PushText("a");
  EXPECT_EQ(generation.Next(kLong)->sequence, 0u);
  EXPECT_EQ(generation.Next(milliseconds(1))->event.kind, Kind::kTimeout);
  EXPECT_EQ(engine.submissions(), 3u);
}

TEST(Generation, NoMoreThanTheWindowAreInside) {
  FakeEngine engine;
  Generation generation(engine, Sequences(5, 1), 2);
  ASSERT_TRUE(generation.Start().ok());
  (void)generation.Next(milliseconds(1));
  EXPECT_EQ(engine.submissions(), 2u);
  engine.stream(1)->End(engine::FinishReason::kStop);
  EXPECT_EQ(generation.Next(kLong)->sequence, 1u);
  (void)generation.Next(milliseconds(1));
  EXPECT_EQ(engine.submissions(), 3u);
}

TEST(Generation, EverySequenceEndsOnceWhateverTheOrder) {
  FakeEngine engine([](const engine::GenerateRequest& request, FakeStream::Shared& stream) {
    stream.PushText(std::string(1 + static_cast<size_t>(request.prompt[0]) % 3, 'x'));
    stream.End(engine::FinishReason::kLength);
  });
  Generation generation(engine, Sequences(7, 2), 3);
  ASSERT_TRUE(generation.Start().ok());
  std::vector<int> ends(14);
  while (const auto event = generation.Next(kLong)) {
    if (event->event.kind == Kind::kEnd) ++ends[event->sequence];
  }
  EXPECT_EQ(ends, std::vector<int>(14, 1));
}

TEST(Generation, AFullQueueIsTriedAgainWhileOwnSequencesRun) {
  FakeEngine engine;
  engine.RefuseAfter(1, ResourceExhausted("full"));
  Generation generation(engine, Sequences(2, 1), 2);
  ASSERT_TRUE(generation.Start().ok());
  EXPECT_EQ(generation.Next(milliseconds(1))->event.kind, Kind::kTimeout);
  engine.RefuseAfter(SIZE_MAX, {});
  engine.stream(0)->PushText("a");
  EXPECT_EQ(generation.Next(kLong)->event.kind, Kind::kToken);
  EXPECT_EQ(engine.submissions(), 2u);
}

TEST(Generation, ARefusalForGoodEndsTheSequence) {
  FakeEngine engine;
  engine.RefuseAfter(1, Unavailable("draining"));
  Generation generation(engine, Sequences(2, 1), 2);
  ASSERT_TRUE(generation.Start().ok());
  const auto event = generation.Next(kLong);
  EXPECT_EQ(event->sequence, 1u);
  EXPECT_EQ(event->event.reason, engine::FinishReason::kError);
  EXPECT_EQ(event->event.status.code(), StatusCode::kUnavailable);
}

TEST(Generation, CancelAllEndsEverythingFromAnotherThread) {
  FakeEngine engine;
  Generation generation(engine, Sequences(3, 1), 2);
  ASSERT_TRUE(generation.Start().ok());
  std::thread other([&] {
    (void)engine.stream(1);
    generation.CancelAll();
  });
  size_t ends = 0;
  while (const auto event = generation.Next(kLong)) {
    if (event->event.kind == Kind::kEnd) ++ends;
  }
  other.join();
  EXPECT_EQ(ends, 3u);
}

}  // namespace
}  // namespace moira::server
