// Islands against what the words say, pixel by pixel: pairs of pixels that hang together are joined
// until nothing changes.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

#include "arithmetic.h"
#include "check.h"
#include "islands.h"

using namespace ioebss::core;

namespace {

struct Case {
    std::int64_t height, width;
    std::vector<float> logits;
    Clicks clicks;
    double gap;
};

std::int64_t apart(std::int64_t a, std::int64_t b, std::int64_t width) {
    return std::max(std::abs(a % width - b % width), std::abs(a / width - b / width));
}

// Whether each pixel of the mask hangs together with the surroundings of a foreground click. Two
// parts that have each grown by `steps` touch where pixels of theirs are 2 * steps + 1 apart, and a
// grown part comes within 4 pixels of a click where one of its pixels is 4 + steps from it.
std::vector<bool> kept(const Case &c) {
    const auto size = static_cast<std::int64_t>(c.logits.size());
    std::vector<std::int64_t> mask;
    for (std::int64_t i = 0; i < size; ++i) {
        if (c.logits[static_cast<std::size_t>(i)] > 0) {
            mask.push_back(i);
        }
    }
    const auto steps =
        static_cast<std::int64_t>(c.gap * std::sqrt(static_cast<double>(mask.size())) / 2);
    std::vector<bool> result(c.logits.size());
    for (const std::int64_t i : mask) {
        for (const Click &click : c.clicks) {
            if (click.label == 1 && apart(i, click.y * c.width + click.x, c.width) <= 4 + steps) {
                result[static_cast<std::size_t>(i)] = true;
            }
        }
    }
    for (bool changed = true; changed;) {
        changed = false;
        for (const std::int64_t i : mask) {
            for (const std::int64_t j : mask) {
                if (result[static_cast<std::size_t>(i)] && !result[static_cast<std::size_t>(j)] &&
                    apart(i, j, c.width) <= 2 * steps + 1) {
                    result[static_cast<std::size_t>(j)] = changed = true;
                }
            }
        }
    }
    return result;
}

Case random_case(std::mt19937 &random) {
    const auto up_to = [&random](int n) { return static_cast<int>(random() % (n + 1U)); };
    Case c{
        1 + up_to(13), 1 + up_to(16), {}, {}, std::vector{0.0, 0.1, 0.3, 1.0, 10.0}[random() % 5]};
    const int share = 1 + up_to(6);
    for (std::int64_t i = 0; i < c.height * c.width; ++i) {
        c.logits.push_back(up_to(share) == 0 ? 2.5F : -1.5F);
    }
    for (int i = up_to(2); i >= 0; --i) {
        c.clicks.push_back({up_to(static_cast<int>(c.width) - 1),
                            up_to(static_cast<int>(c.height) - 1), up_to(1)});
    }
    return c;
}

// Compares one case; says whether it had islands.
bool had_islands(const Case &c) {
    const Window window{0, 0, c.width, c.height};
    const auto before = std::make_shared<Logits>(c.height, c.width, 1);
    std::copy(c.logits.begin(), c.logits.end(), before->data());
    const std::vector<bool> stays = kept(c);
    const bool any = std::find(stays.begin(), stays.end(), true) != stays.end();
    const Prediction found = without_islands({window, window, before, 7.0}, c.clicks, c.gap);
    CHECK(found.network == 7.0 && found.asked == window && found.window == window);
    bool islands = false;
    for (std::size_t i = 0; i < c.logits.size(); ++i) {
        const bool island = any && c.logits[i] > 0 && !stays[i];
        const float expected = island ? -ioebss::arithmetic::kObeyLogit : c.logits[i];
        CHECK(found.logits->data()[i] == expected);
        CHECK(before->data()[i] == c.logits[i]);
        islands = islands || island;
    }
    CHECK((found.logits == before) == !islands);
    return islands;
}

}  // namespace

int main(int, char **) {
    std::mt19937 random(3);
    int with_islands = 0;
    for (int i = 0; i < 2000; ++i) {
        with_islands += had_islands(random_case(random)) ? 1 : 0;
    }
    CHECK(with_islands > 100);
    return check::result();
}
