#include "server/api/json_reader.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

namespace moira::server {
namespace {

constexpr size_t kMaxReasonBytes = 200;  // of the parser's words in an error message

// Builds the value from the parser's events; the stack of open containers is on the heap, so that
// depth costs no call stack.
class ValueBuilder : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit ValueBuilder(const JsonLimits& limits) : limits_(limits) {}

  bool null() override { return Add(TemplateValue()); }
  bool boolean(bool value) override { return Add(TemplateValue::Bool(value)); }
  bool number_integer(number_integer_t value) override { return Add(TemplateValue::Int(value)); }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return Add(TemplateValue::Float(static_cast<double>(value)));
    }
    return Add(TemplateValue::Int(static_cast<int64_t>(value)));
  }
  bool number_float(number_float_t value, const string_t&) override {
    return Add(TemplateValue::Float(value));
  }
  bool string(string_t& value) override {
    return Add(TemplateValue::String(std::move(value), true));
  }
  bool binary(binary_t&) override { return Fail("binary values are no JSON"); }

  bool start_object(size_t) override { return Open(true); }
  bool start_array(size_t) override { return Open(false); }
  bool key(string_t& value) override {
    Container& top = open_.back();
    if (top.entries.size() >= limits_.map_entries) {
      return Fail("an object has more than " + std::to_string(limits_.map_entries) + " fields");
    }
    top.key = std::move(value);
    return true;
  }
  bool end_object() override {
    TemplateValue::Map entries = std::move(open_.back().entries);
    open_.pop_back();
    if (const std::string* twice = FindDuplicate(entries)) {
      return Fail("field '" + twice->substr(0, kMaxReasonBytes) + "' is given twice");
    }
    return Place(TemplateValue::MakeMap(std::move(entries)));
  }
  bool end_array() override {
    TemplateValue::List items = std::move(open_.back().items);
    open_.pop_back();
    return Place(TemplateValue::MakeList(std::move(items)));
  }

  bool parse_error(size_t position, const std::string&,
                   const nlohmann::json::exception& error) override {
    std::string reason = error.what();
    // "[json.exception.parse_error.101] parse error at …": the bracket is the library's business.
    if (const size_t end = reason.find("] "); end != std::string::npos) reason.erase(0, end + 2);
    if (reason.size() > kMaxReasonBytes) reason.resize(kMaxReasonBytes);
    return Fail("not valid JSON at byte " + std::to_string(position) + ": " + reason);
  }

  Result<TemplateValue> Take(bool complete) {
    if (!error_.empty()) return InvalidArgument(error_);
    if (!complete) return InvalidArgument("not valid JSON");
    return std::move(root_);
  }

 private:
  struct Container {
    bool is_map;
    std::string key;  // of the entry whose value comes next
    TemplateValue::List items;
    TemplateValue::Map entries;
  };

  bool Fail(std::string error) {
    if (error_.empty()) error_ = std::move(error);
    return false;
  }

  bool Add(TemplateValue value) {
    if (++values_ > limits_.values) {
      return Fail("more than " + std::to_string(limits_.values) + " JSON values");
    }
    return Place(std::move(value));
  }

  bool Open(bool is_map) {
    if (open_.size() >= limits_.depth) {
      return Fail("JSON is nested deeper than " + std::to_string(limits_.depth));
    }
    if (++values_ > limits_.values) {
      return Fail("more than " + std::to_string(limits_.values) + " JSON values");
    }
    open_.push_back({is_map, {}, {}, {}});
    return true;
  }

  bool Place(TemplateValue value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (Container& top = open_.back(); top.is_map) {
      top.entries.emplace_back(std::move(top.key), std::move(value));
    } else {
      top.items.push_back(std::move(value));
    }
    return true;
  }

  static const std::string* FindDuplicate(const TemplateValue::Map& entries) {
    std::vector<const std::string*> names;
    names.reserve(entries.size());
    for (const auto& entry : entries) names.push_back(&entry.first);
    std::sort(names.begin(), names.end(), [](auto* a, auto* b) { return *a < *b; });
    const auto twice =
        std::adjacent_find(names.begin(), names.end(), [](auto* a, auto* b) { return *a == *b; });
    return twice == names.end() ? nullptr : *twice;
  }

  const JsonLimits& limits_;
  std::vector<Container> open_;
  TemplateValue root_;
  size_t values_ = 0;
  std::string error_;
};

}  // namespace

Result<TemplateValue> ParseJson(std::string_view text, const JsonLimits& limits) {
  ValueBuilder builder(limits);
  const bool complete = nlohmann::json::sax_parse(text.begin(), text.end(), &builder);
  return builder.Take(complete);
}

const TemplateValue* FindField(const TemplateValue& map, std::string_view name) {
  const TemplateValue::Map* entries = map.if_map();
  if (entries == nullptr) return nullptr;
  for (const auto& [key, value] : *entries) {
    if (key == name) return value.is_none() ? nullptr : &value;
  }
  return nullptr;
}

}  // namespace moira::server
