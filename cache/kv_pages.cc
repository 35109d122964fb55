#include "cache/kv_pages.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cache/device/checked.h"

namespace moira::cache {
namespace {

using PrefixId = KvPagePool::PrefixId;

// What a registered page holds: its tokens and, through the id before it, all tokens before those.
// Ids are given once and never again, so equal contents mean equal text from the first token on.
struct Content {
  PrefixId before;
  std::vector<int32_t> tokens;
};

struct ContentView {
  PrefixId before;
  std::span<const int32_t> tokens;

  ContentView(PrefixId prefix, std::span<const int32_t> ids) : before(prefix), tokens(ids) {}
  ContentView(const Content& content)  // NOLINT: implicit for heterogeneous lookup
      : before(content.before), tokens(content.tokens) {}
};

struct ContentHash {
  using is_transparent = void;
  size_t operator()(const ContentView& content) const {
    // Multiply-xorshift per token (the mixing step of MurmurHash3's 64-bit finalizer).
    uint64_t hash = content.before * 0x9e3779b97f4a7c15u;
    for (int32_t token : content.tokens) {
      hash = (hash ^ static_cast<uint32_t>(token)) * 0xff51afd7ed558ccdu;
      hash ^= hash >> 33;
    }
    return hash;
  }
};

struct ContentEqual {
  using is_transparent = void;
  bool operator()(const ContentView& a, const ContentView& b) const {
    return a.before == b.before &&
           std::equal(a.tokens.begin(), a.tokens.end(), b.tokens.begin(), b.tokens.end());
  }
};

using ContentMap = std::unordered_map<Content, KvPageId, ContentHash, ContentEqual>;

constexpr KvPageId kNone = std::numeric_limits<KvPageId>::max();

//            Allocate                    Register
//   free ---------------> in use ----------------------> in use, registered
//    ^ ^                   |   ^                            |         ^
//    | +------- Release ---+   |                    Release |         | Find
//    |                         +- (forgotten, below)        v         |
//    +--------------------- forgotten --------------------- cached (registered, no holder)
//
// A page is forgotten when its memory is taken for other content, or when the page before it was
// forgotten: nothing could find it any more. So that this is rare, memory is taken from the end of
// a chain of cached pages first.
struct PageState {
  uint32_t references = 0;
  PrefixId id = KvPagePool::kEmptyPrefix;
  const Content* content = nullptr;       // the key in the map; null: not registered
  std::vector<KvPageId> followers;        // registered pages whose content continues this one
  KvPageId newer = kNone, older = kNone;  // neighbours in the list of cached pages
};

}  // namespace

struct KvPagePool::State {
  Buffer memory;
  size_t page_bytes = 0;
  std::vector<PageState> pages;
  std::vector<KvPageId> free;  // last in, first out: the memory used last is warmest
  KvPageId newest = kNone, oldest = kNone;
  size_t cached = 0;
  ContentMap by_content;
  std::unordered_map<PrefixId, KvPageId> by_id;
  PrefixId last_id = kEmptyPrefix;
  uint64_t prefix_hits = 0;
  uint64_t evictions = 0;

  bool registered(KvPageId page) const { return pages[page].content != nullptr; }

  void AddToCached(KvPageId page) {
    pages[page].older = newest;
    pages[page].newer = kNone;
    (newest == kNone ? oldest : pages[newest].newer) = page;
    newest = page;
    ++cached;
  }

  void RemoveFromCached(KvPageId page) {
    const PageState& state = pages[page];
    (state.newer == kNone ? newest : pages[state.newer].older) = state.older;
    (state.older == kNone ? oldest : pages[state.older].newer) = state.newer;
    --cached;
  }

  // Takes one page out of the content index; it joins the free ones unless it is in use.
  void ForgetOne(KvPageId page) {
    PageState& state = pages[page];
    by_content.erase(by_content.find(ContentView(*state.content)));
    by_id.erase(state.id);
    state.id = kEmptyPrefix;
    state.content = nullptr;
    if (state.references == 0) {
      RemoveFromCached(page);
      free.push_back(page);
    }
  }

  // The least recently used cached page, or rather the last of the cached pages that follow it: the
  // ones before it are of use without it, but not the other way round.
  KvPageId Victim() const {
    KvPageId page = oldest;
    while (true) {
      const std::vector<KvPageId>& followers = pages[page].followers;
      const auto next = std::find_if(followers.begin(), followers.end(), [&](KvPageId follower) {
        return pages[follower].references == 0;
      });
      if (next == followers.end()) return page;
      page = *next;
    }
  }

