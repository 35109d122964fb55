#include "cache/format/metadata_reader.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "cache/device/utf8.h"
#include "cache/format/limits.h"

namespace moira::format {
namespace {

// Ids of docs/gguf.md of the ggml project.
enum class ValueType : uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12,
};

// A key of one byte, its length, a type and a value of one byte.
constexpr uint64_t kMinEntryBytes = 8 + 1 + 4 + 1;

// How a scalar type is stored and what it is held as.
template <typename StoredT, typename HeldT>
struct Scalar {
  using Stored = StoredT;
  using Held = HeldT;
  static constexpr uint64_t kMinBytes = sizeof(Stored);

  static Status Read(HeaderReader& reader, Held& held) {
    Stored stored{};
    MOIRA_RETURN_IF_ERROR(reader.Read(stored));
    held = stored;
    return Status();
  }
};

struct BoolScalar {
  using Held = bool;
  static constexpr uint64_t kMinBytes = 1;

  static Status Read(HeaderReader& reader, bool& held) {
    uint8_t stored = 0;
    MOIRA_RETURN_IF_ERROR(reader.Read(stored));
    if (stored > 1) return InvalidData("boolean " + std::to_string(stored) + " is not 0 or 1");
    held = stored == 1;
    return Status();
  }
};

struct StringScalar {
  using Held = std::string;
  static constexpr uint64_t kMinBytes = 8;

  static Status Read(HeaderReader& reader, std::string& held) {
    return reader.ReadString(kMaxStringBytes, held);
  }
};

template <typename Scalar>
Result<MetadataValue> ReadScalar(HeaderReader& reader) {
  typename Scalar::Held held{};
  MOIRA_RETURN_IF_ERROR(Scalar::Read(reader, held));
  return MetadataValue(std::move(held));
}

template <typename Scalar>
Result<MetadataValue> ReadElements(HeaderReader& reader, uint64_t count) {
  MOIRA_RETURN_IF_ERROR(InContext(std::to_string(count) + " elements",
                                  reader.ExpectAtLeast(count, Scalar::kMinBytes)));
  std::vector<typename Scalar::Held> elements;
  elements.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    typename Scalar::Held held{};
    if (Status status = Scalar::Read(reader, held); !status.ok()) {
      return InContext("element " + std::to_string(i), status);
    }
    elements.push_back(std::move(held));
  }
  return MetadataValue(std::move(elements));
}

struct ValueTypeRow {
  ValueType type;
  Result<MetadataValue> (*read_scalar)(HeaderReader&);
  Result<MetadataValue> (*read_elements)(HeaderReader&, uint64_t count);
};

template <typename Scalar>
constexpr ValueTypeRow Row(ValueType type) {
  return {type, &ReadScalar<Scalar>, &ReadElements<Scalar>};
}

constexpr ValueTypeRow kValueTypes[] = {
    Row<Scalar<uint8_t, uint64_t>>(ValueType::kUint8),
    Row<Scalar<int8_t, int64_t>>(ValueType::kInt8),
    Row<Scalar<uint16_t, uint64_t>>(ValueType::kUint16),
    Row<Scalar<int16_t, int64_t>>(ValueType::kInt16),
    Row<Scalar<uint32_t, uint64_t>>(ValueType::kUint32),
    Row<Scalar<int32_t, int64_t>>(ValueType::kInt32),
    Row<Scalar<uint64_t, uint64_t>>(ValueType::kUint64),
    Row<Scalar<int64_t, int64_t>>(ValueType::kInt64),
    Row<Scalar<float, double>>(ValueType::kFloat32),
    Row<Scalar<double, double>>(ValueType::kFloat64),
    Row<BoolScalar>(ValueType::kBool),
    Row<StringScalar>(ValueType::kString),
};

const ValueTypeRow* FindValueType(uint32_t id) {
  for (const ValueTypeRow& row : kValueTypes) {
    if (static_cast<uint32_t>(row.type) == id) return &row;
  }
  return nullptr;
}

Result<MetadataValue> ReadArray(HeaderReader& reader) {
  static_assert(kMaxArrayNesting == 1);
  uint32_t type = 0;
  uint64_t count = 0;
  MOIRA_RETURN_IF_ERROR(InContext("element type", reader.Read(type)));
  MOIRA_RETURN_IF_ERROR(InContext("element count", reader.Read(count)));
  if (type == static_cast<uint32_t>(ValueType::kArray)) {
    return InvalidData("array of arrays; nesting is at most " + std::to_string(kMaxArrayNesting));
  }
  const ValueTypeRow* row = FindValueType(type);
  if (row == nullptr) return InvalidData("unknown element type " + std::to_string(type));
  if (count > kMaxArrayElements) {
    return InvalidData(std::to_string(count) + " elements exceed " +
                       std::to_string(kMaxArrayElements));
  }
  return row->read_elements(reader, count);
}

Result<MetadataValue> ReadValue(HeaderReader& reader) {
  uint32_t type = 0;
  MOIRA_RETURN_IF_ERROR(InContext("value type", reader.Read(type)));
  if (type == static_cast<uint32_t>(ValueType::kArray)) return ReadArray(reader);
  const ValueTypeRow* row = FindValueType(type);
  if (row == nullptr) return InvalidData("unknown value type " + std::to_string(type));
  return row->read_scalar(reader);
}

}  // namespace

Status ReadName(HeaderReader& reader, std::string& name) {
  MOIRA_RETURN_IF_ERROR(reader.ReadString(kMaxNameBytes, name));
  if (name.empty()) return InvalidData("empty");
  std::string_view rest = name;
  while (!rest.empty()) {
    size_t length = Utf8SequenceLength(rest);
    std::string at = " at byte " + std::to_string(name.size() - rest.size());
    if (length == 0) return InvalidData("not UTF-8" + at);
    if (StartsWithControl(rest)) return InvalidData("control character" + at);
    rest.remove_prefix(length);
  }
  return Status();
}

Result<Metadata> ReadMetadata(HeaderReader& reader, uint64_t count) {
  if (count > kMaxMetadataEntries) {
    return InvalidData("metadata count " + std::to_string(count) + " exceeds " +
                       std::to_string(kMaxMetadataEntries));
  }
  MOIRA_RETURN_IF_ERROR(InContext("metadata count " + std::to_string(count),
                                  reader.ExpectAtLeast(count, kMinEntryBytes)));
  Metadata metadata;
  for (uint64_t i = 0; i < count; ++i) {
    std::string key;
    if (Status status = ReadName(reader, key); !status.ok()) {
      return InContext("name of key " + std::to_string(i), status);
    }
    Result<MetadataValue> value = ReadValue(reader);
    if (!value.ok()) return InContext("value of key '" + key + "'", value.status());
    MOIRA_RETURN_IF_ERROR(metadata.Add(std::move(key), std::move(value).value()));
  }
  return metadata;
}

}  // namespace moira::format
