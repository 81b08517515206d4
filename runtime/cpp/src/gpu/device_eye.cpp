#include "gpu/device_eye.h"

#include <algorithm>
#include <cstddef>
#include <new>
#include <utility>

#include "clock.h"
#include "error.h"
#include "pyramid.h"

namespace ioebss::core {
namespace {

constexpr std::int64_t kDiscs = 16;  // that a launch has threads for; more take several rounds

Box box_of(const Window &window, int level = 0) {
    return {static_cast<std::int32_t>(window.x0 >> level),
            static_cast<std::int32_t>(window.y0 >> level),
            static_cast<std::int32_t>(window.x1 >> level),
            static_cast<std::int32_t>(window.y1 >> level)};
}

bool same(const Click &a, const Click &b) { return a.x == b.x && a.y == b.y && a.label == b.label; }

std::int64_t largest_input(const Manifest &manifest, std::int64_t longest) {
    const auto [height, width] = manifest.input_size(1, 1, longest);
    return height * width;
}

template <typename T>
std::size_t bytes(std::int64_t count) {
    return sizeof(T) * static_cast<std::size_t>(count);
}

}  // namespace

DeviceEye::DeviceEye(const Photo &photo, const Manifest &manifest, const Driver &driver,
                     const Kernels &kernels, std::unique_ptr<Execution> execution,
                     std::int64_t longest)
    : manifest_(manifest),
      height_(photo.height()),
      width_(photo.width()),
      longest_(longest),
      driver_(driver),
      kernels_(kernels),
      largest_(largest_input(manifest, longest)),
      execution_(std::move(execution)),
      looking_(driver, execution_->capturable()),
      masking_(driver, true) {
    const Driver::Active active(driver);
    stream_ = driver.open_stream();
    device_parameters_ = driver.allocate(sizeof(Parameters));
    pinned_ = driver.allocate_pinned(sizeof(Parameters));
    input_ = driver.allocate(
        bytes<float>(static_cast<std::int64_t>(manifest.channels.size()) * largest_));
    logits_ = driver.allocate(bytes<float>(largest_));
    pinned_logits_ = driver.allocate_pinned(bytes<float>(largest_));
    mask_ = driver.allocate(bytes<std::uint8_t>(height_ * width_));
    pinned_mask_ = driver.allocate_pinned(bytes<std::uint8_t>(height_ * width_));
    rows_ = driver.allocate(bytes<Place>(height_));
    columns_ = driver.allocate(bytes<Place>(width_));
    place_parameters();
    levels_.emplace(photo, driver, kernels, stream_);
}

Prediction DeviceEye::look(const Window &asked, const Clicks &clicks, const Last &last) {
    const auto [height, width] = manifest_.input_size(asked.height(), asked.width(), longest_);
    const auto [level, window] = placed(asked, height, width);
    const Shown shown{level, window, height, width};
    Clicks cells = to_cells(clicks, window, height, width);
    // Nothing may fail when the GPU has another input than what is known of it.
    auto logits = std::make_shared<Logits>(height, width, 1);
    double network = 0;
    working([&] {
        show(shown);
        set_cells(cells);
        set_previous(last);
        const Clock clock;
        looking_.run([&] { enqueue_look(shown.height, shown.width); }, stream_);
        driver_.synchronise(stream_);
        network = clock.milliseconds();
    });
    std::copy_n(static_cast<const float *>(pinned_logits_.get()), logits->size(), logits->data());
    shown_ = shown;
    drawn_ = std::move(cells);
    held_ = logits;
    return {asked, window, std::move(logits), network};
}

void DeviceEye::mask(const Prediction &prediction, const Rows<std::uint8_t> &rows) {
    working([&] {
        hold(prediction);
        look().window = box_of(prediction.window);
        look().height = static_cast<std::int32_t>(prediction.logits->height());
        look().width = static_cast<std::int32_t>(prediction.logits->width());
        masking_.run([&] { enqueue_mask(); }, stream_);
        driver_.synchronise(stream_);
    });
    const auto *from = static_cast<const std::uint8_t *>(pinned_mask_.get());
    for (std::int64_t y = 0; y < height_; ++y, from += width_) {
        std::transform(from, from + width_, rows.row(y),
                       [](std::uint8_t on) { return on != 0 ? kObject : std::uint8_t{0}; });
    }
}

// -- what lies on the GPU

// What stays the same from look to look.
void DeviceEye::place_parameters() {
    new (pinned_.get()) Parameters{};
    Look &own = look();
    own.channels = static_cast<std::int32_t>(manifest_.channels.size());
    own.radius = manifest_.click_radius;
    own.input = device_pointer<float>(input_.get());
    own.logits = device_pointer<float>(logits_.get());
    own.last_logits = own.logits;
    own.cells =
        device_pointer<const std::int32_t>(device_parameters_.get() + offsetof(Parameters, cells));
    own.erased_cells =
        device_pointer<const std::int32_t>(device_parameters_.get() + offsetof(Parameters, erased));
    own.mask = device_pointer<std::uint8_t>(mask_.get());
    own.rows = device_pointer<Place>(rows_.get());
    own.columns = device_pointer<Place>(columns_.get());
    own.photo_height = static_cast<std::int32_t>(height_);
    own.photo_width = static_cast<std::int32_t>(width_);
}

// Does work with the driver active; after an error nothing is under way and nothing is known any
// more, so that the next look starts afresh.
void DeviceEye::working(const std::function<void()> &work) {
    const Driver::Active active(driver_);
    try {
        work();
    } catch (...) {
        forget();
        try {
            driver_.synchronise(stream_);
        } catch (const Error &) {  // NOLINT(bugprone-empty-catch): the one under way says more
        }
        throw;
    }
}

void DeviceEye::forget() {
    shown_.reset();
    drawn_.clear();
    held_.reset();
}

// Has a prediction's logits on the GPU.
void DeviceEye::hold(const Prediction &prediction) {
    if (held_ != prediction.logits) {
        held_.reset();
        driver_.upload(logits_.get(), prediction.logits->data(),
                       bytes<float>(prediction.logits->size()), stream_);
        held_ = prediction.logits;
    }
}

// -- the parameters of a look

// The window, and whether the input shows it already.
void DeviceEye::show(const Shown &shown) {
    const bool same_size = shown_ && shown_->height == shown.height && shown_->width == shown.width;
    if (!same_size) {
        looking_.forget();
    }
    const bool same_view =
        same_size && shown_->level == shown.level && shown_->window == shown.window;
    Look &own = look();
    own.repaint = own.clear = same_view ? 0 : 1;
    levels_->point(own, shown.level);
    own.region = box_of(shown.window, shown.level);
    own.window = box_of(shown.window);
    own.height = static_cast<std::int32_t>(shown.height);
    own.width = static_cast<std::int32_t>(shown.width);
}

// Which discs are drawn, and which erased: only what has changed, unless some must be erased, which
// others may overlap.
void DeviceEye::set_cells(const Clicks &cells) {
    Look &own = look();
    if (own.clear != 0) {
        drawn_.clear();
    }
    std::size_t kept = 0;
    while (kept < std::min(drawn_.size(), cells.size()) && same(drawn_[kept], cells[kept])) {
        ++kept;
    }
    auto write = [](auto first, auto last, auto &to) {
        std::transform(first, last, to.begin(), [](const Click &cell) {
            return Cell{static_cast<std::int32_t>(cell.x), static_cast<std::int32_t>(cell.y),
                        cell.label};
        });
    };
    write(cells.begin(), cells.end(), parameters().cells);
    write(drawn_.begin() + static_cast<std::ptrdiff_t>(kept), drawn_.end(), parameters().erased);
    own.cell_count = static_cast<std::int32_t>(cells.size());
    own.erased_count = static_cast<std::int32_t>(drawn_.size() - kept);
    own.first_drawn = own.erased_count > 0 ? 0 : static_cast<std::int32_t>(kept);
}

void DeviceEye::set_previous(const Last &last) {
    Look &own = look();
    if (last.nothing() || !manifest_.has_previous()) {
        own.previous = kNothing;
    } else if (last.start != nullptr) {
        own.previous = kMask;
        const auto size = bytes<std::uint8_t>(height_ * width_);
        if (!start_mask_) {
            start_mask_ = driver_.allocate(size);
            own.start_mask = device_pointer<const std::uint8_t>(start_mask_.get());
        }
        driver_.upload(start_mask_.get(), last.start->data(), size, stream_);
    } else {
        own.previous = kLogits;
        hold(*last.prediction);
        own.last_window = box_of(last.prediction->window);
        own.last_height = static_cast<std::int32_t>(last.prediction->logits->height());
        own.last_width = static_cast<std::int32_t>(last.prediction->logits->width());
    }
}

// -- the work

void DeviceEye::enqueue_look(std::int64_t height, std::int64_t width) {
    const std::int64_t pixels = height * width, edge = 2 * manifest_.click_radius + 1;
    upload_parameters();
    launch(Kernel::photo_to_planes, pixels);
    launch(Kernel::clear_planes, 2 * pixels);
    launch(Kernel::erase_discs, kDiscs * edge * edge);
    launch(Kernel::draw_discs, kDiscs * edge * edge);
    launch(Kernel::fill_previous, pixels);
    execution_->enqueue(input_.get(), logits_.get(),
                        static_cast<std::int64_t>(manifest_.channels.size()), height, width,
                        stream_);
    launch(Kernel::obey, 1);
    driver_.download(pinned_logits_.get(), logits_.get(), bytes<float>(pixels), stream_);
}

void DeviceEye::enqueue_mask() {
    upload_parameters();
    launch(Kernel::place_mask, height_ + width_);
    launch(Kernel::logits_to_mask, height_ * width_);
    driver_.download(pinned_mask_.get(), mask_.get(), bytes<std::uint8_t>(height_ * width_),
                     stream_);
}

void DeviceEye::upload_parameters() {
    driver_.upload(device_parameters_.get(), pinned_.get(), sizeof(Parameters), stream_);
}

void DeviceEye::launch(Kernel kernel, std::int64_t count) {
    kernels_.launch(kernel, count, device_parameters_.get(), stream_);
}

}  // namespace ioebss::core
