#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace moira::engine {

// Data that a chat template sees: JSON-like, maps keep their order. Cheap to copy (lists and maps
// are shared and const once built). A string may be marked as a user's: the mark survives through
// the template into the rendered prompt, so that nothing a user writes can become a control token.
class TemplateValue {
 public:
  using List = std::vector<TemplateValue>;
  using Map = std::vector<std::pair<std::string, TemplateValue>>;

  TemplateValue() = default;  // none
  static TemplateValue Bool(bool value);
  static TemplateValue Int(int64_t value);
  static TemplateValue Float(double value);
  static TemplateValue String(std::string text, bool untrusted = false);
  static TemplateValue MakeList(List items);
  // `untrusted_keys`: the keys too are a user's words (a tool's parameter names, the arguments of a
  // tool call) and marked as such where a template prints them.
  static TemplateValue MakeMap(Map entries, bool untrusted_keys = false);

  bool is_none() const { return content_.index() == 0; }
  const bool* if_bool() const { return std::get_if<bool>(&content_); }
  const int64_t* if_int() const { return std::get_if<int64_t>(&content_); }
  const double* if_float() const { return std::get_if<double>(&content_); }
  const std::string* if_string() const;
  const List* if_list() const;
  const Map* if_map() const;
  bool untrusted() const;  // of a string, of a map's keys

 private:
  struct Text {
    std::string text;
    bool untrusted;
  };
  struct Entries {
    Map entries;
    bool untrusted_keys;
  };
  std::variant<std::monostate, bool, int64_t, double, std::shared_ptr<const Text>,
               std::shared_ptr<const List>, std::shared_ptr<const Entries>>
      content_;
};

}  // namespace moira::engine
