#include "engine/hardware_profiles.h"

#include "engine/engine.h"

namespace moira::engine {
namespace {

constexpr uint64_t kGiB = uint64_t{1} << 30;

// As kCardEfficiency, for a board whose CPU and GPU share one memory.
constexpr double kBoardEfficiency = 0.65;
constexpr double kNvme = 3e9;  // sequential reads of an ordinary drive

// GB/s of device, link, CPU, and CPU with link.
constexpr MachineRates Card(double device, double link, double host, double joint) {
  return {device * 1e9, link * 1e9, host * 1e9, joint * 1e9, kNvme, kCardEfficiency, kCardOverhead};
}
constexpr MachineRates Board(double memory) {
  return {memory * 1e9, MachineRates::kUnlimited, memory * 1e9, memory * 1e9,
          kNvme,        kBoardEfficiency,         kCardOverhead};
}

// Device memory: NVIDIA's data sheets. Link: one big pinned copy, as measured per generation and
// width (PCIe 3.0 x16 11-13 GB/s, 4.0 x8 11.8-13, 4.0 x16 and 5.0 x8 24-26: FreeToken,
// arXiv 2608.16157). Host: what the CPU's expert kernel reads on a typical board of the card's
// time; a machine with other memory is planned with --host-bandwidth.
constexpr HardwareProfile kProfiles[] = {
    {"rtx-2060", "RTX 2060 6 GB, PCIe 3.0 x16, DDR4-3200", false, 6 * kGiB, Card(336, 12.3, 38, 42),
     "data sheet (192 bit, 14 Gbit/s); link and host measured on PCIe 3.0 x16 with DDR4"},
    {"rtx-3060-12gb", "RTX 3060 12 GB, PCIe 4.0 x16, DDR4-3200", false, 12 * kGiB,
     Card(360, 24, 38, 44),
     "data sheet (192 bit, 15 Gbit/s); link and host measured on PCIe 4.0 x16 with DDR4"},
    {"rtx-3060-laptop", "RTX 3060 Laptop 6 GB, PCIe 4.0 x8, DDR4-3200", false, 6 * kGiB,
     Card(336, 11.8, 38, 42),
     "data sheet (192 bit, 14 Gbit/s); link as measured on x8 laptops, host as on DDR4"},
    {"rtx-3090", "RTX 3090 24 GB, PCIe 4.0 x16, DDR4-3200", false, 24 * kGiB, Card(936, 24, 38, 44),
     "data sheet (384 bit, 19.5 Gbit/s); link and host measured on PCIe 4.0 x16 with DDR4"},
    {"rtx-4060", "RTX 4060 8 GB, PCIe 4.0 x8, DDR5", false, 8 * kGiB, Card(272, 13, 45, 48),
     "data sheet (128 bit, 17 Gbit/s); link and host as on the RTX 4060 Ti"},
    {"rtx-4060-laptop", "RTX 4060 Laptop 8 GB, PCIe 4.0 x8, DDR5", false, 8 * kGiB,
     Card(256, 11.8, 47.5, 50), "data sheet; link and host measured by FreeToken"},
    {"rtx-4060-ti-16gb", "RTX 4060 Ti 16 GB, PCIe 4.0 x8, DDR5", false, 16 * kGiB,
     Card(288, 13, 45, 48),
     "data sheet (128 bit, 18 Gbit/s); link and host measured on PCIe 4.0 x8 with DDR5"},
    {"rtx-4070", "RTX 4070 12 GB, PCIe 4.0 x16, DDR5", false, 12 * kGiB, Card(504, 24, 44.8, 49.3),
     "data sheet (192 bit, 21 Gbit/s); link of PCIe 4.0 x16, host measured on a Ryzen 7900"},
    {"rtx-5060-ti-16gb", "RTX 5060 Ti 16 GB, PCIe 5.0 x8, DDR5", false, 16 * kGiB,
     Card(448, 24, 44.8, 49.3),
     "data sheet (128 bit, 28 Gbit/s); link as PCIe 4.0 x16, host measured on a Ryzen 7900"},
    {"orin-nano-8gb", "Jetson Orin Nano 8 GB, one memory, NVMe", true, 8 * kGiB, Board(68),
     "data sheet (128 bit LPDDR5; 102 GB/s in Super mode: --device-bandwidth 102GB/s)"},
    {"agx-orin-64gb", "Jetson AGX Orin 64 GB, one memory, NVMe", true, 64 * kGiB, Board(204.8),
     "data sheet (256 bit LPDDR5)"},
};

}  // namespace

std::span<const HardwareProfile> HardwareProfiles() { return kProfiles; }

Result<HardwareProfile> FindHardware(std::string_view name) {
  for (const HardwareProfile& profile : kProfiles) {
    if (profile.name == name) return profile;
  }
  return InvalidArgument("hardware '" + std::string(name) + "' is none of " + HardwareNames());
}

std::string HardwareNames() {
  std::string names;
  for (const HardwareProfile& profile : kProfiles) {
    names += (names.empty() ? "" : ", ") + std::string(profile.name);
  }
  return names;
}

}  // namespace moira::engine
