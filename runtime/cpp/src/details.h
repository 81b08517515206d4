// A detail looked at once more (runtime/details.py): which part of the photo that is, and how its
// answer goes into that of the object.
#pragma once

#include <cstdint>
#include <optional>

#include "clicks.h"
#include "eye.h"
#include "windows.h"

namespace ioebss::core {

// The surroundings of the newest click; none where they are not much smaller than the window of the
// whole object.
std::optional<Window> detail_window(const Zoom &zoom, const Click &click, const Window &whole,
                                    std::int64_t height, std::int64_t width);

// The answer to the object's window, with that to a detail in its place; both were asked of one
// photo of `height` and `width` pixels. All clicks are obeyed in it.
Prediction with_detail(const Prediction &whole, const Prediction &detail, const Clicks &clicks,
                       std::int64_t height, std::int64_t width);

}  // namespace ioebss::core
