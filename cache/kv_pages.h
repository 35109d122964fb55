#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "cache/device/device.h"

namespace moira::cache {

using KvPageId = uint32_t;

struct KvPageStats {
  size_t pages = 0;
  size_t in_use = 0;         // held by a sequence
  size_t cached = 0;         // free, but findable by their content
  uint64_t prefix_hits = 0;  // pages that a request did not have to compute
  uint64_t evictions = 0;    // cached pages that were given to other content
};

// The pages that hold keys and values: allocated once, ids never move. A page in use has a
// reference count; a full page may be registered under its content (the page before it and its
// token ids) and is then found again by later sequences with the same prefix. Free registered pages
// stay findable until their memory is needed, least recently used first. Not thread-safe: the
// engine thread's.
class KvPagePool {
 public:
  // Identifies a registered page together with everything before it; 0 is the empty prefix.
  // Compared by content, not by hash alone: a collision can never give one request another one's
  // text.
  using PrefixId = uint64_t;
  static constexpr PrefixId kEmptyPrefix = 0;

  static Result<std::unique_ptr<KvPagePool>> Create(Device& device, size_t page_bytes,
                                                    size_t pages);
  ~KvPagePool();

  size_t page_bytes() const;
  std::byte* Page(KvPageId page);
  // How many pages Allocate could give now.
  size_t available() const;
  // A page with reference count 1 and undefined content; nothing when all are in use.
  std::optional<KvPageId> Allocate();
  void Retain(KvPageId page);
  void Release(KvPageId page);

  // The page that holds `tokens` after `prefix`, retained, with its own PrefixId.
  struct Found {
    KvPageId page;
    PrefixId prefix;
  };
  std::optional<Found> Find(PrefixId prefix, std::span<const int32_t> tokens);
  // Makes a full, in-use page findable; returns its PrefixId (that of the page already registered
  // with this content, if there is one).
  PrefixId Register(KvPageId page, PrefixId prefix, std::span<const int32_t> tokens);

  KvPageStats stats() const;

 private:
  struct State;
  explicit KvPagePool(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace moira::cache
