#include "prediction.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "arithmetic.h"
#include "clock.h"
#include "obedience.h"
#include "planes.h"
#include "resampling.h"

namespace ioebss::core {
namespace {

constexpr std::int64_t kColours = 3, kPlanes = 2;  // channels, in the manifest's order
// A window is not kept when its area is so many times that of a new one.
constexpr double kMuchLarger = 1.5;

// Which of `count` rows or columns hold something.
struct Range {
    std::int64_t first, last;
};

// First and last row and column where `solid(y, x)` holds; none if nowhere.
template <typename Solid>
std::optional<std::pair<Range, Range>> bounds(std::int64_t height, std::int64_t width,
                                              const Solid &solid) {
    Range rows{height, -1}, columns{width, -1};
    for (std::int64_t y = 0; y < height; ++y) {
        std::int64_t first = 0, last = width - 1;
        while (first < width && !solid(y, first)) {
            ++first;
        }
        if (first == width) {
            continue;
        }
        while (!solid(y, last)) {
            --last;
        }
        rows = {std::min(rows.first, y), y};
        columns = {std::min(columns.first, first), std::max(columns.last, last)};
    }
    if (rows.last < 0) {
        return std::nullopt;
    }
    return std::pair{rows, columns};
}

Clicks to_cells(const Clicks &clicks, const View &view) {
    Clicks cells;
    cells.reserve(clicks.size());
    const Window &window = view.window;
    for (const Click &click : clicks) {
        cells.push_back({arithmetic::to_network(click.x - window.x0, window.width(), view.width),
                         arithmetic::to_network(click.y - window.y0, window.height(), view.height),
                         click.label});
    }
    return cells;
}

void mirror(const float *from, std::int64_t rows, std::int64_t width, float *to) {
    for (std::int64_t y = 0; y < rows; ++y) {
        std::reverse_copy(from + y * width, from + (y + 1) * width, to + y * width);
    }
}

}  // namespace

Predictor::Predictor(Photo photo, const Manifest &manifest, const Backend &backend,
                     const Habits &habits)
    : manifest_(manifest),
      backend_(backend),
      habits_(habits),
      pyramid_(std::move(photo)),
      whole_{0, 0, pyramid_.width(), pyramid_.height()} {
    const auto [height, width] =
        manifest_.input_size(whole_.height(), whole_.width(), habits_.longest);
    whole_view_ = pyramid_.view(whole_, height, width);
}

Prediction Predictor::predict(const Clicks &clicks, const Last &last) {
    if (!habits_.zoom) {
        return look(whole_, clicks, last);
    }
    if (!last.nothing()) {
        return look(next_window(clicks, last), clicks, last);
    }
    Prediction coarse = look(whole_, clicks, {});
    const Window window = new_window(extent(clicks, {&coarse, nullptr}));
    if (static_cast<double>(window.area()) >=
        habits_.zoom->first * static_cast<double>(whole_.area())) {
        return coarse;
    }
    Prediction fine = look(window, clicks, {&coarse, nullptr});
    fine.network += coarse.network;
    return fine;
}

// -- where to look

// The window of the last prediction, as long as it fits, else a new one.
Window Predictor::next_window(const Clicks &clicks, const Last &last) const {
    const std::optional<Window> taken = extent(clicks, last);
    const Window fresh = new_window(taken);
    if (last.prediction == nullptr || !taken) {
        return fresh;
    }
    const Window &kept = last.prediction->asked;
    const bool fits = kept.holds(widened(*taken, habits_.zoom->keep, width(), height()));
    const bool much_larger =
        static_cast<double>(kept.area()) > kMuchLarger * static_cast<double>(fresh.area());
    return fits && !much_larger ? kept : fresh;
}

Window Predictor::new_window(const std::optional<Window> &extent) const {
    if (!extent) {
        return whole_;
    }
    return around(*extent, habits_.zoom->margin, habits_.zoom->min_side, width(), height());
}

// The part of the photo that the last mask and all clicks take; none if the mask is empty: the
// object may be anywhere.
std::optional<Window> Predictor::extent(const Clicks &clicks, const Last &last) const {
    const std::optional<Window> mask = extent_of_mask(last), marked = extent_of(clicks);
    return mask && marked ? std::optional(mask->joined(*marked)) : std::nullopt;
}

std::optional<Window> Predictor::extent_of_mask(const Last &last) const {
    if (last.prediction == nullptr) {
        const Mask &mask = *last.start;
        const auto found = bounds(mask.height(), mask.width(),
                                  [&mask](auto y, auto x) { return mask.row(y)[x] != 0; });
        if (!found) {
            return std::nullopt;
        }
        const auto &[rows, columns] = *found;
        return Window{columns.first, rows.first, columns.last + 1, rows.last + 1};
    }
    using arithmetic::floor_divided;
    const Logits &logits = last.prediction->logits;
    const Window &window = last.prediction->window;
    const auto found = bounds(logits.height(), logits.width(),
                              [&logits](auto y, auto x) { return logits.row(y)[x] > 0; });
    if (!found) {
        return std::nullopt;
    }
    const auto &[rows, columns] = *found;
    return Window{window.x0 + floor_divided(columns.first * window.width(), logits.width()),
                  window.y0 + floor_divided(rows.first * window.height(), logits.height()),
                  std::min(width(), window.x0 - floor_divided(-(columns.last + 1) * window.width(),
                                                              logits.width())),
                  std::min(height(), window.y0 - floor_divided(-(rows.last + 1) * window.height(),
                                                               logits.height()))};
}

// -- looking

// A window's colours. The whole photo's and the last one's are kept.
const View &Predictor::view(const Window &window) {
    if (window == whole_) {
        return whole_view_;
    }
    if (last_view_.colours.empty() || !(last_view_.asked == window)) {
        const auto [height, width] =
            manifest_.input_size(window.height(), window.width(), habits_.longest);
        last_view_ = pyramid_.view(window, height, width);
    }
    return last_view_;
}

Prediction Predictor::look(const Window &asked, const Clicks &clicks, const Last &last) {
    const View &shown = view(asked);
    const std::int64_t plane = shown.height * shown.width;
    const auto channels = static_cast<std::int64_t>(manifest_.channels.size());
    if (!painted_ || !(*painted_ == asked)) {
        painted_.reset();
        input_.resize(static_cast<std::size_t>(channels * plane));
        std::copy(shown.colours.begin(), shown.colours.end(), input_.begin());
        painted_ = asked;
    }
    const Clicks cells = to_cells(clicks, shown);
    rasterise(cells, shown.height, shown.width, manifest_.click_radius,
              input_.data() + kColours * plane);
    if (manifest_.has_previous()) {
        fill_previous(last, shown, input_.data() + (kColours + kPlanes) * plane);
    }
    Prediction prediction{asked, shown.window, Logits(shown.height, shown.width, 1), 0.0};
    const Clock clock;
    run(shown.height, shown.width, prediction.logits);
    prediction.network = clock.milliseconds();
    obey(prediction.logits, cells);
    return prediction;
}

void Predictor::run(std::int64_t height, std::int64_t width, Logits &logits) {
    backend_.run(input_.data(), height, width, logits.data());
    if (!habits_.flip) {
        return;
    }
    mirrored_.resize(input_.size());
    const auto channels = static_cast<std::int64_t>(manifest_.channels.size());
    mirror(input_.data(), channels * height, width, mirrored_.data());
    Logits answer(height, width, 1);
    backend_.run(mirrored_.data(), height, width, answer.data());
    for (std::int64_t y = 0; y < height; ++y) {
        float *row = logits.row(y);
        const float *other = answer.row(y) + width - 1;
        for (std::int64_t x = 0; x < width; ++x) {
            row[x] = 0.5F * (row[x] + other[-x]);
        }
    }
}

void Predictor::fill_previous(const Last &last, const View &view, float *plane) {
    const Window &window = view.window;
    if (last.nothing()) {
        std::fill_n(plane, view.height * view.width, 0.0F);
    } else if (last.start != nullptr) {
        // Beyond the photo's border, which the window may cross, nothing is set.
        const Mask &mask = *last.start;
        to_network({mask.row(window.y0) + window.x0, mask.width(), 1, window.height(),
                    window.width(), std::min(window.height(), mask.height() - window.y0),
                    std::min(window.width(), mask.width() - window.x0)},
                   view.height, view.width, plane);
    } else if (last.prediction->window == window) {
        sigmoids(last.prediction->logits.data(), last.prediction->logits.size(), plane);
    } else {
        const Logits &logits = last.prediction->logits;
        probability_.resize(static_cast<std::size_t>(logits.size()));
        sigmoids(logits.data(), logits.size(), probability_.data());
        moved(probability_.data(), logits.height(), logits.width(), last.prediction->window, window,
              view.height, view.width, plane);
    }
}

}  // namespace ioebss::core
