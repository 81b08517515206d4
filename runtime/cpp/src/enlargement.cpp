#include "enlargement.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "arithmetic.h"
#include "resampling.h"

namespace ioebss::core {
namespace {

using arithmetic::lerp;
using arithmetic::Source;

// Where logits go: rows and columns of the photo, and for each where it lies among the logits.
struct Place {
    std::int64_t x0, y0, x1, y1;
    std::vector<Source> rows, columns;

    Place(const Logits &logits, const Window &window, std::int64_t height, std::int64_t width)
        : x0(window.x0),
          y0(window.y0),
          x1(std::min(window.x1, width)),
          y1(std::min(window.y1, height)),
          rows(sources(logits.height(), y0, window.y1, y0, y1, y1 - y0)),
          columns(sources(logits.width(), x0, window.x1, x0, x1, x1 - x0)) {}

    std::size_t width() const { return columns.size(); }
};

// Two rows of logits, one above the other.
struct Pair {
    const float *above, *below;

    Pair(const Logits &logits, std::int64_t before)
        : above(logits.row(before)), below(logits.row(std::min(before + 1, logits.height() - 1))) {}
};

// The pixels between two rows of logits: those of one sign, and those to be interpolated.
class Cells {
  public:
    explicit Cells(const Place &place) : row_(place.width()) { mixed_.reserve(place.width()); }

    void look(const Pair &pair, std::int64_t logits_width, const Place &place) {
        mixed_.clear();
        int positive = 0;
        std::int64_t cell = -1, right = 0;
        for (std::size_t x = 0; x < row_.size(); ++x) {
            const std::int64_t left = place.columns[x].before;
            if (left != cell) {
                cell = left;
                right = std::min(left + 1, logits_width - 1);
                positive = (pair.above[left] > 0) + (pair.above[right] > 0) +
                           (pair.below[left] > 0) + (pair.below[right] > 0);
            }
            row_[x] = positive == 4 ? kObject : 0;
            if (positive != 0 && positive != 4) {
                const float weight = place.columns[x].weight;
                mixed_.push_back({x, lerp(pair.above[left], pair.above[right], weight),
                                  lerp(pair.below[left], pair.below[right], weight)});
            }
        }
    }

    void write(float down, std::uint8_t *row) const {
        std::memcpy(row, row_.data(), row_.size());
        for (const Between &pixel : mixed_) {
            row[pixel.x] = lerp(pixel.upper, pixel.lower, down) > 0 ? kObject : 0;
        }
    }

  private:
    struct Between {
        std::size_t x;
        float upper, lower;
    };
    std::vector<std::uint8_t> row_;
    std::vector<Between> mixed_;
};

void lerp_columns(const float *values, std::int64_t count, const Place &place,
                  std::vector<float> &result) {
    for (std::size_t x = 0; x < result.size(); ++x) {
        const Source &column = place.columns[x];
        const std::int64_t right = std::min<std::int64_t>(column.before + 1, count - 1);
        result[x] = lerp(values[column.before], values[right], column.weight);
    }
}

// Fills what lies outside the window with 0 and lets `inside(y, row)` write the rest, where y
// counts from the window's first row and `row` points to its first pixel.
template <typename T, typename Inside>
void fill(const Rows<T> &result, const Place &place, std::int64_t height, std::int64_t width,
          const Inside &inside) {
    for (std::int64_t y = 0; y < height; ++y) {
        T *row = result.row(y);
        if (y < place.y0 || y >= place.y1) {
            std::fill_n(row, width, T{0});
            continue;
        }
        std::fill_n(row, place.x0, T{0});
        inside(static_cast<std::size_t>(y - place.y0), row + place.x0);
        std::fill_n(row + place.x1, width - place.x1, T{0});
    }
}

}  // namespace

void logits_to_mask(const Logits &logits, const Window &window, std::int64_t height,
                    std::int64_t width, const Rows<std::uint8_t> &mask) {
    const Place place(logits, window, height, width);
    Cells cells(place);
    std::int64_t before = -1;
    fill(mask, place, height, width, [&](std::size_t y, std::uint8_t *row) {
        if (place.rows[y].before != before) {
            before = place.rows[y].before;
            cells.look(Pair(logits, before), logits.width(), place);
        }
        cells.write(place.rows[y].weight, row);
    });
}

void logits_to_probability(const Logits &logits, const Window &window, std::int64_t height,
                           std::int64_t width, const Rows<float> &probability) {
    const Place place(logits, window, height, width);
    std::vector<float> upper(place.width()), lower(place.width());
    std::int64_t before = -1;
    fill(probability, place, height, width, [&](std::size_t y, float *row) {
        if (place.rows[y].before != before) {
            before = place.rows[y].before;
            const Pair pair(logits, before);
            lerp_columns(pair.above, logits.width(), place, upper);
            lerp_columns(pair.below, logits.width(), place, lower);
        }
        for (std::size_t x = 0; x < place.width(); ++x) {
            row[x] = lerp(upper[x], lower[x], place.rows[y].weight);
        }
        sigmoids(row, static_cast<std::int64_t>(place.width()), row);
    });
}

}  // namespace ioebss::core
