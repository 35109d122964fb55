#include <benchmark/benchmark.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "quant/compute.h"
#include "tests/unit/quant/block_cases.h"

// Matrix products and expert FFNs on cold weights: every iteration takes the next matrix of an
// arena that no cache holds. Compare bytes per second with Read/threads of the same run: that is
// what the memory gives.
namespace moira::quant {
namespace {

using testing::RandomMatrix;
using testing::RandomValues;
using testing::TensorType;

constexpr size_t kArenaBytes = size_t{640} << 20;

std::vector<std::byte>& Arena() {
  static std::vector<std::byte> arena(kArenaBytes);
  return arena;
}

// The arena as matrices of one shape, all valid blocks.
class Matrices {
 public:
  Matrices(TensorType type, uint64_t rows, uint64_t columns)
      : type_(type), rows_(rows), columns_(columns) {
    const RandomMatrix pattern(type, 64, columns, 1);
    const size_t pattern_bytes = 64 * pattern.view.row_bytes();
    for (size_t i = 0; i + pattern_bytes <= kArenaBytes; i += pattern_bytes) {
      std::memcpy(Arena().data() + i, pattern.view.data, pattern_bytes);
    }
    bytes_ = rows * pattern.view.row_bytes();
    // Rows start where a row of the pattern does.
    count_ = (kArenaBytes - pattern_bytes) / bytes_;
  }
  MatrixView Next() {
    next_ = (next_ + 1) % count_;
    return {type_, Arena().data() + next_ * bytes_, rows_, columns_};
  }
  size_t bytes() const { return bytes_; }

 private:
  TensorType type_;
  uint64_t rows_, columns_;
  size_t bytes_, count_, next_ = 0;
};

void Read(benchmark::State& state) {
  ThreadPool pool(static_cast<unsigned>(state.range(0)));
  std::memset(Arena().data(), 1, kArenaBytes);
  constexpr size_t kChunk = size_t{256} << 10;
  std::atomic<uint64_t> total = 0;
  for (auto _ : state) {
    pool.ParallelFor(kArenaBytes / kChunk, [&](size_t chunk, unsigned) {
      const std::byte* data = Arena().data() + chunk * kChunk;
      uint64_t sums[8] = {};
      for (size_t i = 0; i < kChunk; i += 64) {
        __builtin_prefetch(data + i + 4096, 0, 2);
        uint64_t words[8];
        std::memcpy(words, data + i, 64);
        for (int j = 0; j < 8; ++j) sums[j] += words[j];
      }
      for (const uint64_t sum : sums) total += sum;
    });
  }
  benchmark::DoNotOptimize(total.load());
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * kArenaBytes));
}
BENCHMARK(Read)->Arg(1)->Unit(benchmark::kMillisecond);
BENCHMARK(Read)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);

void MatMul(benchmark::State& state, TensorType type, InstructionSet set, unsigned threads,
            size_t tokens) {
  constexpr uint64_t kRows = 4096, kColumns = 2048;
  ThreadPool pool(threads);
  const auto compute = std::move(Compute::Create(ComputeMode::kFast, set, pool)).value();
  Matrices matrices(type, kRows, kColumns);
  const std::vector<float> x = RandomValues(tokens * kColumns, 1);
  std::vector<float> y(tokens * kRows);
  for (auto _ : state) {
    const MatMulTask task{matrices.Next(), y.data(), kRows};
    compute->SetInput(x.data(), tokens, kColumns);
    compute->MatMul({&task, 1});
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * matrices.bytes()));
  state.counters["FLOP"] = benchmark::Counter(2.0 * kRows * kColumns * static_cast<double>(tokens),
                                              benchmark::Counter::kIsIterationInvariantRate);
}

// A decode or prefill step of one MoE layer.
struct LayerShape {
  const char* name;
  TensorType gate_up, down;
  size_t model_width, expert_width, experts, used;
};
constexpr LayerShape kLayers[] = {
    {"qwen3-30b-a3b", TensorType::kQ4_K, TensorType::kQ4_K, 2048, 768, 128, 8},
    {"qwen3-30b-a3b-q6", TensorType::kQ4_K, TensorType::kQ6_K, 2048, 768, 128, 8},
    {"gpt-oss-20b", TensorType::kMXFP4, TensorType::kMXFP4, 2880, 2880, 32, 4},
    {"demo", TensorType::kQ4_1, TensorType::kQ4_1, 576, 32, 36, 28},
};

