#include "prediction.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "arithmetic.h"
#include "details.h"
#include "forgetting.h"
#include "islands.h"
#include "opinions.h"

namespace ioebss::core {
namespace {

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

}  // namespace

Predictor::Predictor(std::unique_ptr<Eye> eye, const std::optional<Zoom> &zoom)
    : eye_(std::move(eye)), zoom_(zoom), whole_{0, 0, eye_->width(), eye_->height()} {}

Prediction Predictor::predict(const Clicks &clicks, const Last &last, bool given) {
    if (!zoom_) {
        return eye_->look(whole_, clicks, last);
    }
    if (!last.nothing()) {
        return later(clicks, last, given);
    }
    Prediction coarse = found(clicks, given);
    const Window window = new_window(extent(clicks, {&coarse, nullptr}));
    const bool small =
        static_cast<double>(window.area()) < zoom_->first * static_cast<double>(whole_.area());
    if (coarse.asked == whole_ && !small) {
        return coarse;
    }
    Prediction fine = cleared(clicks, eye_->look(window, clicks, {&coarse, nullptr}), given);
    fine.network += coarse.network;
    return fine;
}

// What is seen on the whole photo; where the network is unsure of that after one click, on the
// click's surroundings, if it is surer of that.
Prediction Predictor::found(const Clicks &clicks, bool given) {
    Prediction whole = cleared(clicks, eye_->look(whole_, clicks, {}), given);
    if (given || clicks.size() > 1 || !zoom_->unsure) {
        return whole;
    }
    const Click &click = clicks.front();
    const double sure = sureness(whole, click);
    if (sure > *zoom_->unsure) {
        return whole;
    }
    const Window seen = new_window(extent(clicks, {&whole, nullptr}));
    const Window near = surroundings(*zoom_, click, seen, height(), width());
    if (near == whole_) {
        return whole;
    }
    Prediction other = cleared(clicks, eye_->look(near, clicks, {}), given);
    const double network = whole.network + other.network;
    Prediction surer = sureness(other, click) > sure ? std::move(other) : std::move(whole);
    surer.network = network;
    return surer;
}

// The object, and after some clicks the surroundings of the newest once more.
Prediction Predictor::later(const Clicks &clicks, const Last &last, bool given) {
    const Last shown = !given && is_forgotten(clicks, last) ? Last{} : last;
    Prediction answer = eye_->look(next_window(clicks, last), clicks, shown);
    const bool few = last.prediction != nullptr &&
                     static_cast<std::int64_t>(clicks.size()) <= zoom_->detail_after;
    std::optional<Window> window;
    if (zoom_->detail != 0 && !few) {
        window = detail_window(*zoom_, clicks.back(), answer.asked, height(), width());
    }
    if (!window) {
        return cleared(clicks, std::move(answer), given);
    }
    Clicks seen;
    std::copy_if(clicks.begin(), clicks.end(), std::back_inserter(seen),
                 [&window](const Click &click) { return window->shows(click); });
    const Prediction detail = eye_->look(*window, seen, {&answer, nullptr});
    return cleared(clicks, with_detail(answer, detail, clicks, height(), width()), given);
}

// Whether the network is shown nothing of what was predicted.
bool Predictor::is_forgotten(const Clicks &clicks, const Last &last) const {
    return zoom_->forget && last.prediction != nullptr &&
           is_contradicted(*last.prediction, clicks, *zoom_->forget);
}

// The answer without islands, where they are to go.
Prediction Predictor::cleared(const Clicks &clicks, Prediction answer, bool given) const {
    if (given || !zoom_->islands) {
        return answer;
    }
    return without_islands(std::move(answer), clicks, *zoom_->islands);
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
    const bool fits = kept.holds(widened(*taken, zoom_->keep, width(), height()));
    const bool much_larger =
        static_cast<double>(kept.area()) > kMuchLarger * static_cast<double>(fresh.area());
    return fits && !much_larger ? kept : fresh;
}

Window Predictor::new_window(const std::optional<Window> &extent) const {
    if (!extent) {
        return whole_;
    }
    return around(*extent, zoom_->margin, zoom_->min_side, width(), height());
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
    const Logits &logits = *last.prediction->logits;
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

}  // namespace ioebss::core
