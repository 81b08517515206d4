// A click is always obeyed (runtime/obedience.py).
#pragma once

#include "clicks.h"
#include "photo.h"

namespace ioebss::core {

// Puts the disc of each click that is on the wrong side onto the right one; later ones win.
//   cells: in network pixels, inside the logits.
void obey(Logits &logits, const Clicks &cells);

// Puts the clicked pixels of a mask on the right side, in photo pixels; later ones win.
void obey_exactly(const Rows<std::uint8_t> &mask, const Clicks &clicks);

// The same with probabilities, which keep a distance from one half.
void obey_exactly(const Rows<float> &probability, const Clicks &clicks);

}  // namespace ioebss::core