void ExpertLayer(benchmark::State& state, const LayerShape& shape, unsigned threads,
                 size_t tokens) {
  ThreadPool pool(threads);
  const auto compute = Compute::CreateBest(ComputeMode::kFast, pool);
  Matrices gate_up(shape.gate_up, shape.expert_width, shape.model_width);
  const RandomMatrix down(shape.down, shape.model_width, shape.expert_width, 2);
  const size_t down_bytes = down.view.rows * down.view.row_bytes();
  // The down matrices get an arena of their own.
  std::vector<std::byte> downs(kArenaBytes / 2);
  const size_t down_count = downs.size() / down_bytes;
  for (size_t i = 0; i < down_count; ++i) {
    std::memcpy(downs.data() + i * down_bytes, down.view.data, down_bytes);
  }
  const size_t active = std::min(shape.experts, tokens * shape.used);
  const size_t rows_each = tokens * shape.used / active;
  const std::vector<float> x = RandomValues(tokens * shape.model_width, 1);
  std::vector<float> y(active * rows_each * shape.model_width);
  std::vector<uint32_t> rows(active * rows_each);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<uint32_t>(i * 7 % tokens);
  std::vector<ExpertJob> jobs(active);
  size_t next = 0;
  for (auto _ : state) {
    for (size_t i = 0; i < active; ++i) {
      MatrixView down_view = down.view;
      down_view.data = downs.data() + next++ % down_count * down_bytes;
      jobs[i] = {gate_up.Next(),
                 gate_up.Next(),
                 down_view,
                 {rows.data() + i * rows_each, rows_each},
                 y.data() + i * rows_each * shape.model_width};
    }
    compute->SetInput(x.data(), tokens, shape.model_width);
    compute->ExpertFfn(jobs, FfnActivation::kSwiGlu);
  }
  state.SetBytesProcessed(
      static_cast<int64_t>(state.iterations() * active * (2 * gate_up.bytes() + down_bytes)));
  state.counters["FLOP"] = benchmark::Counter(
      6.0 * static_cast<double>(shape.model_width * shape.expert_width * active * rows_each),
      benchmark::Counter::kIsIterationInvariantRate);
}

// One thread is measured by its processor time, which other programs on the machine disturb less.
void SetTime(benchmark::internal::Benchmark* bench, unsigned threads) {
  if (threads > 1) bench->UseRealTime();
  bench->Unit(benchmark::kMicrosecond);
}

bool RegisterAll() {
  for (const TensorType type : testing::kAllTypes) {
    for (const InstructionSet set : SupportedInstructionSets()) {
      for (const unsigned threads : {1u, 2u}) {
        for (const size_t tokens : {1, 4, 32, 128, 512}) {
          const std::string name = "MatMul/" + std::string(InstructionSetName(set)) + "/" +
                                   std::string(format::GetTensorType(type).name) +
                                   "/threads:" + std::to_string(threads) +
                                   "/n:" + std::to_string(tokens);
          SetTime(benchmark::RegisterBenchmark(name.c_str(), MatMul, type, set, threads, tokens),
                  threads);
        }
      }
    }
  }
  for (const LayerShape& shape : kLayers) {
    for (const unsigned threads : {1u, 2u}) {
      for (const size_t tokens : {1, 16, 128, 512}) {
        const std::string name = std::string("ExpertFfn/") + shape.name +
                                 "/threads:" + std::to_string(threads) +
                                 "/n:" + std::to_string(tokens);
        SetTime(benchmark::RegisterBenchmark(name.c_str(), ExpertLayer, shape, threads, tokens),
                threads);
      }
    }
  }
  return true;
}
const bool kRegistered = RegisterAll();

}  // namespace
}  // namespace moira::quant
