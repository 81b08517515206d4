#include "photo.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>

#include "error.h"

namespace ioebss::core {
namespace {

struct Order {
    int channels, red, green, blue;
};

// By ioebss_channels.
constexpr std::array<Order, 5> kOrders{
    {{3, 0, 1, 2}, {3, 2, 1, 0}, {4, 0, 1, 2}, {4, 2, 1, 0}, {1, 0, 0, 0}}};

bool is_stride(std::int64_t stride, std::int64_t row, std::int64_t height) {
    return stride >= row && stride <= std::numeric_limits<std::int64_t>::max() / height;
}

std::string sides(std::int64_t width, std::int64_t height) {
    return std::to_string(width) + "x" + std::to_string(height);
}

// The stride of a mask that is as large as the photo; a usage error if it is not.
std::int64_t mask_stride(const void *data, std::int64_t mask_width, std::int64_t mask_height,
                         std::int64_t stride, std::int64_t height, std::int64_t width) {
    if (data == nullptr) {
        throw usage_error("the mask has no pixels: data is NULL");
    }
    if (mask_width != width || mask_height != height) {
        throw usage_error("the mask has " + sides(mask_width, mask_height) + " pixels, the photo " +
                          sides(width, height));
    }
    if (stride != 0 && !is_stride(stride, width, height)) {
        throw usage_error("the mask's stride is " + std::to_string(stride) +
                          "; it must be 0 or at least its width, " + std::to_string(width));
    }
    return stride == 0 ? width : stride;
}

void copy_row(const std::uint8_t *from, const Order &order, std::int64_t width, std::uint8_t *to) {
    for (std::int64_t x = 0; x < width; ++x, from += order.channels, to += 3) {
        to[0] = from[order.red];
        to[1] = from[order.green];
        to[2] = from[order.blue];
    }
}

}  // namespace

Photo photo_of(const ioebss_image *image) {
    if (image == nullptr || image->data == nullptr || image->width < 1 || image->height < 1) {
        throw image_error("the photo has no pixels: give data, width and height");
    }
    const std::int64_t width = image->width, height = image->height;
    if (width * height > kMaxPixels) {
        throw image_error("the photo has more than " + std::to_string(kMaxPixels) +
                          " pixels; scale it down");
    }
    if (image->channels < 0 || static_cast<std::size_t>(image->channels) >= kOrders.size()) {
        throw image_error("the photo's order of channels is " + std::to_string(image->channels) +
                          "; take one of ioebss_channels");
    }
    const Order &order = kOrders[static_cast<std::size_t>(image->channels)];
    const std::int64_t row = width * order.channels;
    const std::int64_t stride = image->stride == 0 ? row : image->stride;
    if (!is_stride(stride, row, height)) {
        throw image_error("the photo's stride is " + std::to_string(stride) +
                          " bytes; it must be 0 or at least a row's, " + std::to_string(row));
    }
    Photo photo(height, width, 3);
    for (std::int64_t y = 0; y < height; ++y) {
        const std::uint8_t *from = image->data + y * stride;
        if (image->channels == IOEBSS_RGB) {
            std::copy_n(from, row, photo.row(y));
        } else {
            copy_row(from, order, width, photo.row(y));
        }
    }
    return photo;
}

Mask mask_of(const ioebss_mask_view &view, std::int64_t height, std::int64_t width) {
    std::int64_t stride =
        mask_stride(view.data, view.width, view.height, view.stride, height, width);
    Mask mask(height, width, 1);
    for (std::int64_t y = 0; y < height; ++y) {
        const std::uint8_t *from = view.data + y * stride;
        std::transform(from, from + width, mask.row(y),
                       [](std::uint8_t value) { return static_cast<std::uint8_t>(value != 0); });
    }
    return mask;
}

Rows<std::uint8_t> rows_of(const ioebss_mask &mask, std::int64_t height, std::int64_t width) {
    return {mask.data, mask_stride(mask.data, mask.width, mask.height, mask.stride, height, width)};
}

Rows<float> rows_of(float *data, std::int64_t stride, std::int64_t height, std::int64_t width) {
    constexpr std::int64_t kValue = sizeof(float);
    if (data == nullptr) {
        throw usage_error("there is no room for the probabilities: data is NULL");
    }
    if (stride != 0 && (stride % kValue != 0 || !is_stride(stride, width * kValue, height))) {
        throw usage_error("the stride of the probabilities is " + std::to_string(stride) +
                          " bytes; it must be 0 or a multiple of 4 from " +
                          std::to_string(width * kValue));
    }
    return {data, stride == 0 ? width : stride / kValue};
}

}  // namespace ioebss::core
