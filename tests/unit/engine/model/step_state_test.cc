#include "engine/model/step_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "cache/device/host_device.h"

namespace moira::engine {
namespace {

constexpr uint32_t kRows = 10;

class StepStateTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (cache::KvPageId& page : page_) page = *pages_->Allocate();
  }

  // `count` tokens from `position` on, in one page.
  StepSequence Sequence(size_t index, size_t count, uint32_t position) {
    tokens_[index].assign(count, static_cast<int32_t>(index));
    StepSequence sequence;
    sequence.tokens = tokens_[index];
    sequence.first_position = position;
    sequence.pages = {&page_[index], 1};
    return sequence;
  }

  static ModelConfig Config() {
    ModelConfig config;
    config.vocabulary = 10;
    config.model_width = 3;
    config.rope_dimensions = 2;
    config.heads = config.kv_heads = 1;
    config.key_size = config.value_size = 2;
    return config;
  }

  const ModelConfig config_ = Config();
  std::unique_ptr<Device> device_ = CreateHostDevice(std::nullopt, nullptr);
  std::unique_ptr<cache::KvPagePool> pages_ = *cache::KvPagePool::Create(*device_, 4096, 4);
  Workspace space_ = *Workspace::Create(config_, kRows, 1);
  StepState state_{config_, space_, *pages_, kRows};
  cache::KvPageId page_[3];
  std::vector<int32_t> tokens_[3];
};

TEST_F(StepStateTest, RowsFollowTheSequences) {
  std::vector<StepSequence> step = {Sequence(0, 2, 7), Sequence(1, 0, 0), Sequence(2, 3, 0)};
  state_.Begin(step);
  ASSERT_EQ(state_.sequences().size(), 2u);
  EXPECT_EQ(state_.sequences()[1].sequence, 2u);
  EXPECT_EQ(state_.sequences()[1].first_row, 2u);
  EXPECT_EQ(state_.sequences()[1].pages[0], pages_->Page(page_[2]));
  ASSERT_EQ(state_.rows().size(), 5u);
  EXPECT_EQ(state_.rows()[1].position, 8u);
  EXPECT_EQ(state_.rows()[2].sequence, 2u);
  EXPECT_EQ(state_.rows()[2].position, 0u);
  EXPECT_EQ(state_.rows()[2].token, 2);
}

TEST_F(StepStateTest, EndedSequencesLeaveNoGap) {
  std::vector<StepSequence> step = {Sequence(0, 2, 0), Sequence(1, 1, 0), Sequence(2, 3, 4)};
  state_.Begin(step);
  for (size_t row = 0; row < 6; ++row) {
    std::fill_n(space_.hidden + row * 3, 3, static_cast<float>(row));
    std::fill_n(space_.angles + row * 2, 2, static_cast<float>(10 * row));
  }
  const std::atomic<bool> cancelled = true;
  step[0].cancelled = &cancelled;
  state_.DropEnded();
  EXPECT_EQ(step[0].status.code(), StatusCode::kCancelled);
  step[1].status = IoError("gone");
  state_.DropEnded();
  EXPECT_EQ(step[1].status.message(), "gone");
  ASSERT_EQ(state_.sequences().size(), 1u);
  EXPECT_EQ(state_.sequences()[0].first_row, 0u);
  EXPECT_EQ(state_.sequences()[0].rows, 3u);
  ASSERT_EQ(state_.rows().size(), 3u);
  for (size_t row = 0; row < 3; ++row) {
    EXPECT_EQ(state_.rows()[row].position, 4 + row);
    EXPECT_EQ(space_.hidden[row * 3 + 2], static_cast<float>(row + 3));
    EXPECT_EQ(space_.angles[row * 2 + 1], static_cast<float>(10 * (row + 3)));
  }
}

TEST_F(StepStateTest, WhatDoesNotFitIsRefusedAndTheRestRuns) {
  std::vector<StepSequence> step = {Sequence(0, 6, 0), Sequence(1, 5, 0), Sequence(2, 4, 0)};
  state_.Begin(step);
  EXPECT_TRUE(step[0].status.ok());
  EXPECT_EQ(step[1].status.message(), "the step has more than 10 tokens");
  EXPECT_TRUE(step[2].status.ok());
  EXPECT_EQ(state_.rows().size(), 10u);
}

TEST(ForRowsTest, EveryRowIsVisitedOnce) {
  ThreadPool pool(3);
  for (size_t rows : {0u, 1u, 7u, 8u, 9u, 100u}) {
    std::vector<std::atomic<int>> visits(rows);
    ForRows(pool, rows, [&](size_t row, unsigned worker) {
      EXPECT_LT(worker, 3u);
      ++visits[row];
    });
    for (const std::atomic<int>& count : visits) EXPECT_EQ(count, 1);
  }
}

}  // namespace
}  // namespace moira::engine
