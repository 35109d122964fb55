#include "engine/model_loader.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "cache/device/host_device.h"
#include "cache/device/log.h"
#include "quant/compute.h"

namespace moira::engine {
namespace {

quant::ComputeMode ComputeModeOf(const EngineOptions& options) {
  return options.compute == ComputeKind::kReference ? quant::ComputeMode::kReference
                                                    : quant::ComputeMode::kFast;
}

// Shows the phases of a load as one: bytes of the phases before are added to each report.
class PhasedProgress {
 public:
  PhasedProgress(const LoadProgress& report, uint64_t total) : report_(report), total_(total) {}

  // For the phase that starts now; empty if nobody listens. Must not outlive this object.
  LoadProgress Phase() {
    if (!report_) return {};
    before_ += phase_;
    phase_ = 0;
    return [this](uint64_t done, uint64_t) {
      phase_ = done;
      return report_(std::min(before_ + done, total_), total_);
    };
  }

 private:
  const LoadProgress& report_;
  const uint64_t total_;
  uint64_t before_ = 0;  // bytes of finished phases
  uint64_t phase_ = 0;   // bytes of the current one
};

Result<std::optional<float>> ReadSamplingFloat(const format::Metadata& metadata,
                                               const std::string& name, double maximum) {
  MOIRA_ASSIGN_OR_RETURN(const std::optional<double> value,
                         metadata.Float("general.sampling." + name, 0, maximum));
  return value.has_value() ? std::optional<float>(static_cast<float>(*value)) : std::nullopt;
}

// The sampling that the file recommends.
Status ReadSamplingDefaults(const format::Metadata& metadata, ModelInfo& info) {
  constexpr double kMaxTemperature = 100;
  MOIRA_ASSIGN_OR_RETURN(info.temperature, ReadSamplingFloat(metadata, "temp", kMaxTemperature));
  MOIRA_ASSIGN_OR_RETURN(info.top_p, ReadSamplingFloat(metadata, "top_p", 1));
  MOIRA_ASSIGN_OR_RETURN(info.min_p, ReadSamplingFloat(metadata, "min_p", 1));
  MOIRA_ASSIGN_OR_RETURN(const std::optional<uint64_t> top_k,
                         metadata.Unsigned("general.sampling.top_k", 0, UINT32_MAX));
  if (top_k.has_value()) info.top_k = static_cast<uint32_t>(*top_k);
  return {};
}

Status DescribeModel(const EngineOptions& options, LoadedModel& model) {
  const ModelConfig& config = model.file.config;
  ModelInfo& info = model.info;
  info.name = config.name;
  info.architecture = config.architecture;
  info.path = options.model_path;
  info.file_bytes = model.file.gguf.total_bytes();
  for (const format::TensorInfo& tensor : model.file.gguf.tensors()) {
    info.parameters += tensor.row_elements() * tensor.rows();
  }
  info.context_size = model.file.placement.context_size;
  info.trained_context = config.context_length;
  info.vocabulary = config.vocabulary;
  info.layers = config.layers;
  info.moe_layers = static_cast<uint32_t>(model.file.experts.size());
  info.experts = config.experts;
  info.experts_per_token = config.experts_per_token;
  info.instruction_set = quant::InstructionSetName(quant::SupportedInstructionSets().back());
  info.device = model.device->capabilities().name;
  info.threads = model.threads->threads();
  return ReadSamplingDefaults(model.file.gguf.metadata(), info);
}

// A template that does not parse is no reason not to serve completions: its error is kept for the
// requests that need it.
Status LoadChatTemplate(LoadedModel& model) {
  MOIRA_ASSIGN_OR_RETURN(const std::optional<std::string> source,
                         model.file.gguf.metadata().String("tokenizer.chat_template"));
  if (!source.has_value()) {
    model.chat_template_status = NotFound("the model file has no chat template");
    return {};
  }
  Result<std::unique_ptr<ChatTemplate>> parsed = ChatTemplate::Parse(*source);
  if (parsed.ok()) {
    model.chat_template = std::move(parsed).value();
  } else {
    model.chat_template_status = parsed.status();
    LogWarning("chat template: " + parsed.status().message());
  }
  return {};
}

Status LoadTokenizer(LoadedModel& model) {
  MOIRA_ASSIGN_OR_RETURN(model.tokenizer, Tokenizer::Create(model.file.gguf.metadata()));
  if (model.tokenizer->vocabulary_size() <= model.file.config.vocabulary) return {};
  return InvalidData("the tokenizer has " + std::to_string(model.tokenizer->vocabulary_size()) +
                     " tokens, the model's output " + std::to_string(model.file.config.vocabulary));
}

Status LoadExperts(const EngineOptions& options, const LoadProgress& progress, LoadedModel& model) {
  if (!model.file.config.is_moe()) return {};
  prefetch::ProviderOptions provider;
  provider.expert_cache = options.expert_cache;
  provider.automatic_bytes = model.file.placement.automatic_expert_bytes;
  provider.policy = options.cache_policy;
  provider.prefetch = options.prefetch;
  provider.experts_per_token = model.file.config.experts_per_token;
  provider.host_arena_bytes = model.file.placement.host_arena_bytes;
  MOIRA_ASSIGN_OR_RETURN(model.experts, prefetch::ExpertProvider::Create(
                                            provider, model.file.experts, model.file.gguf.files(),
                                            *model.device, model.faults.get(), progress));
  return {};
}

Status LoadExecutor(const EngineOptions& options, const LoadProgress& progress,
                    LoadedModel& model) {
  ExecutorOptions executor;
  executor.compute = ComputeModeOf(options);
  executor.kv_type = KvTypeOf(options);
  executor.max_step_tokens = MaxStepTokens(options);
  executor.max_context = model.file.placement.context_size;
  MOIRA_ASSIGN_OR_RETURN(
      model.executor,
      CreateHostExecutor(model.file.gguf, model.file.config, executor, *model.device,
                         *model.threads, *model.kv_pages, model.experts.get(), progress));
  return {};
}

// The bytes that a load's progress counts up to.
uint64_t BytesToLoad(const Placement& placement) {
  const bool all_resident = placement.slot_count == placement.expert_count;
  return placement.dense_bytes +
         (all_resident ? placement.resident_bytes : placement.host_arena_bytes);
}

}  // namespace

Result<OpenedModel> InspectModel(const EngineOptions& options, const MemoryTiers& memory) {
  MOIRA_RETURN_IF_ERROR(ValidateOptions(options));
  MOIRA_ASSIGN_OR_RETURN(format::Gguf gguf, format::Gguf::Open(options.model_path));
  MOIRA_ASSIGN_OR_RETURN(ModelConfig config, ReadModelConfig(gguf));
  MOIRA_ASSIGN_OR_RETURN(std::vector<cache::LayerRecords> experts, DescribeExperts(gguf, config));
  MOIRA_ASSIGN_OR_RETURN(const uint64_t dense_bytes, DenseWeightBytes(gguf, config));
  MOIRA_ASSIGN_OR_RETURN(
      Placement placement,
      DecidePlacement({options, config, experts, dense_bytes, memory.host, memory.card}));
  return OpenedModel{std::move(gguf), std::move(config), std::move(experts), std::move(placement)};
}

Result<OpenedModel> OpenModel(const EngineOptions& options) {
  MOIRA_ASSIGN_OR_RETURN(const MemoryInfo memory, ReadMemoryInfo());
  MOIRA_ASSIGN_OR_RETURN(OpenedModel model, InspectModel(options, {memory, std::nullopt}));
  MOIRA_RETURN_IF_ERROR(CheckFits(options, model.placement));
  return model;
}

std::unique_ptr<Device> MakeDevice(const EngineOptions& options, FaultPlan* faults) {
  std::optional<EmulatedLink> link;
  if (options.device == DeviceKind::kEmulated) {
    link = EmulatedLink{options.link_bandwidth, options.link_latency};
  }
  return CreateHostDevice(link, faults);
}

std::unique_ptr<ThreadPool> MakeThreadPool(const EngineOptions& options) {
  return std::make_unique<ThreadPool>(options.threads > 0 ? options.threads : DefaultThreadCount());
}

Result<std::unique_ptr<LoadedModel>> LoadModel(const EngineOptions& options,
                                               const LoadProgress& progress) {
  MOIRA_ASSIGN_OR_RETURN(OpenedModel file, OpenModel(options));
  auto model = std::make_unique<LoadedModel>(std::move(file));
  const Placement& placement = model->file.placement;

  MOIRA_RETURN_IF_ERROR(LoadTokenizer(*model));
  MOIRA_RETURN_IF_ERROR(LoadChatTemplate(*model));
  MOIRA_ASSIGN_OR_RETURN(model->faults, FaultPlan::Parse(options.fault_plan));
  model->device = MakeDevice(options, model->faults.get());
  model->threads = MakeThreadPool(options);
  MOIRA_RETURN_IF_ERROR(DescribeModel(options, *model));
  if (placement.context_size > model->file.config.context_length) {
    LogWarning("context size " + std::to_string(placement.context_size) +
               " is more than the model was trained for (" +
               std::to_string(model->file.config.context_length) + ")");
  }
  MOIRA_ASSIGN_OR_RETURN(
      model->kv_pages,
      cache::KvPagePool::Create(*model->device, KvPageBytes(model->file.config, KvTypeOf(options)),
                                placement.kv_pages));
  PhasedProgress phases(progress, BytesToLoad(placement));
  MOIRA_RETURN_IF_ERROR(LoadExperts(options, phases.Phase(), *model));
  MOIRA_RETURN_IF_ERROR(LoadExecutor(options, phases.Phase(), *model));
  return model;
}

}  // namespace moira::engine
