#include "engine/model/tensor_check.h"

namespace moira::engine {
namespace {

std::string ShapeText(uint64_t columns, uint64_t rows, uint64_t matrices) {
  return "[" + std::to_string(columns) + ", " + std::to_string(rows) + ", " +
         std::to_string(matrices) + "]";
}

std::string ShapeText(const TensorShape& shape) { return ShapeText(shape[0], shape[1], shape[2]); }

}  // namespace

std::string BlockTensorName(uint32_t layer, std::string_view name) {
  return "blk." + std::to_string(layer) + "." + std::string(name);
}

Result<const format::TensorInfo*> FindTensor(const format::Gguf& gguf, const std::string& name,
                                             const TensorShape& shape) {
  const format::TensorInfo* tensor = gguf.FindTensor(name);
  if (tensor == nullptr) return tensor;
  if (tensor->shape != std::array<uint64_t, 4>{shape[0], shape[1], shape[2], 1}) {
    return InvalidData(
        "tensor " + name + " has the shape " +
        ShapeText(tensor->shape[0], tensor->shape[1], tensor->shape[2] * tensor->shape[3]) +
        ", wanted " + ShapeText(shape));
  }
  const format::TensorTypeInfo& type = format::GetTensorType(tensor->type);
  if (!type.computable) {
    return Unsupported("tensor " + name + " has the type " + std::string(type.name) +
                       ", which has no kernels here");
  }
  return tensor;
}

Result<const format::TensorInfo*> RequireTensor(const format::Gguf& gguf, const std::string& name,
                                                const TensorShape& shape) {
  MOIRA_ASSIGN_OR_RETURN(const format::TensorInfo* tensor, FindTensor(gguf, name, shape));
  if (tensor == nullptr) {
    return InvalidData("tensor " + name + " is missing, wanted with the shape " + ShapeText(shape));
  }
  return tensor;
}

}  // namespace moira::engine
