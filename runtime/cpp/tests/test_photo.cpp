// Views of the caller's memory: what is taken from them, and what is refused.
#include <cstdint>
#include <limits>
#include <vector>

#include "check.h"
#include "photo.h"

using namespace ioebss::core;

namespace {

constexpr std::int64_t kFar = std::numeric_limits<std::int64_t>::max();

bool refused(const ioebss_image &image, const std::string &part) {
    return check::throws(IOEBSS_ERROR_IMAGE, part, [&] { photo_of(&image); });
}

void check_orders() {
    // One row of a pixel and of what follows it, then one of another pixel: a stride of 8.
    const std::vector<std::uint8_t> bytes{1, 2, 3, 4, 9, 9, 9, 9, 5, 6, 7, 8};
    const struct {
        ioebss_channels order;
        std::uint8_t above[3], below[3];
    } expected[] = {{IOEBSS_RGB, {1, 2, 3}, {5, 6, 7}},
                    {IOEBSS_BGR, {3, 2, 1}, {7, 6, 5}},
                    {IOEBSS_RGBA, {1, 2, 3}, {5, 6, 7}},
                    {IOEBSS_BGRA, {3, 2, 1}, {7, 6, 5}},
                    {IOEBSS_GREY, {1, 1, 1}, {5, 5, 5}}};
    for (const auto &[order, above, below] : expected) {
        const ioebss_image image{bytes.data(), 1, 2, 8, order};
        const Photo photo = photo_of(&image);
        for (int c = 0; c < 3; ++c) {
            CHECK(photo.row(0)[c] == above[c]);
            CHECK(photo.row(1)[c] == below[c]);
        }
    }
}

void check_refusals() {
    const std::uint8_t pixel[4] = {};
    CHECK(check::throws(IOEBSS_ERROR_IMAGE, "no pixels", [] { photo_of(nullptr); }));
    CHECK(refused({nullptr, 1, 1, 0, IOEBSS_RGB}, "no pixels"));
    CHECK(refused({pixel, 0, 1, 0, IOEBSS_RGB}, "no pixels"));
    CHECK(refused({pixel, 1, -1, 0, IOEBSS_RGB}, "no pixels"));
    CHECK(refused({pixel, 1, 1, 0, 5}, "order of channels"));
    CHECK(refused({pixel, 1, 1, 0, -1}, "order of channels"));
    CHECK(refused({pixel, 1, 1, 2, IOEBSS_RGB}, "stride is 2"));
    CHECK(refused({pixel, 1, 1, -3, IOEBSS_RGB}, "stride is -3"));
    CHECK(refused({pixel, 1, 2, kFar, IOEBSS_RGB}, "stride is"));
    // Refused before anything is read or allocated.
    CHECK(refused({pixel, 120'000'001, 1, 0, IOEBSS_GREY}, "more than 120000000 pixels"));
    CHECK(refused({pixel, 2147483647, 2147483647, 0, IOEBSS_RGBA}, "more than 120000000 pixels"));
}

void check_masks() {
    std::uint8_t bytes[] = {0, 1, 7, 255, 0, 0};
    const Mask mask = mask_of({bytes, 2, 2, 3}, 2, 2);
    CHECK(mask.row(0)[0] == 0 && mask.row(0)[1] == 1 && mask.row(1)[0] == 1 && mask.row(1)[1] == 0);
    for (const ioebss_mask &wrong :
         {ioebss_mask{nullptr, 2, 2, 0}, ioebss_mask{bytes, 2, 3, 0}, ioebss_mask{bytes, 3, 2, 0},
          ioebss_mask{bytes, 2, 2, 1}, ioebss_mask{bytes, 2, 2, kFar}}) {
        CHECK(check::throws(IOEBSS_ERROR_USAGE, "mask", [&] { rows_of(wrong, 2, 2); }));
    }
    float values[6] = {};
    CHECK(rows_of(values, 12, 2, 2).row(1) == values + 3);
    CHECK(rows_of(values, 0, 2, 2).row(1) == values + 2);
    for (std::int64_t stride : {std::int64_t{4}, std::int64_t{9}, std::int64_t{-8}, kFar}) {
        CHECK(check::throws(IOEBSS_ERROR_USAGE, "stride", [&] { rows_of(values, stride, 2, 2); }));
    }
    CHECK(check::throws(IOEBSS_ERROR_USAGE, "data is NULL", [] { rows_of(nullptr, 0, 2, 2); }));
}

}  // namespace

int main(int, char **) {
    check_orders();
    check_refusals();
    check_masks();
    return check::result();
}
