#include "obedience.h"

#include <algorithm>
#include <cmath>

#include "arithmetic.h"
#include "planes.h"

namespace ioebss::core {

void obey(Logits &logits, const Clicks &cells) {
    for (const Click &cell : cells) {
        const float sign = cell.label == kForeground ? 1.0F : -1.0F;
        if (!(sign * logits.row(cell.y)[cell.x] <= 0)) {
            continue;
        }
        for_disc(cell, arithmetic::kObeyRadius, logits.height(), logits.width(),
                 [&logits, sign](std::int64_t i) {
                     float &logit = logits.data()[i];
                     if (sign * logit < arithmetic::kObeyLogit) {
                         logit = sign * arithmetic::kObeyLogit;
                     }
                 });
    }
}

void obey_exactly(const Rows<std::uint8_t> &mask, const Clicks &clicks) {
    for (const Click &click : clicks) {
        mask.row(click.y)[click.x] = click.label == kForeground ? kObject : 0;
    }
}

void obey_exactly(const Rows<float> &probability, const Clicks &clicks) {
    const double sure = 1 / (1 + std::exp(-static_cast<double>(arithmetic::kObeyLogit)));
    const auto at_least = static_cast<float>(sure), at_most = static_cast<float>(1 - sure);
    for (const Click &click : clicks) {
        float &value = probability.row(click.y)[click.x];
        value = click.label == kForeground ? std::max(value, at_least) : std::min(value, at_most);
    }
}

}  // namespace ioebss::core
