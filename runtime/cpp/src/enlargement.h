// Logits in the network's resolution to masks and probabilities in the photo's
// (runtime/enlargement.py). Outside the window that the network saw everything is background.
#pragma once

#include "photo.h"
#include "windows.h"

namespace ioebss::core {

// Where bilinearly enlarged logits are positive: `kObject` there, 0 elsewhere. Between four logits
// of one sign there is nothing to compute: only the outline costs time.
//   window: the part of the photo that the logits stand for.
//   height, width: of the photo.
void logits_to_mask(const Logits &logits, const Window &window, std::int64_t height,
                    std::int64_t width, const Rows<std::uint8_t> &mask);

// The sigmoid of bilinearly enlarged logits.
void logits_to_probability(const Logits &logits, const Window &window, std::int64_t height,
                           std::int64_t width, const Rows<float> &probability);

}  // namespace ioebss::core
