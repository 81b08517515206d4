#include "gpu/levels.h"

#include <new>
#include <utility>

namespace ioebss::core {

DeviceLevels::DeviceLevels(const Photo &photo, const Driver &driver, const Kernels &kernels,
                           const Stream &stream)
    : driver_(driver),
      kernels_(kernels),
      stream_(stream),
      parameters_(driver.allocate(sizeof(Look))),
      pinned_(driver.allocate_pinned(sizeof(Look))) {
    const auto size = static_cast<std::size_t>(photo.size());
    levels_.push_back({driver.allocate(size), photo.height(), photo.width()});
    driver.upload(levels_.front().memory.get(), photo.data(), size, stream);
}

void DeviceLevels::point(Look &look, int level) {
    while (levels_.size() <= static_cast<std::size_t>(level)) {
        halve();
    }
    const Level &shown = levels_[static_cast<std::size_t>(level)];
    look.photo = device_pointer<const std::uint8_t>(shown.memory.get());
    look.photo_pitch = shown.width;
}

void DeviceLevels::halve() {
    const Level &last = levels_.back();
    const std::int64_t height = (last.height + 1) / 2, width = (last.width + 1) / 2;
    Level half{driver_.allocate(static_cast<std::size_t>(3 * height * width)), height, width};
    Look *look = new (pinned_.get()) Look{};
    look->photo = device_pointer<const std::uint8_t>(last.memory.get());
    look->photo_pitch = last.width;
    look->halved = device_pointer<std::uint8_t>(half.memory.get());
    look->level_height = static_cast<std::int32_t>(last.height);
    look->level_width = static_cast<std::int32_t>(last.width);
    driver_.upload(parameters_.get(), look, sizeof *look, stream_);
    kernels_.launch(Kernel::halve, height * width, parameters_.get(), stream_);
    driver_.synchronise(stream_);  // the parameters are free for the next level
    levels_.push_back(std::move(half));
}

}  // namespace ioebss::core
