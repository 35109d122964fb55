#pragma once

#include <concepts>
#include <optional>
#include <utility>

namespace moira {

// Arithmetic on sizes that come from a file or a request: nothing, instead of a wrapped value.
template <std::integral T>
constexpr std::optional<T> CheckedAdd(T a, T b) {
  T sum;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

template <std::integral T>
constexpr std::optional<T> CheckedMul(T a, T b) {
  T product;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

// The value as another integer type, if it fits.
template <std::integral To, std::integral From>
constexpr std::optional<To> CheckedCast(From value) {
  if (!std::in_range<To>(value)) return std::nullopt;
  return static_cast<To>(value);
}

// The smallest multiple of `alignment` (a power of two) that is not below `value`.
constexpr std::optional<size_t> CheckedAlignUp(size_t value, size_t alignment) {
  std::optional<size_t> padded = CheckedAdd(value, alignment - 1);
  if (!padded) return std::nullopt;
  return *padded & ~(alignment - 1);
}

}  // namespace moira
