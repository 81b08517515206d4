// The CUDA kernels (runtime/gpu/kernels.py), loaded on a GPU. Their machine code is part of the
// library: runtime/kernels/kernels.fatbin, embedded by kernels.S.
#pragma once

#include <array>
#include <cstdint>

#include "gpu/driver.h"

namespace ioebss::core {

enum class Kernel : std::uint8_t {
    halve,
    photo_to_planes,
    clear_planes,
    erase_discs,
    draw_discs,
    fill_previous,
    obey,
    place_mask,
    logits_to_mask
};
constexpr std::size_t kKernels = 9;

// Shared by all sessions on the GPU.
class Kernels {
  public:
    // Throws a backend error: the fatbin holds no image for this GPU.
    explicit Kernels(const Driver &driver);

    // Starts a kernel.
    //   count: how many pixels it has to go through, about.
    //   look: address of the `Look` on the GPU.
    void launch(Kernel kernel, std::int64_t count, cuda::Pointer look, const Stream &stream) const;

  private:
    const Driver &driver_;
    Module module_;
    std::array<cuda::Function, kKernels> functions_{};
};

}  // namespace ioebss::core
