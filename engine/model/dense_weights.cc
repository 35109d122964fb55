#include "engine/model/dense_weights.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_set>

#include "cache/device/checked.h"
#include "engine/model/expert_layout.h"
#include "engine/model/tensor_check.h"
#include "quant/dequantize.h"

namespace moira::engine {
namespace {

constexpr size_t kTensorAlignment = 64;          // a cache line
constexpr size_t kReadBytes = size_t{16} << 20;  // between two calls of `progress`

// Finds the tensors of a model, gives each a place in the buffer, and remembers where the pointer
// to it goes once there is a buffer.
class TensorPlan {
 public:
  explicit TensorPlan(const format::Gguf& gguf) : gguf_(gguf) {}

  Status Matrix(const std::string& name, uint64_t rows, uint64_t columns,
                quant::MatrixView& target) {
    MOIRA_ASSIGN_OR_RETURN(const format::TensorInfo* tensor,
                           RequireTensor(gguf_, name, {columns, rows, 1}));
    return AddMatrix(*tensor, rows, columns, target);
  }
  Status OptionalMatrix(const std::string& name, uint64_t rows, uint64_t columns,
                        quant::MatrixView& target) {
    MOIRA_ASSIGN_OR_RETURN(const format::TensorInfo* tensor,
                           FindTensor(gguf_, name, {columns, rows, 1}));
    return tensor == nullptr ? Status() : AddMatrix(*tensor, rows, columns, target);
  }
  // `size` values, or `rows` rows of them, expanded to F32.
  Status Values(const std::string& name, uint64_t size, const float*& target, uint64_t rows = 1) {
    MOIRA_ASSIGN_OR_RETURN(const format::TensorInfo* tensor,
                           RequireTensor(gguf_, name, {size, rows, 1}));
    return AddValues(*tensor, target);
  }
  Status OptionalValues(const std::string& name, uint64_t size, const float*& target) {
    MOIRA_ASSIGN_OR_RETURN(const format::TensorInfo* tensor, FindTensor(gguf_, name, {size, 1, 1}));
    return tensor == nullptr ? Status() : AddValues(*tensor, target);
  }
  // A tensor that others read.
  void Elsewhere(const std::string& name) { known_.insert(name); }

  uint64_t bytes() const { return bytes_; }
  // kUnsupported if the file has a tensor that nobody asked for: the model computes something that
  // this program would leave out.
  Status CheckNoOthers() const;
  Status Load(Buffer& buffer,
              const std::function<bool(uint64_t done, uint64_t total)>& progress) const;

 private:
  struct Entry {
    const format::TensorInfo* tensor;
    uint64_t offset;  // in the buffer
    quant::MatrixView* matrix;
    const float** values;  // where `matrix` is null
  };

  Status Place(Entry entry, uint64_t bytes);
  Status AddMatrix(const format::TensorInfo& tensor, uint64_t rows, uint64_t columns,
                   quant::MatrixView& target) {
    target = {tensor.type, nullptr, rows, columns};
    return Place({&tensor, 0, &target, nullptr}, tensor.bytes);
  }
  Status AddValues(const format::TensorInfo& tensor, const float*& target) {
    return Place({&tensor, 0, nullptr, &target},
                 tensor.row_elements() * tensor.rows() * sizeof(float));
  }

