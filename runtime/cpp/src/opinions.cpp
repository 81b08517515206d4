#include "opinions.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "arithmetic.h"

namespace ioebss::core {
namespace {

// Side of the surroundings over the longer side of the window of what was seen.
constexpr double kCloser = 0.75;
// Logits above count as this one.
constexpr float kLargest = 64;
// Of logits: their sum is exact, in whatever order they are added.
constexpr float kUnit = 1.0F / 256;

}  // namespace

double sureness(const Prediction &answer, const Click &click) {
    const Logits &logits = *answer.logits;
    const Click cell = to_cells({click}, answer.window, logits.height(), logits.width()).front();
    if (logits.row(cell.y)[cell.x] == arithmetic::kObeyLogit) {
        return 0;
    }
    double units = 0;
    std::int64_t count = 0;
    for (std::int64_t i = 0; i < logits.size(); ++i) {
        const float logit = logits.data()[i];
        if (logit > 0) {
            units += std::nearbyint(std::min(logit, kLargest) / kUnit);
            ++count;
        }
    }
    return count == 0 ? 0.0 : units * kUnit / static_cast<double>(count);
}

Window surroundings(const Zoom &zoom, const Click &click, const Window &seen, std::int64_t height,
                    std::int64_t width) {
    const std::int64_t side = close_side(seen, kCloser, zoom.min_side);
    return around(*extent_of({click}), 1, side, width, height);
}

}  // namespace ioebss::core
