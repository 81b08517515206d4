#include "details.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "obedience.h"
#include "resampling.h"

namespace ioebss::core {
namespace {

// Of the object's window: more of it would show nothing new.
constexpr double kLargest = 0.75;
// One part in so many at each side of the detail's window is seen, but not used.
constexpr std::int64_t kBorder = 10;

// A window without its borders, which the network sees with nothing beyond them. Where the photo
// ends there is nothing beyond.
Window inner(const Window &window, std::int64_t height, std::int64_t width) {
    const std::int64_t across = window.width() / kBorder, down = window.height() / kBorder;
    return {window.x0 + (window.x0 > 0 ? across : 0), window.y0 + (window.y0 > 0 ? down : 0),
            window.x1 - (window.x1 < width ? across : 0),
            window.y1 - (window.y1 < height ? down : 0)};
}

}  // namespace

std::optional<Window> detail_window(const Zoom &zoom, const Click &click, const Window &whole,
                                    std::int64_t height, std::int64_t width) {
    const auto longest = static_cast<double>(std::max(whole.width(), whole.height()));
    const std::int64_t side = close_side(whole, zoom.detail, zoom.min_side);
    if (static_cast<double>(side) > longest * kLargest) {
        return std::nullopt;
    }
    return around(*extent_of({click}), 1, side, width, height);
}

Prediction with_detail(const Prediction &whole, const Prediction &detail, const Clicks &clicks,
                       std::int64_t height, std::int64_t width) {
    const std::int64_t rows = whole.logits->height(), columns = whole.logits->width();
    const Window used = inner(detail.asked, height, width);
    const Window &window = whole.window;
    const auto down = sources(rows, used.y0, used.y1, window.y0, window.y1, rows);
    const auto across = sources(columns, used.x0, used.x1, window.x0, window.x1, columns);
    auto logits = std::make_shared<Logits>(rows, columns, 1);
    moved(detail.logits->data(), detail.logits->height(), detail.logits->width(), detail.window,
          window, rows, columns, logits->data());
    for (std::int64_t y = 0; y < rows; ++y) {
        const bool inside = down[static_cast<std::size_t>(y)].inside;
        const float *from = whole.logits->row(y);
        float *to = logits->row(y);
        for (std::int64_t x = 0; x < columns; ++x) {
            if (!inside || !across[static_cast<std::size_t>(x)].inside) {
                to[x] = from[x];
            }
        }
    }
    obey(*logits, to_cells(clicks, window, rows, columns));
    return {whole.asked, window, std::move(logits), whole.network + detail.network};
}

}  // namespace ioebss::core
