// A program that carries its model in itself, and so needs no file but ONNX Runtime's library. It
// clicks in the middle of a drawn photo and prints how many pixels are on the object.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <ioebss/ioebss.hpp>
#include <vector>

// embedded_model.S
extern "C" const std::uint8_t model_begin[], model_end[], manifest_begin[], manifest_end[];

namespace {

ioebss::Bytes between(const std::uint8_t *begin, const std::uint8_t *end) {
    return {begin, static_cast<std::size_t>(end - begin)};
}

// A light disc on a dark ground.
std::vector<std::uint8_t> disc(std::int32_t side) {
    std::vector<std::uint8_t> pixels;
    for (std::int32_t y = 0; y < side; ++y) {
        for (std::int32_t x = 0; x < side; ++x) {
            const std::int32_t dx = 2 * x - side, dy = 2 * y - side;
            pixels.push_back(4 * (dx * dx + dy * dy) < side * side ? 200 : 50);
        }
    }
    return pixels;
}

}  // namespace

int main() {
    constexpr std::int32_t kSide = 256;
    try {
        const auto model = ioebss::Model::from_memory(between(model_begin, model_end),
                                                      between(manifest_begin, manifest_end));
        ioebss::Session session =
            model.open({disc(kSide).data(), kSide, kSide, ioebss::Channels::grey});
        const ioebss::MaskView mask = session.click(kSide / 2.0, kSide / 2.0);
        std::printf("%d\n", static_cast<int>(std::count(mask.data, mask.data + kSide * kSide,
                                                        std::uint8_t{255})));
    } catch (const std::exception &error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
