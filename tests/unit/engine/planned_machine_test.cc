#include "engine/planned_machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/temp_folder.h"
#include "tests/support/tiny_moe.h"

namespace moira::engine {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kGiB = uint64_t{1} << 30;

HardwareChoice Card(double link, double host, double device) {
  HardwareChoice choice;
  choice.link_bandwidth = link;
  choice.host_bandwidth = host;
  choice.device_bandwidth = device;
  return choice;
}

TEST(ChooseMachine, TakesTheMachineAtHandUnlessToldOtherwise) {
  const auto machine = ChooseMachine({}, {});
  ASSERT_TRUE(machine.ok()) << machine.status().message();
  EXPECT_TRUE(machine->at_hand);
  EXPECT_GT(machine->memory.host.available, 0u);
  EXPECT_FALSE(machine->memory.card.has_value());
  EXPECT_EQ(machine->rates.device, 0);  // to be measured
}

TEST(ChooseMachine, AProfileBringsMemoryRatesAndDevice) {
  HardwareChoice choice;
  choice.profile = "rtx-3060-12gb";
  const auto card = ChooseMachine({}, choice);
  ASSERT_TRUE(card.ok()) << card.status().message();
  EXPECT_FALSE(card->at_hand);
  EXPECT_EQ(card->memory.card, 12 * kGiB);
  EXPECT_EQ(card->options.device, DeviceKind::kEmulated);
  EXPECT_EQ(card->options.link_bandwidth, 24e9);
  EXPECT_EQ(card->rates.joint, 44e9);

  choice.profile = "orin-nano-8gb";
  const auto board = ChooseMachine({}, choice);
  ASSERT_TRUE(board.ok()) << board.status().message();
  EXPECT_EQ(board->options.device, DeviceKind::kCpu);
  EXPECT_FALSE(board->memory.card.has_value());
  EXPECT_EQ(board->memory.host.available, 8 * kGiB);
}

TEST(ChooseMachine, SingleFiguresWinOverTheProfile) {
  HardwareChoice choice = Card(12e9, 70e9, 0);
  choice.profile = "rtx-3060-12gb";
  const auto machine = ChooseMachine({}, choice);
  ASSERT_TRUE(machine.ok()) << machine.status().message();
  EXPECT_EQ(machine->rates.link, 12e9);
  EXPECT_EQ(machine->rates.host, 70e9);
  EXPECT_EQ(machine->rates.joint, 76e9);  // the link still adds its 6
  EXPECT_EQ(machine->rates.device, 360e9);
}

TEST(ChooseMachine, ACardMayBeDescribedByItsFigures) {
  EngineOptions options;
  options.device_memory = 8 * kGiB;
  const auto machine = ChooseMachine(options, Card(12e9, 45e9, 360e9));
  ASSERT_TRUE(machine.ok()) << machine.status().message();
  EXPECT_EQ(machine->memory.card, 8 * kGiB);
  EXPECT_EQ(machine->rates.link, 12e9);
  EXPECT_EQ(machine->rates.device, 360e9);
  EXPECT_GT(machine->rates.overhead_seconds, 0);
}

TEST(ChooseMachine, SaysWhatIsMissingOrContradictory) {
  const auto message = [](const EngineOptions& options, const HardwareChoice& choice) {
    const auto machine = ChooseMachine(options, choice);
    EXPECT_EQ(machine.status().code(), StatusCode::kInvalidArgument);
    return machine.status().message();
  };
  EngineOptions options;
  EXPECT_THAT(message(options, Card(12e9, 0, 0)), HasSubstr("device bandwidth of the card"));
  EXPECT_THAT(message(options, Card(0, 0, 360e9)), HasSubstr("link bandwidth of the card"));
  EXPECT_THAT(message(options, Card(12e9, 0, 360e9)), HasSubstr("device memory of the card"));
  HardwareChoice choice;
  choice.profile = "agx-orin-64gb";
  choice.link_bandwidth = 1e9;
  EXPECT_THAT(message(options, choice), HasSubstr("one memory"));
  options.device = DeviceKind::kCpu;
  EXPECT_THAT(message(options, choice), HasSubstr("choose one"));
}

TEST(ChooseMachine, RefusesRatesOutOfBounds) {
  for (double bad : {1.0, -1.0, 1e30, double{INFINITY}, double{NAN}}) {
    for (const HardwareChoice& choice :
         {Card(bad, 1e9, 1e9), Card(1e9, bad, 1e9), Card(1e9, 1e9, bad)}) {
      EngineOptions options;
      options.device_memory = kGiB;
      const auto machine = ChooseMachine(options, choice);
      ASSERT_FALSE(machine.ok()) << bad;
      EXPECT_THAT(machine.status().message(), HasSubstr("between 1 MB/s and 100 TB/s"));
    }
  }
}

class MeasureRatesTest : public ::testing::Test {
 protected:
  MeasureRatesTest() {
    options_.model_path = folder_.Write("tiny.gguf", testing::TinyMoe().Bytes());
    options_.threads = 1;
  }
  MachineRates Measure(const HardwareChoice& choice) {
    PlannedMachine machine = ChooseMachine(options_, choice).value();
    const OpenedModel model = InspectModel(machine.options, machine.memory).value();
    EXPECT_TRUE(MeasureRates(model, machine).ok());
    return machine.rates;
  }

  testing::TempFolder folder_;
  EngineOptions options_;
};

TEST_F(MeasureRatesTest, CompletesTheMachineAtHand) {
  const MachineRates rates = Measure({});
  EXPECT_GT(rates.device, 1e6);
  EXPECT_EQ(rates.host, rates.device);
  EXPECT_GT(rates.file, 0);
  EXPECT_EQ(rates.link, MachineRates::kUnlimited);
  EXPECT_LT(rates.efficiency, 1);
}

TEST_F(MeasureRatesTest, TheEmulatedLinkIsAsFastAsTheFlagSays) {
  options_.device = DeviceKind::kEmulated;
  options_.link_bandwidth = 5e9;
  EXPECT_EQ(Measure({}).link, 5e9);
}

TEST_F(MeasureRatesTest, KeepsWhatIsKnown) {
  HardwareChoice choice;
  choice.profile = "rtx-4070";
  const MachineRates rates = Measure(choice);
  EXPECT_EQ(rates.device, 504e9);
  EXPECT_EQ(rates.link, 24e9);
  EXPECT_EQ(rates.host, 44.8e9);
  EXPECT_EQ(rates.file, 3e9);
}

}  // namespace
}  // namespace moira::engine
