// Which part of the photo the network looks at (runtime/windows.py): in pixels of the photo.
#pragma once

#include <cstdint>
#include <optional>

#include "clicks.h"

namespace ioebss::core {

// A rectangle of pixels: columns x0 to x1 - 1, rows y0 to y1 - 1.
struct Window {
    std::int64_t x0, y0, x1, y1;

    std::int64_t width() const { return x1 - x0; }
    std::int64_t height() const { return y1 - y0; }
    std::int64_t area() const { return width() * height(); }
    // The smallest window that holds both.
    Window joined(const Window &other) const;
    // Grown to multiples of `step`.
    Window aligned(std::int64_t step) const;
    // Whether a click lies within this one.
    bool shows(const Click &click) const;
    // Whether the other lies within this one.
    bool holds(const Window &other) const;

    friend bool operator==(const Window &a, const Window &b) {
        return a.x0 == b.x0 && a.y0 == b.y0 && a.x1 == b.x1 && a.y1 == b.y1;
    }
};

// How a model zooms in on the object; part of its manifest.
struct Zoom {
    double margin;          // sides of the window over those of mask and clicks, 1 to 10
    double keep;            // a window is kept while it leaves this margin, 1 to `margin`
    std::int64_t min_side;  // of the window, in photo pixels
    double first;  // share of the photo below which an object is looked at once more, 0 to 1
    // Side of a window about the newest click, over the longer side of the object's, that is looked
    // at once more after so many clicks; 0 to 1, 0 never.
    double detail = 0;
    std::int64_t detail_after = 3;
    // Parts of the mask are taken away that no foreground click is on, unless gaps of at most this
    // times the root of the mask's area part them from one that has a click; 0 to 10, none leaves
    // all.
    std::optional<double> islands = std::nullopt;
    // The network is shown no previous mask for a click that is one of the first three, off the
    // object, and so deep in the mask that a square about it that reaches this times the root of
    // the mask's area lies in it; 0 to 1, none always shows it.
    std::optional<double> forget = std::nullopt;
    // Where the mean logit in the first mask of one click is at most this, the network looks at the
    // click's surroundings too, and the answer with the higher mean counts; 0 to 64, none never.
    std::optional<double> unsure = std::nullopt;
};

// The smallest window that holds all clicks; none without one.
std::optional<Window> extent_of(const Clicks &clicks);

// Side of a square that shows a part of a window closer: a share of its longer side, rounded down,
// but at least `min_side`.
std::int64_t close_side(const Window &seen, double share, std::int64_t min_side);

// A window about an extent with a margin on all sides, within the photo: at least `min_side` on
// each side, at least half as long on one axis as on the other, moved back or cut at the photo's
// border.
Window around(const Window &extent, double margin, std::int64_t min_side, std::int64_t width,
              std::int64_t height);

// An extent with its sides multiplied by `margin`, within the photo.
Window widened(const Window &extent, double margin, std::int64_t width, std::int64_t height);

}  // namespace ioebss::core
