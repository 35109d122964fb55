#pragma once

#include <string>

#include "cache/device/status.h"
#include "engine/engine.h"
#include "engine/model_loader.h"
#include "engine/speed_model.h"

namespace moira::engine {

// The machine that a plan is made for.
struct PlannedMachine {
  std::string name, source;
  bool at_hand = false;   // memory and rates are this machine's
  EngineOptions options;  // those given, with the device that this machine is
  MemoryTiers memory;
  MachineRates rates;  // 0 where only MeasureRates can tell
};

// kInvalidArgument when the figures of `hardware` are out of bounds, contradict the options or
// leave something open.
Result<PlannedMachine> ChooseMachine(const EngineOptions& options, const HardwareChoice& hardware);

// Fills in the rates that were left open, by measuring this machine; `model` is the one planned.
Status MeasureRates(const OpenedModel& model, PlannedMachine& machine);

}  // namespace moira::engine
