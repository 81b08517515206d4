#include "windows.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "arithmetic.h"

namespace ioebss::core {
namespace {

using arithmetic::floor_divided;

// The product in double precision, rounded up.
std::int64_t times(std::int64_t length, double factor) {
    return static_cast<std::int64_t>(std::ceil(static_cast<double>(length) * factor));
}

// `length` pixels with the middle of start..end in their middle, moved into 0..limit.
std::pair<std::int64_t, std::int64_t> span(std::int64_t start, std::int64_t end,
                                           std::int64_t length, std::int64_t limit) {
    length = std::min(length, limit);
    std::int64_t first = floor_divided(start + end - length, 2);
    first = std::min(std::max(first, std::int64_t{0}), limit - length);
    return {first, first + length};
}

}  // namespace

Window Window::joined(const Window &other) const {
    return {std::min(x0, other.x0), std::min(y0, other.y0), std::max(x1, other.x1),
            std::max(y1, other.y1)};
}

Window Window::aligned(std::int64_t step) const {
    return {floor_divided(x0, step) * step, floor_divided(y0, step) * step,
            -floor_divided(-x1, step) * step, -floor_divided(-y1, step) * step};
}

bool Window::shows(const Click &click) const {
    return x0 <= click.x && click.x < x1 && y0 <= click.y && click.y < y1;
}

bool Window::holds(const Window &other) const {
    return x0 <= other.x0 && y0 <= other.y0 && other.x1 <= x1 && other.y1 <= y1;
}

std::optional<Window> extent_of(const Clicks &clicks) {
    std::optional<Window> extent;
    for (const Click &click : clicks) {
        Window pixel{click.x, click.y, click.x + 1, click.y + 1};
        extent = extent ? extent->joined(pixel) : pixel;
    }
    return extent;
}

std::int64_t close_side(const Window &seen, double share, std::int64_t min_side) {
    const auto longest = static_cast<double>(std::max(seen.width(), seen.height()));
    return std::max(static_cast<std::int64_t>(longest * share), min_side);
}

Window around(const Window &extent, double margin, std::int64_t min_side, std::int64_t width,
              std::int64_t height) {
    std::int64_t across = std::max(times(extent.width(), margin), min_side);
    std::int64_t down = std::max(times(extent.height(), margin), min_side);
    std::int64_t wide = std::max(across, (down + 1) / 2);
    std::int64_t tall = std::max(down, (across + 1) / 2);
    auto [x0, x1] = span(extent.x0, extent.x1, wide, width);
    auto [y0, y1] = span(extent.y0, extent.y1, tall, height);
    return {x0, y0, x1, y1};
}

Window widened(const Window &extent, double margin, std::int64_t width, std::int64_t height) {
    auto [x0, x1] = span(extent.x0, extent.x1, times(extent.width(), margin), width);
    auto [y0, y1] = span(extent.y0, extent.y1, times(extent.height(), margin), height);
    return {x0, y0, x1, y1};
}

}  // namespace ioebss::core
