// Islands (runtime/islands.py): parts of a mask that no click says belong to the object.
#pragma once

#include "clicks.h"
#include "eye.h"

namespace ioebss::core {

// The answer without the parts of its mask that hang together with no foreground click: pixels do
// over their eight neighbours, and over gaps of up to `gap` times the root of the mask's area.
// Where no part has a click on it, all stay: nothing is known of them.
//   clicks: all, in photo pixels; obeyed in the answer.
//   gap: from 0. Areas and lengths are in the network's pixels.
Prediction without_islands(Prediction answer, const Clicks &clicks, double gap);

}  // namespace ioebss::core
