// The arithmetic of a look at a photo, pixel by pixel: one text for the CUDA kernels, for the C++
// library and for the host build that is tested against NumPy. What is exact here is exact in
// runtime/resampling.py, planes.py, obedience.py and enlargement.py; what is float32 there is the
// same operations in the same order here. So all give the same bits, provided that no compiler
// fuses a product with a sum: nvcc -fmad=false, gcc and clang -ffp-contract=off.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__FAST_MATH__)
#error "compile without -ffast-math: the results would differ from the reference"
#endif

#if defined(__CUDACC__)
#define IOEBSS_INLINE __host__ __device__ inline
#else
#define IOEBSS_INLINE inline
#endif

namespace ioebss::arithmetic {

template <typename T>
IOEBSS_INLINE T least(T a, T b) {
    return b < a ? b : a;
}

template <typename T>
IOEBSS_INLINE T greatest(T a, T b) {
    return a < b ? b : a;
}

// Division of whole numbers that rounds down; the divisor is positive.
IOEBSS_INLINE std::int64_t floor_divided(std::int64_t a, std::int64_t b) {
    std::int64_t quotient = a / b;
    return quotient * b > a ? quotient - 1 : quotient;
}

// -- photo to network --------------------------------------------------------------------------

// Which of `length` pixels make pixel `i` of `count` along one axis (resampling.taps): those from
// `first` to `last` - 1, the pixel j with weight(j) out of `total`.
struct Taps {
    std::int64_t length, count, i, first, last, total, after;

    IOEBSS_INLINE std::int64_t weight(std::int64_t j) const {
        if (count < length) {  // in units of 1/count of a pixel, each result is `length` wide
            std::int64_t end = least((j + 1) * count, (i + 1) * length);
            return end - greatest(j * count, i * length);
        }
        return j == first ? total - after : after;
    }
};

IOEBSS_INLINE Taps taps(std::int64_t length, std::int64_t count, std::int64_t i) {
    Taps t{length, count, i, 0, 0, length, 0};
    if (count < length) {
        t.first = i * length / count;
        t.last = ((i + 1) * length + count - 1) / count;
        return t;
    }
    t.total = 2 * count;
    std::int64_t place = (2 * i + 1) * length - count;
    place = least(greatest(place, std::int64_t{0}), t.total * (length - 1));
    t.first = least(place / t.total, greatest(length - 2, std::int64_t{0}));
    t.after = place - t.total * t.first;
    t.last = least(t.first + 2, length);
    return t;
}

// A weighted sum of 8-bit values over the sum of its weights: exact, then rounded once.
IOEBSS_INLINE float mean_of(std::int64_t sum, std::int64_t whole) {
    return static_cast<float>(static_cast<double>(sum) / static_cast<double>(whole));
}

// Four pixels to one of the next level of the pyramid (pyramid._halved): halves up.
IOEBSS_INLINE std::uint8_t quarter(int a, int b, int c, int d) {
    return static_cast<std::uint8_t>((a + b + c + d + 2) >> 2);
}

// -- clicks --------------------------------------------------------------------------------------

// The network pixel that holds the centre of a photo pixel, along one axis (clicks.to_network).
IOEBSS_INLINE std::int64_t to_network(std::int64_t position, std::int64_t size,
                                      std::int64_t network_size) {
    return (2 * position + 1) * network_size / (2 * size);
}

// Whether a pixel this far from a click is on its disc (equation 2, planes.disc).
IOEBSS_INLINE bool on_disc(int dx, int dy, int radius) {
    return dx * dx + dy * dy <= radius * radius;
}

constexpr float kObeyLogit = 1.0F;  // obedience.LOGIT
constexpr int kObeyRadius = 3;      // obedience.RADIUS

// -- between windows and between resolutions ----------------------------------------------------

// Where a pixel centre lies among pixels of another grid, along one axis.
struct Source {
    int before;    // the pixel before it, at most length - 2 where there are two
    float weight;  // of the pixel after, 0..1
    bool inside;
};

// resampling.sources for one axis: the centres of `count` pixels that cover first..last, seen from
// `length` pixels that cover start..end. `common` divides count and last - first: keep it large, and
// the products stay within 64 bits.
struct Axis {
    std::int64_t length, count, span, shift, whole;

    IOEBSS_INLINE Source at(std::int64_t i) const {
        std::int64_t place = shift + (2 * i + 1) * span;
        std::int64_t scaled = 2 * place * length - whole;
        scaled = least(greatest(scaled, std::int64_t{0}), 2 * whole * (length - 1));
        std::int64_t before = least(scaled / (2 * whole), greatest(length - 2, std::int64_t{0}));
        double rest = static_cast<double>(scaled - 2 * whole * before);
        float weight = static_cast<float>(rest / static_cast<double>(2 * whole));
        return {static_cast<int>(before), weight, place >= 0 && place < whole};
    }
};

IOEBSS_INLINE std::int64_t common_divisor(std::int64_t a, std::int64_t b) {
    while (b != 0) {
        std::int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

IOEBSS_INLINE Axis axis(std::int64_t length, std::int64_t start, std::int64_t end,
                        std::int64_t first, std::int64_t last, std::int64_t count) {
    std::int64_t common = common_divisor(count, last - first);
    std::int64_t reduced = count / common;
    return {length, reduced, (last - first) / common, 2 * reduced * (first - start),
            2 * reduced * (end - start)};
}

// resampling.lerp
IOEBSS_INLINE float lerp(float low, float high, float weight) {
    float difference = high - low;
    float part = difference * weight;
    return part + low;
}

// resampling.sigmoid: 2^-k times the series of exp around 0.
IOEBSS_INLINE float sigmoid(float logit) {
    constexpr float kSeries[] = {1.0F / 120, 1.0F / 24, 1.0F / 6, 0.5F, 1.0F, 1.0F};
    float distance = logit < 0 ? -logit : logit;
    distance = distance < 87.0F ? distance : 87.0F;  // not a number too
    float scaled = distance * 1.4426950408889634F;
    // Nearest, ties to even, of what is less than 2^22: adding 1.5 * 2^23 leaves no fraction.
    float power = (scaled + 12582912.0F) - 12582912.0F;
    float rest = power * 0.693145751953125F;
    rest = rest - distance;
    float low = power * 1.428606765330187e-06F;
    rest = rest + low;
    float series = 1.0F / 720;
    for (float coefficient : kSeries) {
        series = series * rest;
        series = series + coefficient;
    }
    std::int32_t bits = (127 - static_cast<std::int32_t>(power)) << 23;
    float scale;
    std::memcpy(&scale, &bits, sizeof scale);
    series = series * scale;
    return (logit >= 0 ? 1.0F : series) / (1.0F + series);
}

// -- logits to mask ------------------------------------------------------------------------------

// Whether a pixel between four logits (above and below, left and right) is foreground
// (enlargement.logits_to_mask). Where the four have one sign there is nothing to compute.
IOEBSS_INLINE bool is_foreground(float above_left, float above_right, float below_left,
                                 float below_right, float across, float down) {
    int positive = (above_left > 0) + (above_right > 0) + (below_left > 0) + (below_right > 0);
    if (positive == 0 || positive == 4) {
        return positive == 4;
    }
    float upper = lerp(above_left, above_right, across);
    float lower = lerp(below_left, below_right, across);
    return lerp(upper, lower, down) > 0;
}

}  // namespace ioebss::arithmetic
