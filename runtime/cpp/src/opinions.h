// A second opinion on the first click (runtime/opinions.py): where the network is unsure of what it
// sees on the whole photo, it sees the click's surroundings too.
#pragma once

#include "clicks.h"
#include "eye.h"
#include "windows.h"

namespace ioebss::core {

// The mean logit in the mask, from 0 to 64. It is 0 where the network saw nothing at the click,
// which is obeyed all the same.
//   click: on the object, within the answer's window.
double sureness(const Prediction &answer, const Click &click);

// Those of a click.
//   zoom: says how small they are at least.
//   click: the first.
//   seen: the window of what was taken for the object.
//   height, width: of the photo in pixels.
Window surroundings(const Zoom &zoom, const Click &click, const Window &seen, std::int64_t height,
                    std::int64_t width);

}  // namespace ioebss::core
