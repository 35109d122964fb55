#pragma once

#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/chat_template/chat_template.h"

namespace moira::engine {

using OrderedJson = nlohmann::ordered_json;

// JSON as the variables of a template; all strings and keys marked as a user's, or none.
inline TemplateValue ToTemplateValue(const OrderedJson& json, bool untrusted = false) {
  switch (json.type()) {
    case OrderedJson::value_t::boolean:
      return TemplateValue::Bool(json.get<bool>());
    case OrderedJson::value_t::number_integer:
    case OrderedJson::value_t::number_unsigned:
      return TemplateValue::Int(json.get<int64_t>());
    case OrderedJson::value_t::number_float:
      return TemplateValue::Float(json.get<double>());
    case OrderedJson::value_t::string:
      return TemplateValue::String(json.get<std::string>(), untrusted);
    case OrderedJson::value_t::array: {
      TemplateValue::List items;
      for (const auto& item : json) items.push_back(ToTemplateValue(item, untrusted));
      return TemplateValue::MakeList(std::move(items));
    }
    case OrderedJson::value_t::object: {
      TemplateValue::Map entries;
      for (const auto& [key, value] : json.items()) {
        entries.emplace_back(key, ToTemplateValue(value, untrusted));
      }
      return TemplateValue::MakeMap(std::move(entries), untrusted);
    }
    default:
      return {};
  }
}

inline std::string ReadTestFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// 2026-07-15 12:34:56 local time: the clock of chat_template_oracle.py.
inline std::time_t OracleTime() {
  std::tm time{};
  time.tm_year = 126;
  time.tm_mon = 6;
  time.tm_mday = 15;
  time.tm_hour = 12;
  time.tm_min = 34;
  time.tm_sec = 56;
  time.tm_isdst = -1;
  return std::mktime(&time);
}

}  // namespace moira::engine