  // Takes a page and all that follow it out of the content index. The page itself is the last to
  // join the free ones.
  void Forget(KvPageId page) {
    const auto before = by_id.find(pages[page].content->before);
    if (before != by_id.end()) std::erase(pages[before->second].followers, page);
    std::vector<KvPageId> order = {page};
    for (size_t i = 0; i < order.size(); ++i) {
      std::vector<KvPageId> followers = std::exchange(pages[order[i]].followers, {});
      order.insert(order.end(), followers.begin(), followers.end());
    }
    for (size_t i = order.size(); i-- > 0;) ForgetOne(order[i]);
  }
};

Result<std::unique_ptr<KvPagePool>> KvPagePool::Create(Device& device, size_t page_bytes,
                                                       size_t pages) {
  if (page_bytes == 0) return InvalidArgument("KV page size is 0 bytes, at least 1 is needed");
  if (pages >= kNone) {
    return InvalidArgument("number of KV pages " + std::to_string(pages) + " is not below " +
                           std::to_string(kNone));
  }
  const std::optional<size_t> bytes = CheckedMul(page_bytes, pages);
  if (!bytes) {
    return InvalidArgument(std::to_string(pages) + " KV pages of " + std::to_string(page_bytes) +
                           " bytes are more than can be addressed");
  }
  auto state = std::make_unique<State>();
  MOIRA_ASSIGN_OR_RETURN(state->memory, device.Allocate(*bytes));
  state->page_bytes = page_bytes;
  state->pages.resize(pages);
  for (size_t page = pages; page-- > 0;) state->free.push_back(static_cast<KvPageId>(page));
  return std::unique_ptr<KvPagePool>(new KvPagePool(std::move(state)));
}

KvPagePool::KvPagePool(std::unique_ptr<State> state) : state_(std::move(state)) {}
KvPagePool::~KvPagePool() = default;

size_t KvPagePool::page_bytes() const { return state_->page_bytes; }

std::byte* KvPagePool::Page(KvPageId page) {
  assert(page < state_->pages.size());
  return state_->memory.data() + page * state_->page_bytes;
}

size_t KvPagePool::available() const { return state_->free.size() + state_->cached; }

std::optional<KvPageId> KvPagePool::Allocate() {
  if (state_->free.empty()) {
    if (state_->oldest == kNone) return std::nullopt;
    ++state_->evictions;
    state_->Forget(state_->Victim());
  }
  const KvPageId page = state_->free.back();
  state_->free.pop_back();
  state_->pages[page].references = 1;
  return page;
}

void KvPagePool::Retain(KvPageId page) {
  assert(page < state_->pages.size() && state_->pages[page].references > 0);
  ++state_->pages[page].references;
}

void KvPagePool::Release(KvPageId page) {
  assert(page < state_->pages.size() && state_->pages[page].references > 0);
  if (--state_->pages[page].references > 0) return;
  if (state_->registered(page)) {
    state_->AddToCached(page);
  } else {
    state_->free.push_back(page);
  }
}

std::optional<KvPagePool::Found> KvPagePool::Find(PrefixId prefix,
                                                  std::span<const int32_t> tokens) {
  const auto found = state_->by_content.find(ContentView(prefix, tokens));
  if (found == state_->by_content.end()) return std::nullopt;
  const KvPageId page = found->second;
  if (state_->pages[page].references++ == 0) state_->RemoveFromCached(page);
  ++state_->prefix_hits;
  return Found{page, state_->pages[page].id};
}

KvPagePool::PrefixId KvPagePool::Register(KvPageId page, PrefixId prefix,
                                          std::span<const int32_t> tokens) {
  assert(page < state_->pages.size() && state_->pages[page].references > 0);
  const auto same = state_->by_content.find(ContentView(prefix, tokens));
  if (same != state_->by_content.end()) return state_->pages[same->second].id;
  if (state_->registered(page)) state_->Forget(page);
  const PrefixId id = ++state_->last_id;
  if (prefix != kEmptyPrefix) {
    const auto before = state_->by_id.find(prefix);
    // What this page continues was forgotten, so nobody can look for it: the id stands for a text
    // that is in no page.
    if (before == state_->by_id.end()) return id;
    state_->pages[before->second].followers.push_back(page);
  }
  PageState& registered = state_->pages[page];
  registered.id = id;
  registered.content =
      &state_->by_content.emplace(Content{prefix, {tokens.begin(), tokens.end()}}, page)
           .first->first;
  state_->by_id.emplace(id, page);
  return id;
}

KvPageStats KvPagePool::stats() const {
  KvPageStats stats;
  stats.pages = state_->pages.size();
  stats.cached = state_->cached;
  stats.in_use = stats.pages - available();
  stats.prefix_hits = state_->prefix_hits;
  stats.evictions = state_->evictions;
  return stats;
}

}  // namespace moira::cache
