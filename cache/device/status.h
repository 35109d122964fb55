#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace moira {

// What went wrong, as a caller may act on it. The process exit codes and the HTTP status codes are
// derived from these in one table each.
enum class StatusCode {
  kOk,
  kInvalidArgument,    // a flag, a request field: the caller can fix it
  kNotFound,           // no such file, model, name
  kInvalidData,        // a file that breaks its own format or its stated bounds
  kUnsupported,        // well-formed, but not something Moira does (architecture, type, template)
  kResourceExhausted,  // memory, queue, slots: may succeed later or with other settings
  kUnavailable,        // starting, draining
  kIoError,            // the medium failed: read error, short read, full disk
  kCancelled,
  kDeadlineExceeded,
  kInternal,  // a bug of Moira's
};

// "invalid-argument", "io-error", …: stable, for logs and exit-code documentation.
std::string_view StatusCodeName(StatusCode code);

// Success, or a code with one line for a person that names the field, the value and the bound.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == StatusCode::kOk; }
  StatusCode code() const { return code_; }
  const std::string& message() const { return message_; }

 private:
  StatusCode code_ = StatusCode::kOk;
  std::string message_;
};

inline Status InvalidArgument(std::string message) {
  return {StatusCode::kInvalidArgument, std::move(message)};
}
inline Status NotFound(std::string message) { return {StatusCode::kNotFound, std::move(message)}; }
inline Status InvalidData(std::string message) {
  return {StatusCode::kInvalidData, std::move(message)};
}
inline Status Unsupported(std::string message) {
  return {StatusCode::kUnsupported, std::move(message)};
}
inline Status ResourceExhausted(std::string message) {
  return {StatusCode::kResourceExhausted, std::move(message)};
}
inline Status Unavailable(std::string message) {
  return {StatusCode::kUnavailable, std::move(message)};
}
inline Status IoError(std::string message) { return {StatusCode::kIoError, std::move(message)}; }
inline Status Cancelled(std::string message) {
  return {StatusCode::kCancelled, std::move(message)};
}
inline Status InternalError(std::string message) {
  return {StatusCode::kInternal, std::move(message)};
}

// A value or the status that says why there is none. The value is only looked at when ok().
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : content_(std::in_place_index<0>, std::move(value)) {}         // NOLINT
  Result(Status status) : content_(std::in_place_index<1>, std::move(status)) {}  // NOLINT

  bool ok() const { return content_.index() == 0; }
  T& value() & { return std::get<0>(content_); }
  const T& value() const& { return std::get<0>(content_); }
  T&& value() && { return std::get<0>(std::move(content_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  // Ok when there is a value.
  Status status() const { return ok() ? Status() : std::get<1>(content_); }

 private:
  std::variant<T, Status> content_;
};

// The two macros of the project: early return is the rule, and C++20 has no operator for it.
#define MOIRA_CONCAT_INNER(a, b) a##b
#define MOIRA_CONCAT(a, b) MOIRA_CONCAT_INNER(a, b)
#define MOIRA_RETURN_IF_ERROR(expression)                                  \
  do {                                                                     \
    if (::moira::Status moira_status = (expression); !moira_status.ok()) { \
      return moira_status;                                                 \
    }                                                                      \
  } while (false)
#define MOIRA_ASSIGN_OR_RETURN(declaration, expression) \
  MOIRA_ASSIGN_OR_RETURN_INNER(MOIRA_CONCAT(moira_result_, __LINE__), declaration, expression)
// NOLINTBEGIN(bugprone-macro-parentheses): a declared name cannot stand in parentheses.
#define MOIRA_ASSIGN_OR_RETURN_INNER(result, declaration, expression) \
  auto result = (expression);                                         \
  if (!result.ok()) return result.status();                           \
  declaration = std::move(result).value()
// NOLINTEND(bugprone-macro-parentheses)

}  // namespace moira
