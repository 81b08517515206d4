// How sure an answer is, and the surroundings of a click, worked out by hand.
#include <algorithm>
#include <limits>
#include <memory>
#include <random>
#include <vector>

#include "check.h"
#include "opinions.h"

using namespace ioebss::core;

namespace {

double sureness_of(const std::vector<float> &values) {
    auto logits = std::make_shared<Logits>(1, static_cast<std::int64_t>(values.size()), 1);
    std::copy(values.begin(), values.end(), logits->data());
    const Window window{0, 0, logits->width(), 1};
    return sureness({window, window, std::move(logits), 0.0}, {0, 0, 1});
}

void check_sureness() {
    const float none = std::numeric_limits<float>::quiet_NaN();
    const float infinite = std::numeric_limits<float>::infinity();
    CHECK(sureness_of({-1, 0, none}) == 0.0);
    CHECK(sureness_of({-9, 1, 2, 0}) == 1.5);
    CHECK(sureness_of({3, 1000, infinite, -infinite, none}) == (3.0 + 64 + 64) / 3);
    // Halves of a 256th go to the even one.
    CHECK(sureness_of({0.5F / 256}) == 0.0);
    CHECK(sureness_of({1.5F / 256}) == 2.0 / 256);
    // The network did not follow the click, which is at the first.
    CHECK(sureness_of({1, 1, 9}) == 0.0);
    CHECK(sureness_of({9, 1, 1}) == 11.0 / 3);
}

void check_any_order() {
    std::mt19937 random(5);
    // Summed as they are, in either precision, the small ones are lost behind the large ones.
    std::vector<float> values(5000, 60);
    std::fill(values.begin(), values.begin() + 2500, 0.002F);
    const double before = sureness_of(values);
    std::reverse(values.begin(), values.end());
    CHECK(sureness_of(values) == before && before == (2500 * 60 + 2500 / 256.0) / 5000);
    std::shuffle(values.begin(), values.end(), random);
    CHECK(sureness_of(values) == before);
}

void check_surroundings() {
    const Zoom zoom{1.5, 1.1, 80, 1.0};
    const Click click{200, 70, 1};
    const Window edge{50, 0, 350, 300}, smallest{160, 30, 240, 110};
    CHECK(surroundings(zoom, click, {0, 0, 400, 200}, 500, 600) == edge);
    CHECK(surroundings(zoom, click, {150, 50, 250, 150}, 500, 600) == smallest);
}

}  // namespace

int main(int, char **) {
    check_sureness();
    check_any_order();
    check_surroundings();
    return check::result();
}
