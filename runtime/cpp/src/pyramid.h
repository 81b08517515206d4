// The photo at its own size and at halves of it (runtime/pyramid.py), so that looking at any part
// of it costs the same whatever the photo's size.
#pragma once

#include <utility>
#include <vector>

#include "photo.h"
#include "windows.h"

namespace ioebss::core {

// A part of the photo in the network's resolution.
struct View {
    Window asked;   // within the photo
    Window window;  // aligned to pixels of a level; may reach over the right and lower border
    std::int64_t height, width;
    std::vector<float> colours;  // (3, height, width), 0..255
};

// Where a window is seen: the smallest level that has at least as many pixels as the network's
// input, and the window aligned to pixels there.
struct Placed {
    int level;
    Window window;
};

Placed placed(const Window &window, std::int64_t height, std::int64_t width);

// Level 0 is the photo; each pixel of level k + 1 is the mean of 2x2 pixels of level k, halves up.
// Where a side is odd, its last pixels count twice. Levels are made when they are first needed.
class Pyramid {
  public:
    explicit Pyramid(Photo photo) { levels_.push_back(std::move(photo)); }

    std::int64_t height() const { return levels_.front().height(); }
    std::int64_t width() const { return levels_.front().width(); }

    // From the smallest level that has at least as many pixels as the network's input.
    View view(const Window &window, std::int64_t height, std::int64_t width);

  private:
    std::vector<Photo> levels_;
};

}  // namespace ioebss::core
