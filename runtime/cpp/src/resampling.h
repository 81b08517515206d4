// Between the photo's resolution and the network's (runtime/resampling.py): the same bits.
#pragma once

#include <cstdint>
#include <vector>

#include "arithmetic.h"
#include "photo.h"
#include "windows.h"

namespace ioebss::core {

// 8-bit values of a part of an image; what lies beyond `rows` and `columns` counts as 0.
struct Region {
    const std::uint8_t *data;
    std::int64_t pitch;          // bytes from row to row
    std::int64_t channels;       // values a pixel
    std::int64_t height, width;  // in pixels
    std::int64_t rows, columns;  // that are there, at most height and width
};

// A region in the network's resolution, one plane for each channel: float32 (channels, height,
// width). Each value is the exact mean of the area that it covers, or along an axis that grows the
// exact linear interpolation, rounded once.
void to_network(const Region &region, std::int64_t height, std::int64_t width, float *planes);

// Sigmoid of `count` logits.
void sigmoids(const float *logits, std::int64_t count, float *result);

// The centres of `count` pixels that cover first..last, seen from `length` pixels that cover
// start..end.
std::vector<arithmetic::Source> sources(std::int64_t length, std::int64_t start, std::int64_t end,
                                        std::int64_t first, std::int64_t last, std::int64_t count);

// Probabilities of one window, seen from another: bilinear, and 0 outside the first.
void moved(const float *values, std::int64_t value_height, std::int64_t value_width,
           const Window &window, const Window &target, std::int64_t height, std::int64_t width,
           float *result);

}  // namespace ioebss::core
