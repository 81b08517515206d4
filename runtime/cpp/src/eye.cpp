#include "eye.h"

#include "arithmetic.h"

namespace ioebss::core {

Clicks to_cells(const Clicks &clicks, const Window &window, std::int64_t height,
                std::int64_t width) {
    Clicks cells;
    cells.reserve(clicks.size());
    for (const Click &click : clicks) {
        cells.push_back({arithmetic::to_network(click.x - window.x0, window.width(), width),
                         arithmetic::to_network(click.y - window.y0, window.height(), height),
                         click.label});
    }
    return cells;
}

}  // namespace ioebss::core
