// When the previous mask is kept from the network (runtime/forgetting.py): early in a session,
// where a click says that the network took the wrong thing for the object.
#pragma once

#include "clicks.h"
#include "eye.h"

namespace ioebss::core {

// Whether the newest click says that what was predicted is something else than the object: one of
// the first three, off the object, of which the mask holds the surroundings, the square that
// reaches `depth` times the root of the mask's area to all sides.
//   last: the prediction before the newest click.
//   clicks: all, in photo pixels, the newest at the end; at least one.
//   depth: from 0. Areas and lengths are in the network's pixels.
bool is_contradicted(const Prediction &last, const Clicks &clicks, double depth);

}  // namespace ioebss::core
