// The photo on the GPU, and its halves (runtime/gpu/levels.py).
#pragma once

#include <cstdint>
#include <vector>

#include "gpu/driver.h"
#include "gpu/kernels.h"
#include "look.h"
#include "photo.h"

namespace ioebss::core {

// Level 0 is the photo; the others are made when they are first needed. The driver must be active.
class DeviceLevels {
  public:
    // The photo is copied to the GPU; it may go when this returns.
    DeviceLevels(const Photo &photo, const Driver &driver, const Kernels &kernels,
                 const Stream &stream);

    // Has a look see this level. Throws a backend error: there is no memory left to make it.
    void point(Look &look, int level);

  private:
    struct Level {
        DeviceMemory memory;
        std::int64_t height, width;
    };

    void halve();

    const Driver &driver_;
    const Kernels &kernels_;
    const Stream &stream_;
    DeviceMemory parameters_;
    PinnedMemory pinned_;
    std::vector<Level> levels_;
};

}  // namespace ioebss::core
