#pragma once

#include <string>

#include "engine/engine.h"

namespace moira::server {

// A plan as text for a person: where every byte goes, and against which limit.
std::string PlanTable(const engine::PlacementPlan& plan);
// The speed to expect, and what it follows from; then the warnings.
std::string SpeedTable(const engine::PlacementPlan& plan);
// All of it as a JSON object. A path that costs nothing has the rate null.
std::string PlanJson(const engine::PlacementPlan& plan);

}  // namespace moira::server
