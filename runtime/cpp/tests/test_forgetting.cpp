// When the last mask is forgotten, against what the words say, pixel by pixel.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "check.h"
#include "forgetting.h"

using namespace ioebss::core;

namespace {

// A mask of random size, mostly set, with holes; seen in a window of `scale` photo pixels a logit.
Prediction random_prediction(std::mt19937 &random, std::int64_t scale) {
    const std::int64_t height = 1 + random() % 14, width = 1 + random() % 17;
    const Window window{5, 7, 5 + width * scale, 7 + height * scale};
    auto logits = std::make_shared<Logits>(height, width, 1);
    const unsigned holes = random() % 4;
    for (std::int64_t i = 0; i < height * width; ++i) {
        logits->data()[i] = random() % 60 < holes ? -1.5F : 2.5F;
    }
    return {window, window, std::move(logits), 0.0};
}

// Whether every pixel within `reach` steps of a king from a cell is in the mask; none is beyond it.
bool surrounded(const Logits &logits, std::int64_t x, std::int64_t y, std::int64_t reach) {
    for (std::int64_t to_y = y - reach; to_y <= y + reach; ++to_y) {
        for (std::int64_t to_x = x - reach; to_x <= x + reach; ++to_x) {
            const bool inside =
                to_y >= 0 && to_x >= 0 && to_y < logits.height() && to_x < logits.width();
            if (!inside || logits.row(to_y)[to_x] <= 0) {
                return false;
            }
        }
    }
    return true;
}

std::int64_t area(const Logits &logits) {
    return std::count_if(logits.data(), logits.data() + logits.height() * logits.width(),
                         [](float logit) { return logit > 0; });
}

// Compares one case; says whether the newest click contradicted the mask.
bool contradicted(std::mt19937 &random) {
    const std::int64_t scale = 1 + random() % 3;
    const Prediction last = random_prediction(random, scale);
    const std::int64_t height = last.logits->height(), width = last.logits->width();
    const double depth = std::vector{0.0, 0.1, 0.2, 0.3, 1.0}[random() % 5];
    Clicks clicks(random() % 4, {6, 8, static_cast<std::int32_t>(random() % 2)});
    // In the middle of the photo pixels of a cell, which may lie beside the window.
    const auto x = static_cast<std::int64_t>(random() % (width + 2)) - 1;
    const auto y = static_cast<std::int64_t>(random() % (height + 2)) - 1;
    const auto label = static_cast<std::int32_t>(random() % 4 == 0);
    clicks.push_back({5 + x * scale + scale / 2, 7 + y * scale + scale / 2, label});
    const auto reach =
        static_cast<std::int64_t>(depth * std::sqrt(static_cast<double>(area(*last.logits))));
    const bool expected = clicks.size() <= 3 && label == 0 && surrounded(*last.logits, x, y, reach);
    CHECK(is_contradicted(last, clicks, depth) == expected);
    return expected;
}

}  // namespace

int main(int, char **) {
    std::mt19937 random(4);
    int count = 0;
    for (int i = 0; i < 3000; ++i) {
        count += contradicted(random) ? 1 : 0;
    }
    CHECK(count > 300 && count < 2700);
    return check::result();
}
