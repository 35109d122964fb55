#include "engine/random.h"

namespace moira::engine {

uint64_t RandomStream::NextBits() {
  state_ += 0x9e3779b97f4a7c15u;
  uint64_t bits = state_;
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
  return bits ^ (bits >> 31);
}

double RandomStream::NextUnit() { return static_cast<double>(NextBits() >> 11) * 0x1.0p-53; }

}  // namespace moira::engine
