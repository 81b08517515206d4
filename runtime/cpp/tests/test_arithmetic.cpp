// Planes, pyramid, resampling, obedience and enlargement against plain definitions of the same.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "check.h"
#include "enlargement.h"
#include "obedience.h"
#include "planes.h"
#include "pyramid.h"
#include "resampling.h"

using namespace ioebss::core;

namespace {

std::mt19937 generator(1);

std::int64_t any(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(generator);
}

Photo noise(std::int64_t height, std::int64_t width) {
    Photo photo(height, width, 3);
    std::generate_n(photo.data(), photo.size(),
                    [] { return static_cast<std::uint8_t>(any(0, 255)); });
    return photo;
}

void check_planes() {
    const std::int64_t height = 20, width = 31;
    const Clicks cells{{0, 0, 1}, {30, 10, 0}, {15, 19, 1}};
    std::vector<float> planes(2 * height * width, 7);
    rasterise(cells, height, width, 5, planes.data());
    for (std::int64_t y = 0; y < height; ++y) {
        for (std::int64_t x = 0; x < width; ++x) {
            for (int label : {1, 0}) {
                const bool near = std::any_of(cells.begin(), cells.end(), [&](const Click &c) {
                    return c.label == label && std::hypot(c.x - x, c.y - y) <= 5;
                });
                CHECK(planes[static_cast<std::size_t>(((1 - label) * height + y) * width + x)] ==
                      (near ? 1.0F : 0.0F));
            }
        }
    }
}

// The mean over the area of each result, by numerical summation of overlaps in double.
void check_shrinking() {
    for (int n = 0; n < 20; ++n) {
        const std::int64_t h = any(8, 60), w = any(8, 60), rows = any(1, 8), columns = any(1, 8);
        const Photo photo = noise(h, w);
        std::vector<float> planes(static_cast<std::size_t>(3 * rows * columns));
        to_network({photo.data(), 3 * w, 3, h, w, h, w}, rows, columns, planes.data());
        auto overlap = [](std::int64_t j, std::int64_t i, std::int64_t length, std::int64_t count) {
            const double scale = static_cast<double>(length) / static_cast<double>(count);
            const auto first = static_cast<double>(j);
            const double low = std::max(first, static_cast<double>(i) * scale);
            return std::max(0.0, std::min(first + 1, static_cast<double>(i + 1) * scale) - low) /
                   scale;
        };
        for (std::int64_t i = 0; i < rows * columns; ++i) {
            double mean = 0;
            for (std::int64_t y = 0; y < h; ++y) {
                for (std::int64_t x = 0; x < w; ++x) {
                    mean += overlap(y, i / columns, h, rows) * overlap(x, i % columns, w, columns) *
                            photo.row(y)[3 * x + 1];
                }
            }
            CHECK(std::abs(planes[static_cast<std::size_t>(rows * columns + i)] - mean) < 1e-4);
        }
    }
}

void check_growing() {
    const std::uint8_t pixels[] = {10, 20};
    std::vector<float> result(4);
    to_network({pixels, 2, 1, 1, 2, 1, 2}, 1, 4, result.data());
    CHECK((result == std::vector<float>{10, 12.5, 17.5, 20}));
}

// What lies beyond the rows and columns that are there counts as 0; far wider than what it becomes.
void check_borders() {
    const std::vector<std::uint8_t> ones(4000, 1);
    std::vector<float> result(4);
    to_network({ones.data(), 10, 1, 4, 8, 3, 6}, 2, 2, result.data());
    CHECK((result == std::vector<float>{1, 0.5, 0.5, 0.25}));
    to_network({ones.data(), 4000, 1, 1, 4000, 1, 3000}, 1, 4, result.data());
    CHECK((result == std::vector<float>{1, 1, 1, 0}));
    to_network({ones.data(), 1, 1, 4000, 1, 3000, 1}, 4, 1, result.data());
    CHECK((result == std::vector<float>{1, 1, 1, 0}));
}

// A photo larger than the network's input is seen at the first level that is large enough.
void check_pyramid() {
    Photo photo(5, 7, 3);
    std::fill_n(photo.data(), photo.size(), std::uint8_t{100});
    // Alone in the last block of level 1, where its last pixels count fourfold.
    photo.row(4)[18] = 200;
    Pyramid pyramid(std::move(photo));
    const View view = pyramid.view({0, 0, 7, 5}, 2, 3);
    CHECK((view.window == Window{0, 0, 8, 6}));  // over the border, to whole pixels of level 1
    CHECK(view.colours[5] > 100 && view.colours[4] == 100 && view.colours[11] == 100);
    const View part = pyramid.view({4, 2, 7, 4}, 2, 3);
    CHECK((part.window == Window{4, 2, 7, 4}));
}

void check_obedience() {
    Logits logits(9, 9, 1);
    std::fill_n(logits.data(), logits.size(), -2.0F);
    logits.row(8)[8] = 5;
    obey(logits, {{4, 4, 1}, {8, 8, 1}});
    CHECK(logits.row(4)[4] == 1 && logits.row(4)[7] == 1 && logits.row(4)[8] == -2);
    CHECK(logits.row(8)[8] == 5 && logits.row(8)[7] == -2);
    obey(logits, {{4, 4, 0}});  // the later one wins
    CHECK(logits.row(4)[4] == -1);
}

// Bilinear in double; at places where it is not clear, either answer will do.
void check_enlargement() {
    std::normal_distribution<float> normal;
    for (int n = 0; n < 30; ++n) {
        const std::int64_t h = any(1, 9), w = any(1, 9), height = any(9, 50), width = any(9, 50);
        Logits logits(h, w, 1);
        std::generate_n(logits.data(), h * w, [&] { return normal(generator); });
        const Window window{2, 1, any(4, width + 2), any(4, height + 2)};
        std::vector<std::uint8_t> mask(static_cast<std::size_t>(height * width), 7);
        std::vector<float> probability(mask.size());
        logits_to_mask(logits, window, height, width, {mask.data(), width});
        logits_to_probability(logits, window, height, width, {probability.data(), width});
        for (std::int64_t y = 0; y < height; ++y) {
            for (std::int64_t x = 0; x < width; ++x) {
                const std::size_t i = static_cast<std::size_t>(y * width + x);
                if (y < window.y0 || y >= window.y1 || x < window.x0 || x >= window.x1) {
                    CHECK(mask[i] == 0 && probability[i] == 0);
                    continue;
                }
                auto place = [](std::int64_t at, std::int64_t first, std::int64_t length,
                                std::int64_t count) {
                    const double along = (static_cast<double>(at - first) + 0.5) *
                                             static_cast<double>(count) /
                                             static_cast<double>(length) -
                                         0.5;
                    return std::clamp(along, 0.0, static_cast<double>(count - 1));
                };
                const double v = place(y, window.y0, window.height(), h);
                const double u = place(x, window.x0, window.width(), w);
                auto logit = [&](double row, double column) {
                    return static_cast<double>(logits.row(
                        std::min(static_cast<std::int64_t>(row),
                                 h - 1))[std::min(static_cast<std::int64_t>(column), w - 1)]);
                };
                const double fu = u - std::floor(u), fv = v - std::floor(v);
                const double value = (logit(v, u) * (1 - fu) + logit(v, u + 1) * fu) * (1 - fv) +
                                     (logit(v + 1, u) * (1 - fu) + logit(v + 1, u + 1) * fu) * fv;
                CHECK(std::abs(value) < 1e-5 || mask[i] == (value > 0 ? 255 : 0));
                CHECK(std::abs(probability[i] - 1 / (1 + std::exp(-value))) < 1e-5);
            }
        }
    }
}

// Whole logits enlarged three- and fivefold: many pixels lie where the sign hangs on the rounding.
// Every one must be what the shared arithmetic says.
void check_ties() {
    for (std::int64_t scale : {3, 5, 6}) {
        const std::int64_t h = 12, w = 10, height = h * scale, width = w * scale;
        Logits logits(h, w, 1);
        std::generate_n(logits.data(), h * w, [] { return static_cast<float>(any(-3, 3)); });
        const auto rows = sources(h, 0, height, 0, height, height);
        const auto columns = sources(w, 0, width, 0, width, width);
        std::vector<std::uint8_t> mask(static_cast<std::size_t>(height * width));
        logits_to_mask(logits, {0, 0, width, height}, height, width, {mask.data(), width});
        for (std::int64_t i = 0; i < height * width; ++i) {
            const auto &row = rows[static_cast<std::size_t>(i / width)];
            const auto &column = columns[static_cast<std::size_t>(i % width)];
            const float *above = logits.row(row.before) + column.before;
            const float *below = logits.row(row.before + 1) + column.before;
            const bool on = ioebss::arithmetic::is_foreground(above[0], above[1], below[0],
                                                              below[1], column.weight, row.weight);
            CHECK(mask[static_cast<std::size_t>(i)] == (on ? kObject : 0));
        }
    }
}

}  // namespace

int main(int, char **) {
    check_planes();
    check_shrinking();
    check_growing();
    check_borders();
    check_pyramid();
    check_obedience();
    check_enlargement();
    check_ties();
    return check::result();
}
