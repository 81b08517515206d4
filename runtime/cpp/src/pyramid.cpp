#include "pyramid.h"

#include <algorithm>

#include "arithmetic.h"
#include "resampling.h"

namespace ioebss::core {
namespace {

int level_of(const Window &window, std::int64_t height, std::int64_t width) {
    int level = 0;
    while (window.width() >> (level + 1) >= width && window.height() >> (level + 1) >= height) {
        ++level;
    }
    return level;
}

Photo halved(const Photo &image) {
    Photo half((image.height() + 1) / 2, (image.width() + 1) / 2, 3);
    const std::int64_t inner = image.width() / 2;
    for (std::int64_t y = 0; y < half.height(); ++y) {
        const std::uint8_t *above = image.row(2 * y);
        const std::uint8_t *below = image.row(std::min(2 * y + 1, image.height() - 1));
        std::uint8_t *to = half.row(y);
        for (std::int64_t x = 0; x < inner; ++x, above += 6, below += 6, to += 3) {
            for (int c = 0; c < 3; ++c) {
                to[c] = arithmetic::quarter(above[c], above[c + 3], below[c], below[c + 3]);
            }
        }
        for (int c = 0; inner < half.width() && c < 3; ++c) {
            to[c] = arithmetic::quarter(above[c], above[c], below[c], below[c]);
        }
    }
    return half;
}

}  // namespace

Placed placed(const Window &window, std::int64_t height, std::int64_t width) {
    const int level = level_of(window, height, width);
    return {level, window.aligned(std::int64_t{1} << level)};
}

View Pyramid::view(const Window &window, std::int64_t height, std::int64_t width) {
    const auto [level, seen] = placed(window, height, width);
    while (levels_.size() <= static_cast<std::size_t>(level)) {
        levels_.push_back(halved(levels_.back()));
    }
    const Photo &image = levels_[static_cast<std::size_t>(level)];
    View view{window, seen, height, width, {}};
    const std::int64_t x0 = view.window.x0 >> level, y0 = view.window.y0 >> level;
    const std::int64_t rows = (view.window.y1 >> level) - y0;
    const std::int64_t columns = (view.window.x1 >> level) - x0;
    view.colours.resize(static_cast<std::size_t>(3 * height * width));
    to_network({image.row(y0) + 3 * x0, 3 * image.width(), 3, rows, columns, rows, columns}, height,
               width, view.colours.data());
    return view;
}

}  // namespace ioebss::core
