#pragma once

#include <span>
#include <string>
#include <string_view>

#include "engine/model/model_config.h"

namespace moira::engine {

// Whether a family has something: in no model, in every one, or where the tensors are in the file.
enum class Presence { kNever, kAlways, kIfPresent };

// Width of one routed expert where `expert_feed_forward_length` is absent.
enum class DefaultExpertWidth { kFeedForward, kFeedForwardPerUsedExpert };

// How a family's shared experts are described.
enum class SharedExperts {
  kNone,
  kGated,   // one of `expert_shared_feed_forward_length`, default: feed_forward_length
  kCounted  // `expert_shared_count` of the routed experts' width side by side, ungated
};

// What the files of a model family leave unsaid: the values that no metadata key gives, or gives
// only sometimes. Tables of these are the whole difference between the families here. Sources: the
// families' published model code, and the conventions of the files that llama.cpp's converters
// write.
struct Architecture {
  std::string_view name;  // general.architecture
  RopePairing rope_pairing = RopePairing::kHalves;
  bool rope_whole_head = false;  // `rope.dimension_count`, if given, equals the head size
  QkNorm qk_norm = QkNorm::kNone;
  Presence qkv_bias = Presence::kNever;
  Presence experts = Presence::kAlways;
  DefaultExpertWidth default_expert_width = DefaultExpertWidth::kFeedForward;
  SharedExperts shared_experts = SharedExperts::kNone;
  bool leading_dense_blocks = false;      // reads `leading_dense_block_count`
  bool normalize_expert_weights = false;  // unless `expert_weights_norm` says otherwise
};

// All supported families, by name.
std::span<const Architecture* const> Architectures();
// Null if unknown.
const Architecture* FindArchitecture(std::string_view name);
// "deepseek, llama, …", for messages.
std::string ArchitectureNames();

extern const Architecture kDeepseek;
extern const Architecture kLlama;
extern const Architecture kOlmoe;
extern const Architecture kQwen2Moe;
extern const Architecture kQwen3Moe;

}  // namespace moira::engine
