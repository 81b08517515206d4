// The kernels of one look at a photo. Each goes through its pixels with a grid-stride loop, so any
// grid and block will do; a single thread does too, which is how the host build runs the same text.
#include "arithmetic.h"
#include "look.h"

using namespace ioebss;
using namespace ioebss::arithmetic;
using std::int64_t;
using std::uint8_t;

#define FOR_EACH(index, count)                                                                \
    for (int64_t index = int64_t{blockIdx.x} * blockDim.x + threadIdx.x, index##_end = (count); \
         index < index##_end; index += int64_t{gridDim.x} * blockDim.x)

namespace {

constexpr int kPlanes = 3;    // channel of the positive plane; the negative one follows
constexpr int kPrevious = 5;  // channel of the previous mask

__device__ int64_t area(const Look &look) { return int64_t{look.height} * look.width; }

// The side of a disc that each cell is drawn with.
__device__ int side(int radius) { return 2 * radius + 1; }

// The plane's pixel that is number `index` of those around all cells, or null where it lies outside
// the plane or off the disc.
__device__ float *disc_pixel(const Look &look, const int32_t *cells, int64_t index) {
    int64_t edge = side(look.radius);
    const int32_t *cell = cells + index / (edge * edge) * 3;
    int dy = static_cast<int>(index / edge % edge) - look.radius;
    int dx = static_cast<int>(index % edge) - look.radius;
    int x = cell[0] + dx, y = cell[1] + dy;
    if (x < 0 || y < 0 || x >= look.width || y >= look.height || !on_disc(dx, dy, look.radius)) {
        return nullptr;
    }
    int plane = cell[2] == 1 ? kPlanes : kPlanes + 1;
    return look.input + plane * area(look) + int64_t{y} * look.width + x;
}

// The weighted sum of one channel of a region over the taps of a result's pixel.
__device__ float resampled(const uint8_t *pixels, int64_t pitch, int stride, const Taps &rows,
                           const Taps &columns, int64_t height, int64_t width) {
    int64_t sum = 0;
    for (int64_t y = rows.first; y < least(rows.last, height); ++y) {
        int64_t across = 0;
        const uint8_t *row = pixels + y * pitch;
        for (int64_t x = columns.first; x < least(columns.last, width); ++x) {
            across += columns.weight(x) * row[x * stride];
        }
        sum += rows.weight(y) * across;
    }
    return mean_of(sum, rows.total * columns.total);
}

// The probability of the last look at a place of this one; bilinear, 0 outside its window.
__device__ float moved(const Look &look, const Axis &down, const Axis &across, int64_t y,
                       int64_t x) {
    Source row = down.at(y), column = across.at(x);
    if (!row.inside || !column.inside) {
        return 0;
    }
    const float *above = look.last_logits + int64_t{row.before} * look.last_width;
    const float *below = row.before + 1 < look.last_height ? above + look.last_width : above;
    int left = column.before, right = least(left + 1, look.last_width - 1);
    float upper = lerp(sigmoid(above[left]), sigmoid(above[right]), column.weight);
    float lower = lerp(sigmoid(below[left]), sigmoid(below[right]), column.weight);
    return lerp(upper, lower, row.weight);
}

__device__ bool same(const Box &a, const Box &b) {
    return a.x0 == b.x0 && a.y0 == b.y0 && a.x1 == b.x1 && a.y1 == b.y1;
}

}  // namespace

// The next level of the pyramid. Where a side is odd, its last pixels count twice.
extern "C" __global__ void halve(const Look *parameters) {
    const Look &look = *parameters;
    int64_t height = (look.level_height + 1) / 2, width = (look.level_width + 1) / 2;
    FOR_EACH(i, height * width) {
        int64_t y = i / width * 2, x = i % width * 2;
        int64_t y1 = least(y + 1, int64_t{look.level_height} - 1);
        int64_t x1 = least(x + 1, int64_t{look.level_width} - 1);
        for (int c = 0; c < 3; ++c) {
            const uint8_t *above = look.photo + y * look.photo_pitch * 3 + c;
            const uint8_t *below = look.photo + y1 * look.photo_pitch * 3 + c;
            look.halved[i * 3 + c] =
                quarter(above[x * 3], above[x1 * 3], below[x * 3], below[x1 * 3]);
        }
    }
}

// The colours of the window: a region of the photo (of a level) to three planes of the input.
extern "C" __global__ void photo_to_planes(const Look *parameters) {
    const Look &look = *parameters;
    if (!look.repaint) {
        return;
    }
    int64_t height = look.region.y1 - look.region.y0, width = look.region.x1 - look.region.x0;
    int64_t pitch = look.photo_pitch * 3;
    const uint8_t *first = look.photo + look.region.y0 * pitch + int64_t{look.region.x0} * 3;
    FOR_EACH(i, area(look)) {
        Taps rows = taps(height, look.height, i / look.width);
        Taps columns = taps(width, look.width, i % look.width);
        for (int c = 0; c < 3; ++c) {
            look.input[c * area(look) + i] =
                resampled(first + c, pitch, 3, rows, columns, height, width);
        }
    }
}

// Empties the click planes.
extern "C" __global__ void clear_planes(const Look *parameters) {
    const Look &look = *parameters;
    if (look.clear) {
        FOR_EACH(i, 2 * area(look)) { look.input[kPlanes * area(look) + i] = 0; }
    }
}

// Takes the discs of clicks away that are no longer set. Discs of other clicks that overlap them
// must be drawn again.
extern "C" __global__ void erase_discs(const Look *parameters) {
    const Look &look = *parameters;
    int64_t edge = side(look.radius);
    FOR_EACH(i, look.erased_count * edge * edge) {
        if (float *pixel = disc_pixel(look, look.erased_cells, i)) {
            *pixel = 0;
        }
    }
}

// Draws the discs of clicks: only the (2r+1)^2 pixels around each are touched.
extern "C" __global__ void draw_discs(const Look *parameters) {
    const Look &look = *parameters;
    int64_t edge = side(look.radius);
    FOR_EACH(i, (look.cell_count - look.first_drawn) * edge * edge) {
        if (float *pixel = disc_pixel(look, look.cells + int64_t{look.first_drawn} * 3, i)) {
            *pixel = 1;
        }
    }
}

// The previous mask's probability, where the model reads it.
extern "C" __global__ void fill_previous(const Look *parameters) {
    const Look &look = *parameters;
    if (look.channels <= kPrevious) {
        return;
    }
    float *plane = look.input + kPrevious * area(look);
    const Box &window = look.window, &last = look.last_window;
    int64_t height = window.y1 - window.y0, width = window.x1 - window.x0;
    Axis down{}, across{};
    if (look.previous == kLogits) {
        down = axis(look.last_height, last.y0, last.y1, window.y0, window.y1, look.height);
        across = axis(look.last_width, last.x0, last.x1, window.x0, window.x1, look.width);
    }
    FOR_EACH(i, area(look)) {
        int64_t y = i / look.width, x = i % look.width;
        if (look.previous == kNothing) {
            plane[i] = 0;
        } else if (look.previous == kMask) {
            // Beyond the photo's border, which the window may cross, nothing is set.
            const uint8_t *first =
                look.start_mask + int64_t{window.y0} * look.photo_width + window.x0;
            plane[i] = resampled(first, look.photo_width, 1, taps(height, look.height, y),
                                 taps(width, look.width, x), look.photo_height - window.y0,
                                 look.photo_width - window.x0);
        } else if (same(last, window)) {
            plane[i] = sigmoid(look.last_logits[i]);
        } else {
            plane[i] = moved(look, down, across, y, x);
        }
    }
}

// Puts the disc of each click that is on the wrong side onto the right one, in order
// (obedience.obey). For one block.
extern "C" __global__ void obey(const Look *parameters) {
    const Look &look = *parameters;
    int edge = side(kObeyRadius);
    for (int n = 0; n < look.cell_count; ++n) {
        const int32_t *cell = look.cells + int64_t{n} * 3;
        float sign = cell[2] == 1 ? 1.0F : -1.0F;
        bool disobeyed = sign * look.logits[int64_t{cell[1]} * look.width + cell[0]] <= 0;
        __syncthreads();
        for (int i = threadIdx.x; disobeyed && i < edge * edge; i += blockDim.x) {
            int dx = i % edge - kObeyRadius, dy = i / edge - kObeyRadius;
            int x = cell[0] + dx, y = cell[1] + dy;
            if (x < 0 || y < 0 || x >= look.width || y >= look.height ||
                !on_disc(dx, dy, kObeyRadius)) {
                continue;
            }
            float *logit = look.logits + int64_t{y} * look.width + x;
            if (sign * *logit < kObeyLogit) {
                *logit = sign * kObeyLogit;
            }
        }
        __syncthreads();
    }
}

// Where the photo's rows and columns lie among the logits: the divisions, once for each.
extern "C" __global__ void place_mask(const Look *parameters) {
    const Look &look = *parameters;
    const Box &window = look.window;
    int64_t bottom = least(window.y1, look.photo_height), right = least(window.x1, look.photo_width);
    int64_t height = bottom - window.y0, width = right - window.x0;
    Axis down = axis(look.height, window.y0, window.y1, window.y0, bottom, height);
    Axis across = axis(look.width, window.x0, window.x1, window.x0, right, width);
    FOR_EACH(i, height + width) {
        bool is_row = i < height;
        Source source = is_row ? down.at(i) : across.at(i - height);
        Place *place = is_row ? look.rows + i : look.columns + (i - height);
        *place = {source.before, source.weight};
    }
}

// The mask in the photo's resolution, 0 or 1: background outside the window.
extern "C" __global__ void logits_to_mask(const Look *parameters) {
    const Look &look = *parameters;
    const Box &window = look.window;
    FOR_EACH(i, int64_t{look.photo_height} * look.photo_width) {
        int64_t y = i / look.photo_width, x = i % look.photo_width;
        if (y < window.y0 || y >= window.y1 || x < window.x0 || x >= window.x1) {
            look.mask[i] = 0;
            continue;
        }
        Place row = look.rows[y - window.y0], column = look.columns[x - window.x0];
        const float *above = look.logits + int64_t{row.before} * look.width;
        const float *below = row.before + 1 < look.height ? above + look.width : above;
        int left = column.before, right = least(left + 1, look.width - 1);
        look.mask[i] = is_foreground(above[left], above[right], below[left], below[right],
                                     column.weight, row.weight);
    }
}
