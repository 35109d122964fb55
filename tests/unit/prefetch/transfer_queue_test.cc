#include "prefetch/transfer_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "tests/unit/prefetch/gated_mover.h"

namespace moira::prefetch {
namespace {

constexpr uint64_t kChunk = TransferQueue::kChunkBytes;
constexpr auto kDemand = TransferPriority::kDemand;
constexpr auto kSpeculative = TransferPriority::kSpeculative;
using Calls = std::vector<GatedMover::Call>;

// Record r goes to slot r.
TransferQueue::Request Request(uint32_t id, uint64_t bytes) { return {id, id, nullptr, bytes}; }

// Waits for so many transfers to land; their slots, in order.
std::vector<uint32_t> Land(TransferQueue& queue, size_t count) {
  std::vector<TransferQueue::Landed> landed;
  while (landed.size() < count) queue.Wait(landed);
  std::vector<uint32_t> slots;
  for (const TransferQueue::Landed& each : landed) {
    EXPECT_TRUE(each.status.ok());
    slots.push_back(each.slot);
  }
  return slots;
}

TEST(TransferQueueTest, DemandOvertakesSpeculativeAfterOneChunk) {
  GatedMover mover;
  TransferQueue queue(mover, 4, 1);
  queue.Submit(Request(0, 3 * kChunk), kSpeculative);
  mover.AwaitCalls(1);
  queue.Submit(Request(1, kChunk), kSpeculative);
  queue.Submit(Request(2, 5 * kChunk), kDemand);
  mover.Open();
  EXPECT_EQ(Land(queue, 3), (std::vector<uint32_t>{2, 0, 1}));
  EXPECT_EQ(mover.calls(), (Calls{{0, 0}, {2, 0}, {0, kChunk}, {0, 2 * kChunk}, {1, 0}}));
}

TEST(TransferQueueTest, SpeculativeWaitsWhileADemandRuns) {
  GatedMover mover;
  TransferQueue queue(mover, 4, 3);
  queue.Submit(Request(0, 10), kDemand);
  mover.AwaitCalls(1);
  queue.Submit(Request(1, 10), kSpeculative);
  queue.Submit(Request(2, 10), kDemand);
  mover.AwaitCalls(2);
  EXPECT_EQ(mover.calls(), (Calls{{0, 0}, {2, 0}})) << "there are idle workers, but also demands";
  mover.Open();
  Land(queue, 3);
  EXPECT_EQ(mover.calls().back(), (GatedMover::Call{1, 0}));
}

TEST(TransferQueueTest, PromotedTransferGoesWithTheDemands) {
  GatedMover mover;
  TransferQueue queue(mover, 4, 1);
  queue.Submit(Request(0, 2 * kChunk), kSpeculative);
  mover.AwaitCalls(1);
  queue.Submit(Request(1, 2 * kChunk), kSpeculative);
  queue.Submit(Request(2, 2 * kChunk), kSpeculative);
  queue.Promote(2);
  mover.Open();
  EXPECT_EQ(Land(queue, 3), (std::vector<uint32_t>{2, 0, 1}));
  EXPECT_EQ(mover.calls()[1], (GatedMover::Call{2, 0}));
}

TEST(TransferQueueTest, PromotedWhileRunningGoesOnWithItsRest) {
  GatedMover mover;
  TransferQueue queue(mover, 4, 1);
  queue.Submit(Request(0, 3 * kChunk), kSpeculative);
  mover.AwaitCalls(1);
  queue.Submit(Request(1, kChunk), kSpeculative);
  queue.Promote(0);
  mover.Open();
  EXPECT_EQ(Land(queue, 2), (std::vector<uint32_t>{0, 1}));
  EXPECT_EQ(mover.calls(), (Calls{{0, 0}, {0, kChunk}, {1, 0}})) << "in one piece";
}

TEST(TransferQueueTest, OnlyWhatNobodyWorksOnIsCancelled) {
  GatedMover mover;
  TransferQueue queue(mover, 4, 1);
  queue.Submit(Request(0, kChunk), kSpeculative);
  mover.AwaitCalls(1);
  queue.Submit(Request(1, kChunk), kSpeculative);
  EXPECT_EQ(queue.load().transfers, 2u);
  EXPECT_FALSE(queue.Cancel(0));
  EXPECT_TRUE(queue.Cancel(1));
  EXPECT_FALSE(queue.Cancel(1));
  EXPECT_FALSE(queue.Cancel(3)) << "never submitted";
  EXPECT_EQ(queue.load().transfers, 1u);
  mover.Open();
  EXPECT_EQ(Land(queue, 1), std::vector<uint32_t>{0});
  EXPECT_EQ(mover.calls().size(), 1u);
  // A slot can be used again.
  queue.Submit(Request(1, kChunk), kDemand);
  EXPECT_EQ(Land(queue, 1), std::vector<uint32_t>{1});
  EXPECT_EQ(queue.load().transfers, 0u);
}

TEST(TransferQueueTest, CancelledDemandSetsSpeculativeOnesFree) {
  GatedMover mover;
  TransferQueue queue(mover, 4, 1);
  queue.Submit(Request(0, 10), kSpeculative);
  mover.AwaitCalls(1);
  queue.Submit(Request(1, 10), kSpeculative);
  queue.Submit(Request(2, 10), kDemand);
  EXPECT_TRUE(queue.Cancel(2));
  mover.Open();
  EXPECT_EQ(Land(queue, 2), (std::vector<uint32_t>{0, 1}));
}

TEST(TransferQueueTest, FailureLandsWithItsStatusAndEndsTheTransfer) {
  GatedMover mover(true);
  mover.Fail(1, IoError("bad sector"));
  TransferQueue queue(mover, 4, 2);
  queue.Submit(Request(1, 5 * kChunk), kSpeculative);
  std::vector<TransferQueue::Landed> landed;
  queue.Wait(landed);
  ASSERT_EQ(landed.size(), 1u);
  EXPECT_EQ(landed[0].slot, 1u);
  EXPECT_EQ(landed[0].status.message(), "bad sector");
  EXPECT_EQ(mover.calls().size(), 1u) << "the rest would be of no use";
}

TEST(TransferQueueTest, WaitingThreadWorksToo) {
  GatedMover mover(true);
  TransferQueue queue(mover, 4, 0);
  for (uint32_t slot : {3u, 0u, 2u}) queue.Submit(Request(slot, 10), kDemand);
  EXPECT_EQ(Land(queue, 3), (std::vector<uint32_t>{3, 0, 2}));
}

TEST(TransferQueueTest, TakeDoesNotBlock) {
  GatedMover mover;
  TransferQueue queue(mover, 4, 1);
  std::vector<TransferQueue::Landed> landed;
  queue.Submit(Request(0, 10), kDemand);
  queue.Take(landed);
  EXPECT_TRUE(landed.empty());
  mover.Open();
}

TEST(TransferQueueTest, MeasuresTheRate) {
  GatedMover mover(true);
  TransferQueue queue(mover, 4, 1);
  EXPECT_EQ(queue.load().seconds_per_byte, 0);
  queue.Submit(Request(0, 10), kDemand);
  Land(queue, 1);
  EXPECT_GT(queue.load().seconds_per_byte, 0);
}

TEST(TransferQueueTest, EndDropsWhatHasNotStarted) {
  GatedMover mover;
  {
    TransferQueue queue(mover, 64, 2);
    for (uint32_t slot = 0; slot < 64; ++slot) {
      queue.Submit(Request(slot, 4 * kChunk), slot % 2 == 0 ? kDemand : kSpeculative);
    }
    mover.AwaitCalls(2);
    mover.Open();
  }
  EXPECT_GE(mover.calls().size(), 2u);
}

// Any mixture of calls: each transfer lands once, unless it was cancelled, and moves each byte
// once.
TEST(TransferQueueTest, EveryTransferLandsOnce) {
  constexpr uint32_t kSlots = 16;
  for (uint32_t seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    GatedMover mover(true);
    TransferQueue queue(mover, kSlots, 1 + seed % 4);
    std::set<uint32_t> pending;
    std::vector<TransferQueue::Landed> landed;
    const auto book = [&] {
      for (const TransferQueue::Landed& each : landed) ASSERT_EQ(pending.erase(each.slot), 1u);
      landed.clear();
    };
    for (int step = 0; step < 500; ++step) {
      const uint32_t slot = random() % kSlots;
      switch (random() % 5) {
        case 0:
        case 1:
          if (!pending.insert(slot).second) break;
          queue.Submit(Request(slot, 1 + random() % (3 * kChunk)),
                       random() % 2 == 0 ? kDemand : kSpeculative);
          break;
        case 2:
          queue.Promote(slot);
          break;
        case 3:
          if (queue.Cancel(slot)) {
            ASSERT_EQ(pending.erase(slot), 1u);
          }
          break;
        default:
          if (pending.empty() || random() % 2 == 0) {
            queue.Take(landed);
          } else {
            queue.Wait(landed);
          }
          book();
      }
    }
    while (!pending.empty()) {
      queue.Wait(landed);
      book();
    }
    queue.Take(landed);
    EXPECT_TRUE(landed.empty());
    EXPECT_EQ(queue.load().transfers, 0u);
  }
}

}  // namespace
}  // namespace moira::prefetch
