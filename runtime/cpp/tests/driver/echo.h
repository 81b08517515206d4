// A network that answers with what it is shown: the planes, the previous mask, the colours.
#pragma once

#include <cstdint>

inline void echo(const float *input, std::int64_t channels, std::int64_t height, std::int64_t width,
                 float *logits) {
    const std::int64_t area = height * width;
    for (std::int64_t i = 0; i < area; ++i) {
        const float *at = input + 3 * area + i;
        const float before = channels == 6 ? 2 * at[2 * area] : 0;
        const float colours = input[i] - input[area + i] + input[2 * area + i] / 2;
        logits[i] = at[0] - at[area] + before - 0.5F + (colours - 64) / 200;
    }
}
