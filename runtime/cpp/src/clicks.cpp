#include "clicks.h"

#include <cmath>
#include <string>

#include "error.h"
#include "text.h"

namespace ioebss::core {
namespace {

std::int64_t pixel(double value, std::int64_t size, const std::string &axis) {
    if (!std::isfinite(value)) {
        throw click_error(axis + " = " + shown(value) +
                          " is not a finite number; give pixels of the photo");
    }
    if (!(value >= 0 && value < static_cast<double>(size))) {
        throw click_error(axis + " = " + shown(value) + " is outside the photo; " + axis +
                          " runs from 0 to " + std::to_string(size - 1));
    }
    return static_cast<std::int64_t>(value);
}

}  // namespace

Click make_click(double x, double y, std::int32_t label, std::int64_t width, std::int64_t height) {
    Click click{pixel(x, width, "x"), pixel(y, height, "y"), label};
    if (label != kForeground && label != kBackground) {
        throw click_error("label " + std::to_string(label) +
                          " is not a click label; use 1 for foreground, 0 for background");
    }
    return click;
}

Clicks make_clicks(const ioebss_click *clicks, std::size_t count, std::int64_t width,
                   std::int64_t height) {
    if (count > kMaxClicks) {
        throw click_error("more than " + std::to_string(kMaxClicks) +
                          " clicks on one photo; use fewer");
    }
    Clicks result;
    result.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        result.push_back(make_click(clicks[i].x, clicks[i].y, clicks[i].label, width, height));
    }
    return result;
}

}  // namespace ioebss::core
