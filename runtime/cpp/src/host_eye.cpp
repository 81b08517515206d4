#include "host_eye.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "clock.h"
#include "enlargement.h"
#include "obedience.h"
#include "planes.h"
#include "resampling.h"

namespace ioebss::core {
namespace {

constexpr std::int64_t kColours = 3, kPlanes = 2;  // channels, in the manifest's order

void mirror(const float *from, std::int64_t rows, std::int64_t width, float *to) {
    for (std::int64_t y = 0; y < rows; ++y) {
        std::reverse_copy(from + y * width, from + (y + 1) * width, to + y * width);
    }
}

}  // namespace

HostEye::HostEye(Photo photo, const Manifest &manifest, const Backend &backend,
                 std::int64_t longest, bool flip, Cancellation &cancellation)
    : manifest_(manifest),
      backend_(backend),
      longest_(longest),
      flip_(flip),
      cancellation_(cancellation),
      pyramid_(std::move(photo)),
      whole_{0, 0, pyramid_.width(), pyramid_.height()} {
    const auto [height, width] = manifest_.input_size(whole_.height(), whole_.width(), longest_);
    whole_view_ = pyramid_.view(whole_, height, width);
}

void HostEye::mask(const Prediction &prediction, const Rows<std::uint8_t> &rows) {
    logits_to_mask(*prediction.logits, prediction.window, height(), width(), rows);
}

// A window's colours. The whole photo's and the last two's are kept.
const View &HostEye::view(const Window &window) {
    if (window == whole_) {
        return whole_view_;
    }
    const auto shows = [&window](const View &view) {
        return !view.colours.empty() && view.asked == window;
    };
    auto &[newest, before] = last_views_;
    if (!shows(newest)) {
        std::swap(newest, before);
    }
    if (!shows(newest)) {
        const auto [height, width] =
            manifest_.input_size(window.height(), window.width(), longest_);
        newest = pyramid_.view(window, height, width);
    }
    return newest;
}

Prediction HostEye::look(const Window &asked, const Clicks &clicks, const Last &last) {
    const View &shown = view(asked);
    const std::int64_t plane = shown.height * shown.width;
    const auto channels = static_cast<std::int64_t>(manifest_.channels.size());
    if (!painted_ || !(*painted_ == asked)) {
        painted_.reset();
        input_.resize(static_cast<std::size_t>(channels * plane));
        std::copy(shown.colours.begin(), shown.colours.end(), input_.begin());
        painted_ = asked;
    }
    const Clicks cells = to_cells(clicks, shown.window, shown.height, shown.width);
    rasterise(cells, shown.height, shown.width, manifest_.click_radius,
              input_.data() + kColours * plane);
    if (manifest_.has_previous()) {
        fill_previous(last, shown, input_.data() + (kColours + kPlanes) * plane);
    }
    auto logits = std::make_shared<Logits>(shown.height, shown.width, 1);
    const Clock clock;
    run(shown.height, shown.width, *logits);
    const double network = clock.milliseconds();
    obey(*logits, cells);
    return {asked, shown.window, std::move(logits), network};
}

void HostEye::run(std::int64_t height, std::int64_t width, Logits &logits) {
    backend_.run(input_.data(), height, width, logits.data(), cancellation_);
    if (!flip_) {
        return;
    }
    mirrored_.resize(input_.size());
    const auto channels = static_cast<std::int64_t>(manifest_.channels.size());
    mirror(input_.data(), channels * height, width, mirrored_.data());
    Logits answer(height, width, 1);
    backend_.run(mirrored_.data(), height, width, answer.data(), cancellation_);
    for (std::int64_t y = 0; y < height; ++y) {
        float *row = logits.row(y);
        const float *other = answer.row(y) + width - 1;
        for (std::int64_t x = 0; x < width; ++x) {
            row[x] = 0.5F * (row[x] + other[-x]);
        }
    }
}

void HostEye::fill_previous(const Last &last, const View &view, float *plane) {
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
        sigmoids(last.prediction->logits->data(), last.prediction->logits->size(), plane);
    } else {
        const Logits &logits = *last.prediction->logits;
        probability_.resize(static_cast<std::size_t>(logits.size()));
        sigmoids(logits.data(), logits.size(), probability_.data());
        moved(probability_.data(), logits.height(), logits.width(), last.prediction->window, window,
              view.height, view.width, plane);
    }
}

}  // namespace ioebss::core
