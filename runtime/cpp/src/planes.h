// The two click planes (equation 2, runtime/planes.py).
#pragma once

#include <algorithm>
#include <cstdint>

#include "arithmetic.h"
#include "clicks.h"

namespace ioebss::core {

// Calls `visit(index)` for each pixel of a plane on the disc around a click, in network pixels.
template <typename Visit>
void for_disc(const Click &cell, int radius, std::int64_t height, std::int64_t width,
              const Visit &visit) {
    const int top = static_cast<int>(std::max<std::int64_t>(-radius, -cell.y));
    const int bottom = static_cast<int>(std::min<std::int64_t>(radius, height - 1 - cell.y));
    const int left = static_cast<int>(std::max<std::int64_t>(-radius, -cell.x));
    const int right = static_cast<int>(std::min<std::int64_t>(radius, width - 1 - cell.x));
    for (int dy = top; dy <= bottom; ++dy) {
        for (int dx = left; dx <= right; ++dx) {
            if (arithmetic::on_disc(dx, dy, radius)) {
                visit((cell.y + dy) * width + cell.x + dx);
            }
        }
    }
}

// Both planes of a set of clicks.
//   cells: in network pixels, inside the planes.
//   planes: (2, height, width) of 0 and 1: positive, negative.
inline void rasterise(const Clicks &cells, std::int64_t height, std::int64_t width, int radius,
                      float *planes) {
    std::fill_n(planes, 2 * height * width, 0.0F);
    for (const Click &cell : cells) {
        float *plane = cell.label == kForeground ? planes : planes + height * width;
        for_disc(cell, radius, height, width, [plane](std::int64_t i) { plane[i] = 1.0F; });
    }
}

}  // namespace ioebss::core
