// Photos and masks of the caller, checked; and the session's own copies.
#pragma once

#include <cstdint>
#include <memory>

#include "ioebss/ioebss.h"

namespace ioebss::core {

constexpr std::int64_t kMaxPixels = IOEBSS_MAX_PIXELS;

// Values of `channels` a pixel, rows without gaps.
template <typename T>
class Raster {
  public:
    Raster() = default;
    // Not initialised.
    Raster(std::int64_t height, std::int64_t width, std::int64_t channels)
        : height_(height),
          width_(width),
          channels_(channels),
          data_(new T[static_cast<std::size_t>(height * width * channels)]) {}

    std::int64_t height() const { return height_; }
    std::int64_t width() const { return width_; }
    std::int64_t size() const { return height_ * width_ * channels_; }
    T *row(std::int64_t y) { return data_.get() + y * width_ * channels_; }
    const T *row(std::int64_t y) const { return data_.get() + y * width_ * channels_; }
    T *data() { return data_.get(); }
    const T *data() const { return data_.get(); }

  private:
    std::int64_t height_ = 0, width_ = 0, channels_ = 0;
    std::unique_ptr<T[]> data_;
};

using Photo = Raster<std::uint8_t>;  // red, green, blue
using Mask = Raster<std::uint8_t>;   // 1 on the object, 0 off it
using Logits = Raster<float>;        // foreground minus background

constexpr std::uint8_t kObject = 255;  // in the caller's masks

// Rows of the caller to be written, checked.
template <typename T>
struct Rows {
    T *data = nullptr;
    std::int64_t pitch = 0;  // in values of T

    T *row(std::int64_t y) const { return data + y * pitch; }
};

// A copy of the caller's photo. Throws an image error: no pixels, too many, an unknown order of
// channels, a stride that is shorter than a row or reaches out of memory.
Photo photo_of(const ioebss_image *image);

// A copy of the caller's mask for a photo of this size. Throws a usage error if it does not fit.
Mask mask_of(const ioebss_mask_view &view, std::int64_t height, std::int64_t width);

// Where a mask of a photo of this size goes. Throws a usage error if it does not fit.
Rows<std::uint8_t> rows_of(const ioebss_mask &mask, std::int64_t height, std::int64_t width);

// Where probabilities of a photo of this size go. Throws a usage error.
Rows<float> rows_of(float *data, std::int64_t stride, std::int64_t height, std::int64_t width);

}  // namespace ioebss::core
