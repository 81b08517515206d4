#include "resampling.h"

#include <algorithm>
#include <limits>

namespace ioebss::core {
namespace {

using arithmetic::Source;

// The taps of all results along one axis, as tables.
template <typename Sum>
struct TapTable {
    struct Entry {
        std::int64_t first, count, weight;  // `weight`: index of the first one
    };
    std::vector<Entry> entries;
    std::vector<Sum> weights;
    std::int64_t total = 1;

    TapTable(std::int64_t length, std::int64_t count, std::int64_t there) {
        entries.reserve(static_cast<std::size_t>(count));
        for (std::int64_t i = 0; i < count; ++i) {
            arithmetic::Taps taps = arithmetic::taps(length, count, i);
            total = taps.total;
            std::int64_t last = std::max(taps.first, std::min(taps.last, there));
            entries.push_back(
                {taps.first, last - taps.first, static_cast<std::int64_t>(weights.size())});
            for (std::int64_t j = taps.first; j < last; ++j) {
                weights.push_back(static_cast<Sum>(taps.weight(j)));
            }
        }
    }
};

// A region with its axes named by their order in the computation: the inner one is summed up last.
struct Layout {
    const std::uint8_t *data;
    std::int64_t channels;
    std::int64_t outer_stride, inner_stride;  // in bytes
    std::int64_t outer_there, inner_there;
    std::int64_t outer_count, inner_count;                // of results
    std::int64_t outer_result, inner_result, plane_size;  // strides in values
};

// Adds `weight` times a line of the image.
template <typename Sum>
void add_line(const Layout &layout, const std::uint8_t *line, Sum weight, Sum *sums) {
    if (layout.inner_stride == layout.channels) {
        const std::int64_t count = layout.inner_there * layout.channels;
        for (std::int64_t i = 0; i < count; ++i) {
            sums[i] += weight * line[i];
        }
        return;
    }
    for (std::int64_t i = 0; i < layout.inner_there; ++i, line += layout.inner_stride) {
        for (std::int64_t c = 0; c < layout.channels; ++c) {
            *sums++ += weight * line[c];
        }
    }
}

template <typename Sum>
void resample(const Layout &layout, const TapTable<Sum> &outer, const TapTable<Sum> &inner,
              float *planes) {
    const std::int64_t whole = outer.total * inner.total;
    std::vector<Sum> sums(static_cast<std::size_t>(layout.inner_there * layout.channels));
    for (std::int64_t i = 0; i < layout.outer_count; ++i) {
        std::fill(sums.begin(), sums.end(), Sum{0});
        const auto &line = outer.entries[static_cast<std::size_t>(i)];
        for (std::int64_t k = 0; k < line.count; ++k) {
            add_line(layout, layout.data + (line.first + k) * layout.outer_stride,
                     outer.weights[static_cast<std::size_t>(line.weight + k)], sums.data());
        }
        for (std::int64_t c = 0; c < layout.channels; ++c) {
            float *result = planes + c * layout.plane_size + i * layout.outer_result;
            for (const auto &entry : inner.entries) {
                const Sum *from = sums.data() + entry.first * layout.channels + c;
                const Sum *weights = inner.weights.data() + entry.weight;
                Sum sum{0};
                for (std::int64_t k = 0; k < entry.count; ++k, from += layout.channels) {
                    sum += weights[k] * *from;
                }
                *result = arithmetic::mean_of(sum, whole);
                result += layout.inner_result;
            }
        }
    }
}

// Photos become 32-bit sums where these cannot overflow.
template <typename Sum>
void resample(const Layout &layout, std::int64_t outer_length, std::int64_t inner_length,
              float *planes) {
    resample(layout, TapTable<Sum>(outer_length, layout.outer_count, layout.outer_there),
             TapTable<Sum>(inner_length, layout.inner_count, layout.inner_there), planes);
}

std::int64_t total_of(std::int64_t length, std::int64_t count) {
    return arithmetic::taps(length, count, 0).total;
}

}  // namespace

void to_network(const Region &region, std::int64_t height, std::int64_t width, float *planes) {
    Layout layout{region.data,    region.channels, region.pitch, region.channels, region.rows,
                  region.columns, height,          width,        width,           1,
                  height * width};
    std::int64_t outer_length = region.height, inner_length = region.width;
    if (height * region.width > 4 * width * region.height) {  // far wider than what it becomes
        std::swap(layout.outer_stride, layout.inner_stride);
        std::swap(layout.outer_there, layout.inner_there);
        std::swap(layout.outer_count, layout.inner_count);
        std::swap(layout.outer_result, layout.inner_result);
        std::swap(outer_length, inner_length);
    }
    const std::int64_t whole =
        total_of(outer_length, layout.outer_count) * total_of(inner_length, layout.inner_count);
    if (255 * whole <= std::numeric_limits<std::int32_t>::max()) {
        resample<std::int32_t>(layout, outer_length, inner_length, planes);
    } else {
        resample<std::int64_t>(layout, outer_length, inner_length, planes);
    }
}

void sigmoids(const float *logits, std::int64_t count, float *result) {
    for (std::int64_t i = 0; i < count; ++i) {
        result[i] = arithmetic::sigmoid(logits[i]);
    }
}

std::vector<Source> sources(std::int64_t length, std::int64_t start, std::int64_t end,
                            std::int64_t first, std::int64_t last, std::int64_t count) {
    const arithmetic::Axis axis = arithmetic::axis(length, start, end, first, last, count);
    std::vector<Source> result;
    result.reserve(static_cast<std::size_t>(count));
    for (std::int64_t i = 0; i < count; ++i) {
        result.push_back(axis.at(i));
    }
    return result;
}

void moved(const float *values, std::int64_t value_height, std::int64_t value_width,
           const Window &window, const Window &target, std::int64_t height, std::int64_t width,
           float *result) {
    const auto rows = sources(value_height, window.y0, window.y1, target.y0, target.y1, height);
    const auto columns = sources(value_width, window.x0, window.x1, target.x0, target.x1, width);
    for (std::int64_t y = 0; y < height; ++y, result += width) {
        const Source &row = rows[static_cast<std::size_t>(y)];
        if (!row.inside) {
            std::fill_n(result, width, 0.0F);
            continue;
        }
        const float *above = values + row.before * value_width;
        const float *below = row.before + 1 < value_height ? above + value_width : above;
        for (std::int64_t x = 0; x < width; ++x) {
            const Source &column = columns[static_cast<std::size_t>(x)];
            const std::int64_t left = column.before;
            const std::int64_t right = std::min(left + 1, value_width - 1);
            float upper = arithmetic::lerp(above[left], above[right], column.weight);
            float lower = arithmetic::lerp(below[left], below[right], column.weight);
            result[x] = column.inside ? arithmetic::lerp(upper, lower, row.weight) : 0.0F;
        }
    }
}

}  // namespace ioebss::core
