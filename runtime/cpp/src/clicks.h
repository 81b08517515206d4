// Clicks: what they are and when they are valid (runtime/clicks.py).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ioebss/ioebss.h"

namespace ioebss::core {

constexpr std::int32_t kForeground = 1, kBackground = 0;
constexpr std::size_t kMaxClicks = IOEBSS_MAX_CLICKS;

// A click in whole pixels, of the photo or of the network.
struct Click {
    std::int64_t x, y;
    std::int32_t label;
};

using Clicks = std::vector<Click>;

// A validated click; fractions of pixels are cut off. Throws a click error: not finite, outside the
// photo, or label neither 0 nor 1.
Click make_click(double x, double y, std::int32_t label, std::int64_t width, std::int64_t height);

// Validated clicks. Throws a click error also when there are too many.
Clicks make_clicks(const ioebss_click *clicks, std::size_t count, std::int64_t width,
                   std::int64_t height);

}  // namespace ioebss::core
