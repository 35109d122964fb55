#include "engine/model/step_state.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace moira::engine {

StepState::StepState(const ModelConfig& config, Workspace& space, cache::KvPagePool& pages,
                     uint32_t max_rows)
    : config_(config), space_(space), pages_(pages), max_rows_(max_rows) {
  rows_.reserve(max_rows);
}

Status StepState::Check(const StepSequence& sequence) const {
  const uint64_t end = uint64_t{sequence.first_position} + sequence.tokens.size();
  if (end > uint64_t{sequence.pages.size()} * kKvPageTokens) {
    return InvalidArgument("a sequence of " + std::to_string(end) + " tokens has " +
                           std::to_string(sequence.pages.size()) + " KV pages of " +
                           std::to_string(kKvPageTokens));
  }
  if (rows_.size() + sequence.tokens.size() > max_rows_) {
    return InvalidArgument("the step has more than " + std::to_string(max_rows_) + " tokens");
  }
  for (int32_t token : sequence.tokens) {
    if (token < 0 || static_cast<uint32_t>(token) >= config_.vocabulary) {
      return InvalidArgument("token " + std::to_string(token) + " is not in the vocabulary of " +
                             std::to_string(config_.vocabulary));
    }
  }
  return {};
}

void StepState::Begin(std::span<StepSequence> step) {
  step_ = step;
  sequences_.clear();
  rows_.clear();
  page_memory_.clear();
  size_t page_count = 0;
  for (const StepSequence& sequence : step) page_count += sequence.pages.size();
  page_memory_.reserve(page_count);  // spans into it are handed out below
  for (uint32_t i = 0; i < step.size(); ++i) {
    StepSequence& sequence = step[i];
    sequence.experts = {};
    sequence.logits = {};
    sequence.status = Check(sequence);
    if (!sequence.status.ok() || sequence.tokens.empty()) continue;
    const size_t first_page = page_memory_.size();
    for (cache::KvPageId page : sequence.pages) page_memory_.push_back(pages_.Page(page));
    sequences_.push_back({i, static_cast<uint32_t>(rows_.size()),
                          static_cast<uint32_t>(sequence.tokens.size()), sequence.first_position,
                          std::span(page_memory_).subspan(first_page)});
    for (uint32_t t = 0; t < sequence.tokens.size(); ++t) {
      rows_.push_back({i, sequence.first_position + t, sequence.tokens[t]});
    }
  }
}

void StepState::DropEnded() {
  const auto ended = [&](const SequenceRows& rows) {
    StepSequence& sequence = step_[rows.sequence];
    if (sequence.status.ok() && sequence.cancelled != nullptr &&
        sequence.cancelled->load(std::memory_order_relaxed)) {
      sequence.status = Cancelled("the request was cancelled");
    }
    return !sequence.status.ok();
  };
  uint32_t kept_rows = 0;
  size_t kept_sequences = 0;
  for (SequenceRows& rows : sequences_) {
    if (ended(rows)) continue;
    if (rows.first_row != kept_rows) {
      const auto move = [&](float* array, size_t columns) {
        std::memmove(array + kept_rows * columns, array + rows.first_row * columns,
                     rows.rows * columns * sizeof(float));
      };
      move(space_.hidden, config_.model_width);
      move(space_.angles, config_.rope_dimensions);
      std::copy_n(rows_.begin() + rows.first_row, rows.rows, rows_.begin() + kept_rows);
      rows.first_row = kept_rows;
    }
    kept_rows += rows.rows;
    sequences_[kept_sequences++] = rows;
  }
  sequences_.resize(kept_sequences);
  rows_.resize(kept_rows);
}

}  // namespace moira::engine
