#include "forgetting.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace ioebss::core {
namespace {

// The first so many of a session; after them a mask has been agreed on.
constexpr std::size_t kClicks = 3;

bool is_set(float logit) { return logit > 0; }

}  // namespace

bool is_contradicted(const Prediction &last, const Clicks &clicks, double depth) {
    const Click &newest = clicks.back();
    if (clicks.size() > kClicks || newest.label == kForeground || !last.window.shows(newest)) {
        return false;
    }
    const Logits &logits = *last.logits;
    const std::int64_t height = logits.height(), width = logits.width();
    const auto area = std::count_if(logits.data(), logits.data() + height * width, is_set);
    const auto reach = static_cast<std::int64_t>(depth * std::sqrt(static_cast<double>(area)));
    const Click cell = to_cells({newest}, last.window, height, width).front();
    const std::int64_t top = cell.y - reach, left = cell.x - reach;
    const std::int64_t bottom = cell.y + reach, right = cell.x + reach;
    if (top < 0 || left < 0 || bottom >= height || right >= width) {
        return false;
    }
    for (std::int64_t y = top; y <= bottom; ++y) {
        const float *row = logits.row(y);
        if (!std::all_of(row + left, row + right + 1, is_set)) {
            return false;
        }
    }
    return true;
}

}  // namespace ioebss::core
