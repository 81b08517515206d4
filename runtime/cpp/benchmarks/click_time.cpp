// What a click costs beside the network, in milliseconds, as CSV: one line for each click after the
// first of a session, on a photo of noise around a disc.
//   click_time MODEL.onnx WIDTH HEIGHT SIZE CLICKS THREADS
// evaluation/cpp_speed.py runs it and makes the table.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <ioebss/ioebss.hpp>
#include <random>
#include <string>
#include <vector>

namespace {

std::vector<std::uint8_t> drawn(std::int32_t width, std::int32_t height) {
    std::mt19937 generator(1);
    std::vector<std::uint8_t> pixels;
    pixels.reserve(std::size_t{3} * static_cast<std::size_t>(width) *
                   static_cast<std::size_t>(height));
    for (std::int32_t y = 0; y < height; ++y) {
        for (std::int32_t x = 0; x < width; ++x) {
            const double dx = (x + 0.5) / width - 0.5, dy = (y + 0.5) / height - 0.5;
            const int level = dx * dx + dy * dy < 0.06 ? 180 : 60;
            for (int c = 0; c < 3; ++c) {
                pixels.push_back(static_cast<std::uint8_t>(level + generator() % 32));
            }
        }
    }
    return pixels;
}

void run(char **arguments) {
    const std::int32_t width = std::atoi(arguments[2]), height = std::atoi(arguments[3]);
    const int clicks = std::atoi(arguments[5]);
    ioebss::Options options;
    options.size = std::atoi(arguments[4]);
    options.threads = std::atoi(arguments[6]);
    const ioebss::Model model(arguments[1], options);
    const std::vector<std::uint8_t> pixels = drawn(width, height);
    ioebss::Session session = model.open({pixels.data(), width, height});
    std::vector<std::uint8_t> mask(static_cast<std::size_t>(width) *
                                   static_cast<std::size_t>(height));
    std::mt19937 generator(2);
    std::printf("click,network,whole\n");
    for (int i = 0; i < clicks; ++i) {
        const double x = width * (0.3 + 0.4 * (generator() % 1000) / 1000);
        const double y = height * (0.3 + 0.4 * (generator() % 1000) / 1000);
        const auto start = std::chrono::steady_clock::now();
        session.click(x, y, i % 3 != 2, {mask.data(), width, height});
        const std::chrono::duration<double, std::milli> whole =
            std::chrono::steady_clock::now() - start;
        std::printf("%d,%.4f,%.4f\n", i, session.timing().network, whole.count());
    }
}

}  // namespace

int main(int count, char **arguments) {
    if (count != 7) {
        std::fprintf(stderr, "usage: %s MODEL.onnx WIDTH HEIGHT SIZE CLICKS THREADS\n",
                     arguments[0]);
        return 2;
    }
    try {
        run(arguments);
    } catch (const std::exception &error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