  const format::Gguf& gguf_;
  std::vector<Entry> entries_;
  std::unordered_set<std::string> known_;
  uint64_t bytes_ = 0;
};

Status TensorPlan::Place(Entry entry, uint64_t bytes) {
  const std::optional<size_t> offset = CheckedAlignUp(bytes_, kTensorAlignment);
  const std::optional<size_t> end = offset ? CheckedAdd<size_t>(*offset, bytes) : std::nullopt;
  if (!end) return InvalidData("tensor " + entry.tensor->name + " makes the weights overflow");
  entry.offset = *offset;
  bytes_ = *end;
  known_.insert(entry.tensor->name);
  entries_.push_back(entry);
  return {};
}

Status TensorPlan::CheckNoOthers() const {
  for (const format::TensorInfo& tensor : gguf_.tensors()) {
    if (!known_.contains(tensor.name)) {
      return Unsupported("tensor " + tensor.name + " has no place in this architecture");
    }
  }
  return {};
}

Status ReadExpanded(const format::Gguf& gguf, const format::TensorInfo& tensor, float* target) {
  std::vector<std::byte> raw(tensor.bytes);
  MOIRA_RETURN_IF_ERROR(gguf.ReadTensor(tensor, 0, raw));
  quant::Dequantize(tensor.type, raw.data(), {target, tensor.row_elements() * tensor.rows()});
  return {};
}

Status TensorPlan::Load(Buffer& buffer,
                        const std::function<bool(uint64_t done, uint64_t total)>& progress) const {
  for (const Entry& entry : entries_) {
    std::byte* const place = buffer.data() + entry.offset;
    if (entry.matrix == nullptr) {
      float* const values = reinterpret_cast<float*>(place);
      MOIRA_RETURN_IF_ERROR(ReadExpanded(gguf_, *entry.tensor, values));
      *entry.values = values;
    } else {
      entry.matrix->data = place;
    }
    const uint64_t bytes = entry.matrix == nullptr ? 0 : entry.tensor->bytes;
    for (uint64_t done = 0; done < bytes;) {
      const size_t piece = std::min<uint64_t>(kReadBytes, bytes - done);
      MOIRA_RETURN_IF_ERROR(gguf_.ReadTensor(*entry.tensor, done, {place + done, piece}));
      done += piece;
      if (progress && !progress(entry.offset + done, bytes_)) {
        return Cancelled("loading the weights was cancelled");
      }
    }
  }
  if (progress && !progress(bytes_, bytes_)) {
    return Cancelled("loading the weights was cancelled");
  }
  return {};
}

Status PlanAttention(TensorPlan& plan, const ModelConfig& config, uint32_t index,
                     LayerWeights& layer) {
  const auto name = [&](std::string_view suffix) { return BlockTensorName(index, suffix); };
  const uint64_t width = config.model_width;
  const uint64_t queries = uint64_t{config.heads} * config.key_size;
  const uint64_t keys = uint64_t{config.kv_heads} * config.key_size;
  const uint64_t values = uint64_t{config.kv_heads} * config.value_size;
  MOIRA_RETURN_IF_ERROR(plan.Values(name("attn_norm.weight"), width, layer.attention_norm));
  MOIRA_RETURN_IF_ERROR(plan.Matrix(name("attn_q.weight"), queries, width, layer.query));
  MOIRA_RETURN_IF_ERROR(plan.Matrix(name("attn_k.weight"), keys, width, layer.key));
  MOIRA_RETURN_IF_ERROR(plan.Matrix(name("attn_v.weight"), values, width, layer.value));
  if (config.qkv_bias) {
    MOIRA_RETURN_IF_ERROR(plan.Values(name("attn_q.bias"), queries, layer.query_bias));
    MOIRA_RETURN_IF_ERROR(plan.Values(name("attn_k.bias"), keys, layer.key_bias));
    MOIRA_RETURN_IF_ERROR(plan.Values(name("attn_v.bias"), values, layer.value_bias));
  }
  if (config.qk_norm != QkNorm::kNone) {
    const bool per_head = config.qk_norm == QkNorm::kPerHead;
    MOIRA_RETURN_IF_ERROR(plan.Values(name("attn_q_norm.weight"),
                                      per_head ? config.key_size : queries, layer.query_norm));
    MOIRA_RETURN_IF_ERROR(
        plan.Values(name("attn_k_norm.weight"), per_head ? config.key_size : keys, layer.key_norm));
  }
  return plan.Matrix(name("attn_output.weight"), width, uint64_t{config.heads} * config.value_size,
                     layer.attention_output);
}

// The dense FFN, or the shared experts, which are one FFN as wide as all of them.
Status PlanFfn(TensorPlan& plan, const ModelConfig& config, uint32_t index, std::string_view suffix,
               uint64_t feed_forward, LayerWeights& layer) {
  const auto name = [&](std::string_view part) {
    return BlockTensorName(index, part) + std::string(suffix);
  };
  const uint64_t width = config.model_width;
  MOIRA_RETURN_IF_ERROR(plan.Matrix(name("ffn_gate"), feed_forward, width, layer.gate));
  MOIRA_RETURN_IF_ERROR(plan.Matrix(name("ffn_up"), feed_forward, width, layer.up));
  return plan.Matrix(name("ffn_down"), width, feed_forward, layer.down);
}

Status PlanMoe(TensorPlan& plan, const format::Gguf& gguf, const ModelConfig& config,
               uint32_t index, LayerWeights& layer) {
  const auto name = [&](std::string_view suffix) { return BlockTensorName(index, suffix); };
  const uint64_t width = config.model_width;
  MOIRA_RETURN_IF_ERROR(
      plan.Values(name("ffn_gate_inp.weight"), width, layer.router, config.experts));
  MOIRA_RETURN_IF_ERROR(
      plan.OptionalValues(name("ffn_gate_inp.bias"), config.experts, layer.router_bias));
  MOIRA_RETURN_IF_ERROR(
      plan.OptionalValues(name("exp_probs_b.bias"), config.experts, layer.selection_bias));
  if (config.shared_expert_width > 0) {
    MOIRA_RETURN_IF_ERROR(
        PlanFfn(plan, config, index, "_shexp.weight", config.shared_expert_width, layer));
  }
  if (config.shared_expert_gate) {
    MOIRA_RETURN_IF_ERROR(plan.Values(name("ffn_gate_inp_shexp.weight"), width, layer.shared_gate));
  }
  MOIRA_ASSIGN_OR_RETURN(ExpertTensors experts, FindExpertTensors(gguf, config, index));
  for (const format::TensorInfo* tensor : experts.All()) plan.Elsewhere(tensor->name);
  return {};
}

Status PlanModel(TensorPlan& plan, const format::Gguf& gguf, const ModelConfig& config,
                 DenseWeights& weights) {
  const uint64_t width = config.model_width;
  MOIRA_RETURN_IF_ERROR(
      plan.Matrix("token_embd.weight", config.vocabulary, width, weights.embedding));
  MOIRA_RETURN_IF_ERROR(plan.Values("output_norm.weight", width, weights.output_norm));
  MOIRA_RETURN_IF_ERROR(
      plan.OptionalMatrix("output.weight", config.vocabulary, width, weights.output));
  MOIRA_RETURN_IF_ERROR(
      plan.OptionalValues("rope_freqs.weight", config.rope_dimensions / 2, weights.rope_divisors));
  weights.layers.resize(config.layers);
  for (uint32_t i = 0; i < config.layers; ++i) {
    LayerWeights& layer = weights.layers[i];
    MOIRA_RETURN_IF_ERROR(PlanAttention(plan, config, i, layer));
    MOIRA_RETURN_IF_ERROR(
        plan.Values(BlockTensorName(i, "ffn_norm.weight"), width, layer.ffn_norm));
    MOIRA_RETURN_IF_ERROR(config.layer[i].moe ? PlanMoe(plan, gguf, config, i, layer)
                                              : PlanFfn(plan, config, i, ".weight",
                                                        config.layer[i].feed_forward, layer));
  }
  return plan.CheckNoOthers();
}

}  // namespace

Result<uint64_t> PlanDenseWeights(const format::Gguf& gguf, const ModelConfig& config) {
  TensorPlan plan(gguf);
  DenseWeights weights;
  MOIRA_RETURN_IF_ERROR(PlanModel(plan, gguf, config, weights));
  return plan.bytes();
}

Result<DenseWeights> LoadDenseWeights(
    const format::Gguf& gguf, const ModelConfig& config, Device& device,
    const std::function<bool(uint64_t done, uint64_t total)>& progress) {
  if (!device.capabilities().host_addressable) {
    return Unsupported("the host cannot address the memory of device " +
                       device.capabilities().name);
  }
  TensorPlan plan(gguf);
  DenseWeights weights;
  MOIRA_RETURN_IF_ERROR(PlanModel(plan, gguf, config, weights));
  MOIRA_ASSIGN_OR_RETURN(weights.buffer, device.Allocate(plan.bytes()));
  MOIRA_RETURN_IF_ERROR(plan.Load(weights.buffer, progress));
  if (weights.output.data == nullptr) weights.output = weights.embedding;
  return weights;
}

}  // namespace moira::engine
